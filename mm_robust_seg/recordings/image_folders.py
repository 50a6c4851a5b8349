"""A folder data set: ``rgb/``, ``thermal/``, ``depth/`` and, where there is truth, ``label/``.

Images of one moment have the same name. A sensor may be missing altogether or here and there.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from mm_robust_seg.errors import DataError
from mm_robust_seg.modality import Modality
from mm_robust_seg.recordings.storage import natural_key

_SUFFIXES = ('.png', '.jpg', '.jpeg')
_LABEL_FOLDERS = ('label', 'labels')
_ENCODINGS = {
    Modality.RGB: {'uint8': 'rgb8'},
    Modality.THERMAL: {'uint16': 'mono16', 'uint8': 'mono8'},
    Modality.DEPTH: {'uint16': '16UC1'},
    None: {'uint8': 'mono8'},
}
_EXPECTED = {
    Modality.RGB: '8-bit colour',
    Modality.THERMAL: 'one channel of 16 bit (temperature) or 8 bit (contrast-enhanced)',
    Modality.DEPTH: 'one channel of 16 bit, in millimetres',
    None: 'one 8-bit channel of class ids (not colours)',
}


@dataclass(frozen=True)
class ImageFolders:
    """Where the images of a data set are.

    Attributes:
        files: by sensor (None: the true labels) and by name.
        names: all moments, in order.
    """

    files: Mapping[Modality | None, Mapping[str, Path]]
    names: tuple[str, ...]

    def __post_init__(self) -> None:
        for name in self.names:
            if not any(name in files for part, files in self.files.items() if part):
                raise DataError(f'no sensor has {name!r}: expected it in rgb, thermal or depth')


def find_images(folder: Path, split: Path | None = None) -> ImageFolders:
    """List the images in ``folder``, in natural order or in that of a list of names.

    Args:
        folder: of the data set.
        split: text file with a name on each line, or None for all. Relative to ``folder`` if it
            is not found from here.

    Raises:
        DataError: if there are no images, names are ambiguous, or the list does not fit.
    """
    if not folder.is_dir():
        raise DataError(f'there is no folder {folder}: expected one with rgb, thermal or depth')
    parts: dict[Modality | None, Path] = {m: folder / m.value for m in Modality}
    parts[None] = next((p for n in _LABEL_FOLDERS if (p := folder / n).is_dir()), folder / 'label')
    files = {part: _images(path) for part, path in parts.items() if path.is_dir()}
    sensors = {name for part, found in files.items() if part for name in found}
    if not sensors:
        found = ', '.join(sorted(p.name for p in folder.iterdir() if p.is_dir()))
        raise DataError(
            f'{folder} has no images in rgb, thermal or depth (png or jpg); it has the folders '
            f'{found or "(none)"}'
        )
    names = _listed(folder, split) if split else sorted(sensors, key=natural_key)
    return ImageFolders(files, tuple(names))


def load(path: Path, part: Modality | None) -> tuple[NDArray[Any], str]:
    """Read one image and say its sensor_msgs encoding; RGB in R, G, B order.

    Raises:
        DataError: if it cannot be read or is not what the sensor gives.
    """
    flags = cv2.IMREAD_COLOR if part is Modality.RGB else cv2.IMREAD_UNCHANGED
    image = cv2.imread(str(path), flags)
    if image is None:
        raise DataError(f'{path} is not a readable image: expected a complete png or jpg')
    encoding = _ENCODINGS[part].get(str(image.dtype))
    if encoding is None or image.ndim != (3 if part is Modality.RGB else 2):
        channels = image.shape[2] if image.ndim == 3 else 1
        raise DataError(
            f'{path} has {channels} channels of {image.dtype}: expected {_EXPECTED[part]}'
        )
    return (np.ascontiguousarray(image[..., ::-1]) if image.ndim == 3 else image), encoding


def _images(folder: Path) -> dict[str, Path]:
    files: dict[str, Path] = {}
    for path in sorted(folder.iterdir()):
        if path.suffix.lower() not in _SUFFIXES or path.name.startswith('.'):
            continue
        if path.stem in files:
            raise DataError(
                f'{path} and {files[path.stem].name} have the same name: expected one image for '
                'each name'
            )
        files[path.stem] = path
    return files


def _listed(folder: Path, split: Path) -> list[str]:
    path = split if split.is_file() else folder / split
    try:
        lines = path.read_text(encoding='utf-8').splitlines()
    except (OSError, UnicodeDecodeError) as error:
        raise DataError(f'the list of names {split} cannot be read: {error}') from error
    names = [line.strip() for line in lines if line.strip()]
    if not names:
        raise DataError(f'{path} is empty: expected a name on each line')
    return [Path(name).stem if name.lower().endswith(_SUFFIXES) else name for name in names]
