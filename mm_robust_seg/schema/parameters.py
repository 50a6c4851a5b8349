# Copyright 2026 mm_robust_seg maintainers
# SPDX-License-Identifier: Apache-2.0

"""How a schema is declared: dataclass fields that carry documentation, unit and range.

A tree of frozen dataclasses whose leaves are made by :func:`parameter`; a dotted name such as
``monitor.thermal.ffc_max_s`` is the path through it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
import dataclasses
from dataclasses import dataclass, field
import difflib
import math
import reprlib
from typing import Any, cast, TypeVar

from mm_robust_seg.errors import ConfigError
from mm_robust_seg.plugins import Seam

Value = bool | int | float | str | list[str]
LARGEST_INT = 2**63 - 1
_BOOLEANS = {'true': True, 'false': False}
_SHORT = reprlib.Repr()
_SHORT.maxstring = _SHORT.maxother = 60
T = TypeVar('T')


@dataclass(frozen=True)
class Spec:
    """Documentation and bounds of one parameter.

    Attributes:
        maximum: the largest value; infinity allows it.
        seam: where packages add to ``choices``.
        off: whether the word off means something beside other texts.
        live: whether it may change while running.
        read: makes the value from (dotted name, what the file holds), where its type does not
            tell how.
    """

    doc: str
    minimum: float | None = None
    maximum: float | None = None
    choices: tuple[str, ...] = ()
    live: bool = True
    read: Callable[[str, Any], Any] | None = None
    seam: Seam | None = None
    off: bool = False

    def check(self, name: str, value: Value) -> None:
        """Raise ConfigError if ``value`` is outside the range or the choices."""
        low, high = self.minimum, self.maximum
        if isinstance(value, float) and not math.isfinite(value) and value != high:
            raise ConfigError(f'{name} is {value}: expected a finite number')
        if isinstance(value, (int, float)) and not _inside(value, low, high):
            raise ConfigError(f'{name} is {value}: expected a value {self.bounds()}')
        if self.choices and isinstance(value, list) and len(value) > len(self.allowed):
            raise ConfigError(
                f'{name} has {len(value)} entries: expected at most {len(self.allowed)}, '
                f'each {self.known()}'
            )
        if self.choices:
            for item in value if isinstance(value, list) else [value]:
                if item not in self.choices and not (self.seam and item in self.seam.names):
                    raise ConfigError(f'{name} is {shown(item)}: expected {self.known()}')

    def meant(self, value: Any) -> Any:
        """Return ``value``, or off for what YAML 1.1 makes of that word where it has no quotes."""
        return 'off' if value is False and (self.off or 'off' in self.choices) else value

    @property
    def allowed(self) -> tuple[str, ...]:
        """The choices, and what packages add to them."""
        return (*self.choices, *(self.seam.names if self.seam else ()))

    def known(self) -> str:
        """Say in words what may be chosen."""
        return self.seam.known(self.choices) if self.seam else f'one of {", ".join(self.choices)}'

    def bounds(self) -> str:
        """Say the range in words."""
        if self.minimum is not None and self.maximum is not None:
            return f'from {self.minimum:g} to {self.maximum:g}'
        if self.minimum is not None:
            return f'of at least {self.minimum:g}'
        return f'of at most {self.maximum:g}' if self.maximum is not None else ''


def _inside(value: float, low: float | None, high: float | None) -> bool:
    return (low is None or value >= low) and (high is None or value <= high)


def parameter(
    default: T,
    doc: str,
    low: float | None = None,
    high: float | None = None,
    choices: tuple[str, ...] = (),
    live: bool = True,
    read: Callable[[str, Any], T] | None = None,
    seam: Seam | None = None,
    off: bool = False,
) -> T:
    """Declare a dataclass field with its documentation and bounds; see :class:`Spec`."""
    metadata = {'spec': Spec(doc, low, high, choices, live, read, seam, off)}
    if isinstance(default, (list, dict)):
        return cast(T, field(default_factory=default.copy, metadata=metadata))
    return field(default=default, metadata=metadata)


def required(
    doc: str,
    low: float | None = None,
    high: float | None = None,
    choices: tuple[str, ...] = (),
    read: Callable[[str, Any], Any] | None = None,
) -> Any:
    """Declare a dataclass field without default, which a file must therefore state."""
    return field(metadata={'spec': Spec(doc, low, high, choices, read=read)})


def flatten(config: object, prefix: str = '') -> Iterator[tuple[str, Any, Spec]]:
    """Yield (dotted name, value, spec) of every parameter."""
    for item in dataclasses.fields(cast(Any, config)):
        value = getattr(config, item.name)
        if 'spec' in item.metadata:
            yield prefix + item.name, value, item.metadata['spec']
        else:
            yield from flatten(value, f'{prefix}{item.name}.')


def check_all(config: object) -> None:
    """Raise ConfigError if a parameter is outside its range or choices."""
    for name, value, spec in flatten(config):
        spec.check(name, value)


def with_values(config: T, values: Mapping[str, Any]) -> T:
    """Return ``config`` with parameters changed by their dotted names.

    Raises:
        ConfigError: on an unknown name, a value of another type, or one out of range.
    """
    known = {name: (current, spec) for name, current, spec in flatten(config)}
    meant: dict[str, Any] = {}
    for name, value in values.items():
        if name not in known:
            raise ConfigError(unknown(name, known))
        current, spec = known[name]
        meant[name] = spec.meant(value)
        check_type(name, meant[name], current)
    return cast(T, _replace(config, '', meant))


def parse_settings(texts: Sequence[str], config: object) -> dict[str, Value]:
    """Read ``name=value`` texts by the types of ``config``; lists are separated by commas.

    Raises:
        ConfigError: if a text has another form or the value is not of the parameter's type.
            Unknown names are kept as text, for :func:`with_values` to refuse.
    """
    current = {name: value for name, value, _ in flatten(config)}
    settings: dict[str, Value] = {}
    for text in texts:
        name, equals, value = (part.strip() for part in text.partition('='))
        if not equals:
            raise ConfigError(f'{shown(text)} is not a setting: expected name=value')
        settings[name] = _parse(name, value, current.get(name))
    return settings


def _parse(name: str, text: str, current: Value | None) -> Value:
    if isinstance(current, list):
        return [part.strip() for part in text.split(',') if part.strip()]
    if isinstance(current, bool):
        if text.lower() not in _BOOLEANS:
            raise ConfigError(f'{name} is {shown(text)}: expected true or false')
        return _BOOLEANS[text.lower()]
    if isinstance(current, (int, float)):
        try:
            return type(current)(text)
        except ValueError as error:
            kind = 'a whole number' if isinstance(current, int) else 'a number'
            raise ConfigError(f'{name} is {shown(text)}: expected {kind}') from error
    return text


def unknown(name: str, known: Iterable[str], within: str = '') -> str:
    """Say that there is no parameter ``name``, and which one may have been meant.

    Args:
        within: what comes before these names, such as ``conditions.``.
    """
    close = difflib.get_close_matches(name, list(known), n=1)
    meant = f'; did you mean {within}{close[0]}?' if close else ''
    return f'unknown parameter {shown(within + name)}{meant}'


def shown(value: object) -> str:
    """Return a value for a message, shortened."""
    return _SHORT.repr(value)


@contextmanager
def naming(place: object) -> Iterator[None]:
    """Put ``place``, such as the name of a file, before the message of a ConfigError."""
    try:
        yield
    except ConfigError as error:
        raise ConfigError(f'{place}: {error}') from error


def check_type(name: str, value: Any, current: Any) -> None:
    """Raise ConfigError if ``value`` is not of the type of ``current``; an int serves as float."""
    expected = type(current)
    if isinstance(value, int) and abs(value) > LARGEST_INT:
        raise ConfigError(f'{name} is beyond 64 bits: expected a smaller number')
    words = 'list of texts' if expected is list else expected.__name__
    number = expected is float and isinstance(value, int) and not isinstance(value, bool)
    texts = expected is not list or all(isinstance(item, str) for item in value or ())
    if not (type(value) is expected or number) or not texts:
        raise ConfigError(
            f'{name} is {shown(value)} of type {type(value).__name__}: expected {words}, '
            f'such as {current!r}'
        )


def _replace(config: Any, prefix: str, values: Mapping[str, Any]) -> object:
    changes: dict[str, Any] = {}
    for item in dataclasses.fields(config):
        name, current = prefix + item.name, getattr(config, item.name)
        if 'spec' not in item.metadata:
            changes[item.name] = _replace(current, f'{name}.', values)
        elif name in values:
            changes[item.name] = type(current)(values[name])
    return dataclasses.replace(config, **changes)
