"""Turn a folder of images into a bag of camera topics."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from pathlib import Path

from mm_robust_seg.modality import Modality
from mm_robust_seg.recordings.bag import TOPICS, TRUTH_TOPIC
from mm_robust_seg.recordings.image_folders import ImageFolders, load
from mm_robust_seg.recordings.writer import BagWriter
from mm_robust_seg.report.progress import Progress, SILENT, watched

START_S = 1_700_000_000
FRAME_ID = 'camera'


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


def _files(images: ImageFolders, name: str) -> Iterator[tuple[Modality | None, str, Path]]:
    """Yield (sensor, topic, file); the truth comes first, so that it is there in time."""
    for part in (None, *Modality):
        path = images.files.get(part, {}).get(name)
        if path:
            yield part, TOPICS[part] if part else TRUTH_TOPIC, path
