"""``dataset.json`` or ``dataset.yaml``: the units of images whose files do not tell them."""

from __future__ import annotations

from dataclasses import dataclass, fields, replace
import json
import math
from pathlib import Path
from typing import Any

import yaml

from mm_robust_seg.datasets.reading import read_text
from mm_robust_seg.datasets.units import Units
from mm_robust_seg.errors import DataError

FILES = ('dataset.json', 'dataset.yaml', 'dataset.yml')


@dataclass(frozen=True)
class Description:
    """What the owner of a data folder says about it; see ``units.Units`` for the formulas."""

    name: str | None = None
    licence: str | None = None
    thermal_scale_k: float | None = None
    thermal_offset_k: float | None = None
    depth_scale_m: float | None = None

    def units(self, usual: Units) -> Units:
        """Return ``usual`` changed by what is stated."""
        names = [field.name for field in fields(Units)]
        stated = {name: value for name in names if (value := getattr(self, name)) is not None}
        return replace(usual, **stated)


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
    path = found[0]
    text = read_text(path, 'a description of the data set')
    try:
        values = json.loads(text) if path.suffix == '.json' else yaml.safe_load(text)
    except (ValueError, yaml.YAMLError) as error:
        raise DataError(f'{path} cannot be read as {path.suffix[1:]}: {error}') from error
    known = [field.name for field in fields(Description)]
    if not isinstance(values, dict) or set(values) - set(known):
        given = ', '.join(map(str, values)) if isinstance(values, dict) else type(values).__name__
        raise DataError(f'{path} holds {given}: expected a mapping of {", ".join(known)}')
    for name, value in values.items():
        _check(path, name, value)
    return Description(**values)


def _check(path: Path, name: str, value: Any) -> None:
    if name in ('name', 'licence'):
        if not isinstance(value, str):
            raise DataError(f'{path} has {name} {value!r}: expected text')
        return
    number = isinstance(value, (int, float)) and not isinstance(value, bool)
    if not number or not math.isfinite(value) or ('scale' in name and value <= 0):
        raise DataError(f'{path} has {name} {value!r}: expected a finite number, scales above 0')
