# Copyright 2026 mm_robust_seg maintainers
# SPDX-License-Identifier: Apache-2.0

"""What packages of the user's own add, found by the entry points in their metadata.

A package that brings an engine says so in its ``pyproject.toml``::

    [project.entry-points."mm_robust_seg.engines"]
    my_npu = "my_package.engine:NpuEngine"

and ``engine.backend: my_npu`` takes it. Nothing of a package is imported before it is asked for by
its name. docs/extending.md has one package of each kind.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable
from dataclasses import dataclass
from functools import lru_cache
from importlib.metadata import entry_points, EntryPoint
import sys
from typing import Any

from mm_robust_seg.errors import PluginError

_OURS = 'mm_robust_seg'


@dataclass(frozen=True)
class Seam:
    """A kind of thing that packages may add.

    Attributes:
        group: of the entry points.
        what: one such thing, for messages.
    """

    group: str
    what: str

    @property
    def names(self) -> tuple[str, ...]:
        """What the installed packages add; nothing of them is imported."""
        return tuple(dict.fromkeys(point.name for point in self._points))

    def find(self, name: str, built_in: Collection[str] = ()) -> Any:
        """Import what a package offers as ``name``; return None where that is built in.

        Raises:
            PluginError: if nobody or more than one offers it, or it cannot be imported.
        """
        offers = [point for point in self._points if point.name == name]
        owners = [_OURS] * (name in built_in) + [_package(point) for point in offers]
        if len(owners) > 1:
            raise PluginError(
                f'{self.what} {name!r} comes from {" and from ".join(owners)}: uninstall one of '
                f'them, or give its entry point of {self.group} another name'
            )
        if not owners:
            raise PluginError(f'there is no {self.what} {name!r}: expected {self.known(built_in)}')
        return _imported(offers[0], self) if offers else None

    def known(self, built_in: Iterable[str] = ()) -> str:
        """Say in words what may be asked for, and where packages say what they add."""
        added = f'a plug-in of {self.group} ({", ".join(self.names) or "none is installed"})'
        ours = ', '.join(built_in)
        return f'one of {ours}, or {added}' if ours else added

    @property
    def _points(self) -> tuple[EntryPoint, ...]:
        return _declared(self.group, tuple(sys.path))


ENGINES = Seam('mm_robust_seg.engines', 'engine')
"""``engine.base.MakeEngine`` each."""
DATASETS = Seam('mm_robust_seg.datasets', 'data set')
"""Each makes a ``datasets.samples.Dataset`` of (folder, name of the split)."""
METHODS = Seam('mm_robust_seg.methods', 'method')
"""``training.methods.MethodEntry`` each."""
NETWORKS = Seam('mm_robust_seg.networks', 'backbone')
"""Each makes a ``network.backbones.base.Backbone`` of its number of input channels."""
CHECKS = Seam('mm_robust_seg.checks', 'health check')
"""``stages.health.observation.Check`` each."""


@lru_cache
def _declared(group: str, path: tuple[str, ...]) -> tuple[EntryPoint, ...]:
    """Read the metadata of all packages on ``path``, which is ``sys.path``, once."""
    return tuple(entry_points(group=group))


def _package(point: EntryPoint) -> str:
    return point.dist.name if point.dist else point.value


def _imported(point: EntryPoint, seam: Seam) -> Any:
    try:
        return point.load()
    except Exception as error:
        raise PluginError(
            f'{seam.what} {point.name!r} of package {_package(point)} ({point.value}) cannot be '
            f'imported: {type(error).__name__}: {error}; mend the package, or ask for another'
        ) from error
