"""A labelled data set in memory, and the same on disk in the layout of MM5."""

from __future__ import annotations

from dataclasses import dataclass, field
import json
from pathlib import Path

import cv2
import numpy as np
from tiny_bundle import TINY_CLASSES

from mm_robust_seg.bundle import SegmentationClass
from mm_robust_seg.datasets.samples import Sample
from mm_robust_seg.modality import COMPLETE, Modality, ModalitySet

HEIGHT_PX, WIDTH_PX = 96, 128
CLASSES = tuple(SegmentationClass(name, color) for name, color in TINY_CLASSES.items())


@dataclass
class Room:
    """Random images; the labels never show the last class and are partly unknown."""

    count: int = 4
    modalities: ModalitySet = COMPLETE
    classes: tuple[SegmentationClass, ...] = CLASSES
    licence: str = 'none'
    provenance: dict[str, str] = field(default_factory=dict)

    def __len__(self) -> int:
        return self.count

    def __getitem__(self, index: int) -> Sample:
        rng = np.random.default_rng(index)
        shape = (HEIGHT_PX, WIDTH_PX)
        images = {
            Modality.RGB: rng.integers(0, 256, (*shape, 3), np.uint8),
            Modality.THERMAL: rng.uniform(280, 310, shape).astype(np.float32),
            Modality.DEPTH: rng.uniform(1, 20, shape).astype(np.float32),
        }
        labels = rng.integers(0, 4, shape).astype(np.uint8)
        labels[:7] = 255
        return Sample(f'room {index}', {m: images[m] for m in self.modalities}, labels)


def write_room(root: Path, count: int = 3) -> Path:
    """Write the val split of the room."""
    for index in range(count):
        sample = Room()[index]
        images = {
            'rgb': cv2.cvtColor(sample.images[Modality.RGB], cv2.COLOR_RGB2BGR),
            'thermal': (sample.images[Modality.THERMAL] * 64).astype(np.uint16),
            'depth': (sample.images[Modality.DEPTH] * 1000).astype(np.uint16),
            'label': sample.labels,
        }
        for kind, image in images.items():
            path = root / kind / f'{index}.{"jpg" if kind == "rgb" else "png"}'
            path.parent.mkdir(parents=True, exist_ok=True)
            cv2.imwrite(str(path), image)
    (root / 'classes.json').write_text(json.dumps({str(i): n for i, n in enumerate(TINY_CLASSES)}))
    (root / 'val.txt').write_text(''.join(f'{i}\n' for i in range(count)))
    return root
