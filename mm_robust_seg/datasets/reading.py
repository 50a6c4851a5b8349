"""Read the files of data sets; an error names the file, what it holds and what it should hold."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
import colorsys
import json
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from mm_robust_seg.bundle import SegmentationClass
from mm_robust_seg.dataflow import UNLABELED
from mm_robust_seg.errors import DataError
from mm_robust_seg.modality import Modality

Stored = NDArray[Any]
"""An image in the type of its file, RGB in R, G, B order."""

Part = Modality | None
"""What an image of a sample is: that of a sensor, or (None) its labels."""

SUFFIXES = ('.png', '.tif', '.tiff', '.bmp', '.pgm', '.ppm', '.jpg', '.jpeg')
LOSSY = ('.jpg', '.jpeg')
_MEANING = {
    Modality.RGB: 'colours',
    Modality.THERMAL: 'one channel of temperatures',
    Modality.DEPTH: 'one channel of distances',
    None: 'one channel of class ids (neither colours nor a palette)',
}


def read_text(path: Path, layout: str) -> str:
    """Return a text file of a data set; ``layout`` says what the folder should hold.

    Raises:
        DataError: if it cannot be read.
    """
    try:
        return path.read_text(encoding='utf-8')
    except (OSError, UnicodeDecodeError) as error:
        raise DataError(f'{path} cannot be read ({error}): expected {layout}') from error


def read_names(path: Path, layout: str) -> tuple[str, ...]:
    """Return the sample names in a list of a split, one a line; image suffixes are dropped.

    Raises:
        DataError: if the list is empty, repeats a name, or a name leaves the folder.
    """
    lines = [line.strip() for line in read_text(path, layout).splitlines() if line.strip()]
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
    if count > 1:
        raise DataError(f'{path} lists {name!r} {count} times: expected each name once')
    return names


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


def read_image(path: Path, part: Part, *dtypes: type[np.generic]) -> Stored:
    """Read one image without any conversion of its values.

    Args:
        part: decides the channels: 3 for RGB (grey is repeated, alpha dropped), else 1.
        dtypes: the pixel types that may be stored.

    Raises:
        DataError: if the file cannot be decoded, or has other channels or another type.
    """
    allowed = (1, 3, 4) if part is Modality.RGB else (1,)
    image = read_channels(path, allowed, dtypes, _MEANING[part])
    if path.suffix.lower() in LOSSY and part is not Modality.RGB:
        raise DataError(f'{path} is a JPEG, which alters values: expected {_MEANING[part]} as PNG')
    if part is not Modality.RGB:
        return image
    codes = {1: cv2.COLOR_GRAY2RGB, 3: cv2.COLOR_BGR2RGB, 4: cv2.COLOR_BGRA2RGB}
    return cv2.cvtColor(image, codes[_channels(image)])


def read_channels(
    path: Path, allowed: Sequence[int], dtypes: Sequence[type[np.generic]], meaning: str
) -> Stored:
    """Read an image as it is stored, B, G, R order included; as :func:`read_image` otherwise."""
    image = cv2.imread(str(path), cv2.IMREAD_UNCHANGED)
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


def _channels(image: Stored) -> int:
    return 1 if image.ndim == 2 else int(image.shape[2])


def check_labels(labels: Stored, class_count: int, source: Path) -> None:
    """Raise DataError if ``labels`` holds an id that is neither a class nor 255."""
    counts = np.bincount(labels.ravel(), minlength=256)
    counts[UNLABELED] = 0
    outside = np.flatnonzero(counts[class_count:]) + class_count
    if outside.size:
        raise DataError(
            f'{source} has label {", ".join(map(str, outside[:5]))} in '
            f'{counts[class_count:].sum()} pixels: expected 0..{class_count - 1} of the class '
            'list, or 255 for unlabeled; complete the list or correct the labels'
        )


def read_classes(path: Path, layout: str) -> tuple[SegmentationClass, ...]:
    """Read a JSON class list.

    Either ``{"0": "road", ...}``, ``["road", ...]`` or
    ``[{"name": "road", "color": [128, 64, 128]}, ...]``; missing colours are chosen.

    Raises:
        DataError: if the file is something else, a name is repeated, or there are over 254.
    """
    try:
        listed = json.loads(read_text(path, layout))
        if isinstance(listed, dict):
            listed = [listed[str(index)] for index in range(len(listed))]
        if not isinstance(listed, list):
            raise TypeError(f'it holds {type(listed).__name__}')
        classes = tuple(_class(entry, index) for index, entry in enumerate(listed))
    except (ValueError, KeyError, TypeError) as error:
        raise DataError(
            f'{path} is not a class list ({type(error).__name__}: {error}): expected {{"0": '
            '"name", ...}, ["name", ...] or [{"name": "name", "color": [r, g, b]}, ...]'
        ) from error
    if len({c.name for c in classes}) != len(classes) or not 1 <= len(classes) < UNLABELED:
        raise DataError(
            f'{path} lists {len(classes)} classes: expected 1 to 254 with different names'
        )
    return classes


def numbered_classes(names: Sequence[str]) -> tuple[SegmentationClass, ...]:
    """Return classes with colours that differ between neighbours, the same for the same id."""
    return tuple(SegmentationClass(name, _color(index)) for index, name in enumerate(names))


def _class(entry: Any, index: int) -> SegmentationClass:
    if isinstance(entry, str):
        entry = {'name': entry}
    if not isinstance(entry, dict):
        raise TypeError(f'entry {index} is {entry!r}')
    red, green, blue = map(int, entry.get('color', _color(index)))
    if not all(0 <= value <= 255 for value in (red, green, blue)):
        raise ValueError(f'the colour of {entry["name"]} is outside 0..255')
    return SegmentationClass(str(entry['name']), (red, green, blue))


def _color(index: int) -> tuple[int, int, int]:
    if index == 0:
        return 40, 40, 40
    hue, value = (index * 0.618034) % 1.0, 1.0 if index % 2 else 0.75
    red, green, blue = colorsys.hsv_to_rgb(hue, 0.75, value)
    return round(red * 255), round(green * 255), round(blue * 255)
