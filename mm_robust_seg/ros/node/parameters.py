# Copyright 2026 mm_robust_seg maintainers
# SPDX-License-Identifier: Apache-2.0

"""The configuration schema as ROS parameters: names, types, descriptions, ranges, refusals.

Whatever a parameter file says is checked here, and not by rclpy, which would end the node. A wrong
value never does: it is remembered, and refused when the node is configured.
"""

from __future__ import annotations

from collections.abc import Iterable
import sys
from typing import Any

from rcl_interfaces.msg import FloatingPointRange, IntegerRange, ParameterDescriptor
from rclpy.node import Node
from rclpy.parameter import Parameter

from mm_robust_seg.config import Config
from mm_robust_seg.errors import ConfigError
from mm_robust_seg.schema import check_type, flatten, Spec, unknown, with_values

_LARGEST_INT = 2**63 - 1


class Parameters:
    """The parameters of one node, and the configuration they stand for.

    Attributes:
        warnings: names in the parameter files that the schema does not know, one sentence each.
    """

    def __init__(self, node: Node) -> None:
        """Declare every parameter of the schema on ``node``, with the values of its files."""
        self._node = node
        self._specs = {name: spec for name, _, spec in flatten(Config())}
        self._problems: dict[str, str] = {}
        # rclpy tells what the files say only of names that are declared, by raising if it does not
        # fit; and a node that declares them by itself cannot be made with an empty list in a file.
        given = {name: item.value for name, item in node._parameter_overrides.items()}
        foreign = [name for name in given if name not in self._specs and not _is_builtin(name)]
        self.warnings = [unknown(name, self._specs) for name in foreign]
        for name, default, spec in flatten(Config()):
            value = self._checked(name, given[name], default) if name in given else default
            node.declare_parameter(name, value, descriptor(default, spec), ignore_override=True)
        if hasattr(node, 'add_pre_set_parameters_callback'):  # not in Humble
            node.add_pre_set_parameters_callback(self._meant)

    def _checked(self, name: str, value: Any, default: Any) -> Any:
        try:
            if value is None:
                raise ConfigError(
                    f'{name} is an empty list, which ROS cannot pass on: expected something like '
                    f'{default!r}; leave it out to have that'
                )
            value = self._specs[name].meant(value)
            check_type(name, value, default)
            self._specs[name].check(name, value)
        except ConfigError as error:
            self._problems[name] = str(error)
            return default
        return type(default)(value)

    @property
    def problems(self) -> tuple[str, ...]:
        """What is wrong in the parameter files, one sentence each, until it is set right."""
        return tuple(self._problems.values())

    def config(self) -> Config:
        """Return the configuration that the parameters stand for.

        Raises:
            ConfigError: naming the parameter, what was found and what was expected.
        """
        if self._problems:
            raise ConfigError('; '.join(self.problems))
        return with_values(Config(), self._values())

    def changed(self, changes: Iterable[Parameter], configured: bool) -> Config | None:
        """Return the configuration after ``changes``, or None where they do not concern it.

        Args:
            changes: parameters with their new values, all at once.
            configured: whether the engine is loaded; then only live parameters may
                change; the value that one has already is no change.

        Raises:
            ConfigError: with the reason for which the changes must be refused.
        """
        values = {c.name: _plain(c.value) for c in changes if c.name in self._specs}
        current = self._values()
        new = [name for name, value in values.items() if value != current[name]]
        fixed = [name for name in new if configured and not self._specs[name].live]
        if fixed:
            raise ConfigError(
                f'{", ".join(fixed)} cannot change while the engine is loaded: '
                'deactivate and clean up the node, set it, and configure again'
            )
        if not values:
            return None
        config = with_values(Config(), {**current, **values})
        for name in values:
            self._problems.pop(name, None)
        return config

    def _meant(self, changes: Iterable[Parameter]) -> list[Parameter]:
        """Put texts where YAML made others of them, before rclpy compares the types."""

        def meant(change: Parameter) -> Parameter:
            spec = self._specs.get(change.name)
            value = spec.meant(change.value) if spec else change.value
            return change if value is change.value else Parameter(change.name, value=value)

        return [meant(change) for change in changes]

    def _values(self) -> dict[str, Any]:
        items = self._node.get_parameters(list(self._specs))
        return {item.name: _plain(item.value) for item in items}


def _plain(value: Any) -> Any:
    """Return text arrays as lists; releases differ in the sequence they hand out."""
    return list(value) if isinstance(value, tuple) else value


def _is_builtin(name: str) -> bool:
    """Tell the parameters that rclpy declares for itself."""
    own = name in ('use_sim_time', 'start_type_description_service')
    return own or name.startswith('qos_overrides.')


def descriptor(value: object, spec: Spec) -> ParameterDescriptor:
    """Describe one parameter to ROS tools: what it means, its range, and when it may change."""
    choices = f'Expected: {spec.known()}.' if spec.choices else ''
    fixed = '' if spec.live else 'Changes only while the node is unconfigured.'
    result = ParameterDescriptor(
        description=spec.doc, additional_constraints=f'{choices} {fixed}'.strip()
    )
    bounded = spec.minimum is not None or spec.maximum is not None
    if bounded and isinstance(value, float):
        low = -sys.float_info.max if spec.minimum is None else float(spec.minimum)
        high = sys.float_info.max if spec.maximum is None else float(spec.maximum)
        result.floating_point_range = [FloatingPointRange(from_value=low, to_value=high)]
    elif bounded and isinstance(value, int):
        lowest = -_LARGEST_INT if spec.minimum is None else int(spec.minimum)
        highest = _LARGEST_INT if spec.maximum is None else int(spec.maximum)
        result.integer_range = [IntegerRange(from_value=lowest, to_value=highest, step=1)]
    return result
