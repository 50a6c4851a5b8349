# Copyright 2026 mm_robust_seg maintainers
# SPDX-License-Identifier: Apache-2.0

"""Find, list and read the files of a folder of images: one folder a sensor, one for the labels.

An error names the file, what it holds and what it should hold.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from mm_robust_seg import schema
from mm_robust_seg.errors import DataError
from mm_robust_seg.modalities import KINDS
from mm_robust_seg.modality import Modality

Stored = NDArray[Any]
"""An image in the type of its file, RGB in R, G, B order."""

Part = Modality | None
"""What an image of a sample is: that of a sensor, or (None) its labels."""

SUFFIXES = ('.png', '.tif', '.tiff', '.bmp', '.pgm', '.ppm', '.jpg', '.jpeg')
LOSSY = ('.jpg', '.jpeg')
_MOST_BYTES = 1 << 26
_LABEL_FOLDERS = ('labels', 'label')
_TO_RGB = {1: cv2.COLOR_GRAY2RGB, 3: cv2.COLOR_BGR2RGB, 4: cv2.COLOR_BGRA2RGB}
_LABELS = 'one channel of class ids (neither colours nor a palette)'


def read_text(path: Path, layout: str, most_bytes: int = 1 << 20) -> str:
    """Return a text file of a data set; ``layout`` says what the folder should hold.

    Raises:
        DataError: if it cannot be read, or is larger than ``most_bytes``.
    """
    try:
        return schema.read_text(path, most_bytes)
    except (OSError, ValueError) as error:
        raise DataError(f'{path} cannot be read ({error}): expected {layout}') from error


def read_names(path: Path, layout: str, repeated: bool = False) -> tuple[str, ...]:
    """Return the sample names in a list of a split, one a line; image suffixes are dropped.

    Args:
        repeated: whether a name may come more than once.

    Raises:
        DataError: if the list is empty, repeats a name, or a name leaves the folder.
    """
    lines = [
        line.strip() for line in read_text(path, layout, _MOST_BYTES).splitlines() if line.strip()
    ]
    if not lines:
        raise DataError(f'{path} is empty: expected one sample name a line')
    for line in lines:
        if Path(line).is_absolute() or '..' in Path(line).parts:
            raise DataError(f'{path} lists {line!r}: expected a name inside the data folder')
    names = tuple(
        line[: -len(suffix)] if (suffix := Path(line).suffix).lower() in SUFFIXES else line
        for line in lines
    )
    name, count = Counter(names).most_common(1)[0]
    if count > 1 and not repeated:
        raise DataError(f'{path} lists {name!r} {count} times: expected each name once')
    return names


def image_files(folder: Path) -> dict[Part, dict[str, Path]]:
    """List the images of every sensor that has some, and the labels; each by name.

    Raises:
        DataError: if names are ambiguous, or there are two folders of labels.
    """
    sensors: list[tuple[Part, Path]] = [(m, folder / m.value) for m in Modality]
    labels = [(None, folder / name) for name in _LABEL_FOLDERS]
    files: dict[Part, dict[str, Path]] = {}
    for part, path in [*sensors, *labels]:
        found = list_images(path) if path.is_dir() else {}
        if found and part in files:
            raise DataError(f'{folder} has {" and ".join(_LABEL_FOLDERS)}: expected one of them')
        if found:
            files[part] = found
    return files


def list_images(folder: Path) -> dict[str, Path]:
    """Return the images in ``folder`` by name without suffix, in alphabetical order.

    Raises:
        DataError: if two images differ by their suffix alone.
    """
    images: dict[str, Path] = {}
    for path in sorted(folder.iterdir()):
        if path.suffix.lower() not in SUFFIXES or path.name.startswith('.'):
            continue
        if path.stem in images:
            raise DataError(
                f'{path} and {images[path.stem].name} have one name: expected one image a name'
            )
        images[path.stem] = path
    return images


def require_files(paths: Iterable[Path], layout: str) -> None:
    """Raise DataError that names the first of ``paths`` that is missing and counts them."""
    missing = [path for path in paths if not path.is_file()]
    if missing:
        others = f' (and {len(missing) - 1} more files)' if len(missing) > 1 else ''
        raise DataError(
            f'{missing[0]} is missing{others}: expected {layout}; add it or take its name out of '
            'the split'
        )


def read_image(path: Path, part: Part, *dtypes: type[np.generic], lossy: bool = False) -> Stored:
    """Read one image without any conversion of its values.

    Args:
        part: decides the channels: 3 for colours (grey is repeated, alpha dropped), else 1.
        dtypes: the pixel types that may be stored.
        lossy: whether values other than colours may come from a JPEG.

    Raises:
        DataError: if the file cannot be decoded, or has other channels or another type.
    """
    is_color = part is not None and KINDS[part].is_color
    meaning = KINDS[part].content if part else _LABELS
    image = read_channels(path, (1, 3, 4) if is_color else (1,), dtypes, meaning)
    if is_color:
        return cv2.cvtColor(image, _TO_RGB[_channels(image)])
    if path.suffix.lower() in LOSSY and not lossy:
        raise DataError(f'{path} is a JPEG, which alters values: expected {meaning} as PNG')
    return image


def read_channels(
    path: Path, allowed: Sequence[int], dtypes: Sequence[type[np.generic]], meaning: str
) -> Stored:
    """Read an image as it is stored, B, G, R order included; as :func:`read_image` otherwise."""
    image = _decoded(path) if path.is_file() else None
    if image is None:
        raise DataError(f'{path} is missing or not an image: expected a complete image file')
    channels = _channels(image)
    if image.dtype not in dtypes or channels not in allowed:
        expected = ' or '.join(np.dtype(dtype).name for dtype in dtypes)
        raise DataError(
            f'{path} has {channels} channel{"s"[: channels > 1]} of {image.dtype}: expected '
            f'{meaning} in {expected}; export it again without conversion'
        )
    return image


def _decoded(path: Path) -> Stored | None:
    """Return the pixels of a plain file; None if OpenCV cannot read it.

    Raises:
        DataError: if it has more pixels than the package allows OpenCV to unpack.
    """
    try:
        return cv2.imread(str(path), cv2.IMREAD_UNCHANGED)
    except cv2.error as error:
        if 'MAX_IMAGE' not in str(error):
            return None
        raise DataError(
            f'{path} has more pixels than OpenCV may unpack: make it smaller, or allow more with '
            'the variable OPENCV_IO_MAX_IMAGE_PIXELS'
        ) from error


def _channels(image: Stored) -> int:
    return 1 if image.ndim == 2 else int(image.shape[2])
