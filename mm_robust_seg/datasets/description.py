"""``dataset.json`` or ``dataset.yaml``: the units of images whose files do not tell them."""

from __future__ import annotations

from dataclasses import dataclass, fields, replace
from pathlib import Path

from mm_robust_seg.datasets.units import Units
from mm_robust_seg.errors import ConfigError, DataError
from mm_robust_seg.schema import load, parameter

FILES = ('dataset.json', 'dataset.yaml', 'dataset.yml')


@dataclass(frozen=True)
class Description:
    """What the owner of a data folder says about it; see ``units.Units`` for the formulas."""

    name: str | None = parameter(None, 'Of the data.')
    licence: str | None = parameter(None, 'Under which they may be used.')
    thermal_scale_k: float | None = parameter(None, 'Kelvin of one step.', 1e-12)
    thermal_offset_k: float | None = parameter(None, 'Kelvin of the stored value 0.')
    depth_scale_m: float | None = parameter(None, 'Metres of one step.', 1e-12)

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
    try:
        return load(Description, found[0], 'a description of the data set')
    except ConfigError as error:
        raise DataError(str(error)) from error
