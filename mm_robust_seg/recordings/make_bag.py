# Copyright 2026 mm_robust_seg maintainers
# SPDX-License-Identifier: Apache-2.0

"""Turn a folder of images, as ``datasets.image_folders`` reads it, into a bag of camera topics."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from mm_robust_seg.datasets.image_folders import image_files, Part, read_image, read_names
from mm_robust_seg.errors import DataError
from mm_robust_seg.modalities import KINDS
from mm_robust_seg.modality import Modality
from mm_robust_seg.recordings.storage import natural_key
from mm_robust_seg.recordings.topics import TOPICS, TRUTH_TOPIC
from mm_robust_seg.recordings.writer import BagWriter
from mm_robust_seg.report.progress import Progress, SILENT, watched

START_S = 1_700_000_000
FRAME_ID = 'camera'
_SENSORS = ', '.join(map(str, Modality))
_LABEL_ENCODINGS = {'uint8': 'mono8'}


@dataclass(frozen=True)
class ImageFolders:
    """Where the images of a data set are.

    Attributes:
        files: by sensor (None: the true labels) and by name.
        names: all moments, in order.
    """

    files: Mapping[Part, Mapping[str, Path]]
    names: tuple[str, ...]

    def __post_init__(self) -> None:
        for name in self.names:
            if not any(name in files for part, files in self.files.items() if part):
                raise DataError(f'no sensor has {name!r}: expected it in one of {_SENSORS}')


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
        raise DataError(f'there is no folder {folder}: expected one with any of {_SENSORS}')
    files = image_files(folder)
    sensors = {name for part, found in files.items() if part for name in found}
    if not sensors:
        found = ', '.join(sorted(p.name for p in folder.iterdir() if p.is_dir()))
        raise DataError(
            f'{folder} has no images in {_SENSORS}; it has the folders {found or "(none)"}'
        )
    names = _listed(folder, split) if split else sorted(sensors, key=natural_key)
    return ImageFolders(files, tuple(names))


def load(path: Path, part: Part) -> tuple[NDArray[Any], str]:
    """Read one image and say its sensor_msgs encoding; RGB in R, G, B order.

    Raises:
        DataError: if it cannot be read or is not what the sensor gives.
    """
    encodings = KINDS[part].file_encodings if part else _LABEL_ENCODINGS
    image = read_image(path, part, *(np.dtype(name).type for name in encodings), lossy=True)
    return image, encodings[image.dtype.name]


def make_bag(
    images: ImageFolders,
    names: Sequence[str],
    out: Path,
    storage: str,
    rate_hz: float,
    start_s: int,
    progress: Progress = SILENT,
) -> dict[str, int]:
    """Write the images of ``names``, one name a period; return the message count by topic.

    Args:
        images: of the folder; true labels go to ``TRUTH_TOPIC``.
        out: folder of the bag.
        storage: its file format, one of ``STORAGES``.
        start_s: stamp of the first name, Unix time.

    Raises:
        DataError: if ``out`` exists or an image is not what its sensor gives.
    """
    counts: Counter[str] = Counter()
    with BagWriter(out, storage) as bag:
        for number, name in enumerate(watched(names, progress, 'writing', len(names))):
            stamp_ns = start_s * 1_000_000_000 + round(number * 1e9 / rate_hz)
            for part, topic, path in _files(images, name):
                pixels, encoding = load(path, part)
                bag.write(topic, pixels, encoding, stamp_ns, FRAME_ID)
                counts[topic] += 1
    return dict(counts)


def _files(images: ImageFolders, name: str) -> Iterator[tuple[Part, str, Path]]:
    """Yield (sensor, topic, file); the truth comes first, so that it is there in time."""
    for part in (None, *Modality):
        path = images.files.get(part, {}).get(name)
        if path:
            yield part, TOPICS[part] if part else TRUTH_TOPIC, path


def _listed(folder: Path, split: Path) -> list[str]:
    path = split if split.is_file() else folder / split
    names = read_names(path, 'a list of names, one a line', repeated=True)
    return [Path(name).name for name in names]
