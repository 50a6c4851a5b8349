# Copyright 2026 mm_robust_seg maintainers
# SPDX-License-Identifier: Apache-2.0

"""``dataset.json`` or ``dataset.yaml``: the units of images whose files do not tell them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, make_dataclass
from pathlib import Path

from mm_robust_seg.datasets.units import STATED
from mm_robust_seg.errors import ConfigError, DataError
from mm_robust_seg.schema import load, parameter

FILES = ('dataset.json', 'dataset.yaml', 'dataset.yml')


@dataclass(frozen=True)
class Description:
    """What the owner of a data folder says about it, the units of each sensor aside."""

    name: str | None = parameter(None, 'Of the data.')
    licence: str | None = parameter(None, 'Under which they may be used.')

    @property
    def units(self) -> Mapping[str, float]:
        """What is stated of the names in ``units.STATED``."""
        values = {name: getattr(self, name, None) for name in STATED}
        return {name: value for name, value in values.items() if value is not None}


_Described = make_dataclass(
    'Description',
    [
        (name, float | None, parameter(None, spec.doc, spec.minimum, spec.maximum))
        for name, (_, _, spec) in STATED.items()
    ],
    bases=(Description,),
    frozen=True,
)


def read_description(folder: Path) -> Description:
    """Return the description in ``folder``, or an empty one.

    Raises:
        DataError: if there are two, or one has a field that is unknown or makes no sense.
    """
    found = [folder / name for name in FILES if (folder / name).is_file()]
    if not found:
        return Description()
    if len(found) > 1:
        raise DataError(f'{folder} has {found[0].name} and {found[1].name}: expected one of them')
    try:
        return load(_Described, found[0], 'a description of the data set')
    except ConfigError as error:
        raise DataError(str(error)) from error
