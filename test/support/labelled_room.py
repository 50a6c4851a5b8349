# Copyright 2026 mm_robust_seg maintainers
# SPDX-License-Identifier: Apache-2.0

"""A labelled data set in memory and on disk, its evaluation, and a comparison on it."""

from __future__ import annotations

from dataclasses import dataclass, field
import json
from pathlib import Path
import shutil

import cv2
import numpy as np
import pytest
from tiny_bundle import TINY_CLASSES

from mm_robust_seg import cli
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


PLAN = """\
recipe: recipe.yaml
base: {run: base}
seeds: [0]
set: {batch_size: 4}
rows:
  unadapted: {command: adapt, method: none, seeds: [0]}
  ssf: {command: adapt, method: ssf, set: {adapters.epochs: 6}}
  dedicated: {command: train, method: dedicated, init: base, set: {base.epochs: 3}}
  gmd: {command: train, method: gmd}
"""
RECIPE = 'data: {kind: mm5}\nbatch_size: 8\n'


def write_plan(folder: Path) -> Path:
    """Write the file of a comparison, with its recipe and a base beside it."""
    (folder / 'compare.yaml').write_text(PLAN)
    (folder / 'recipe.yaml').write_text(RECIPE)
    (folder / 'base').mkdir()
    (folder / 'base/run.json').write_text('{"steps": 70, "seconds": 9.0}')
    (folder / 'base/base.safetensors').write_bytes(b'weights')
    return folder / 'compare.yaml'


@pytest.fixture(scope='session')
def evaluation(tiny_bundle, tmp_path_factory) -> Path:
    """What evaluate really writes."""
    pytest.importorskip('mm_robust_seg.engine.openvino', reason='OpenVINO is not installed')
    room = write_room(tmp_path_factory.mktemp('data') / 'mm5')
    out = tmp_path_factory.mktemp('results') / 'evaluation'
    words = ['--bundle', str(tiny_bundle), '--dataset', 'mm5', '--data', str(room)]
    assert cli.main(['evaluate', *words, '--out', str(out), '--threads', '1']) == 0
    return out


class Commands:
    """In place of processes: they only leave files, each evaluation the same."""

    def __init__(self, evaluation: Path, failing: str = '') -> None:
        self.evaluation, self.failing = evaluation, failing
        self.calls: list[list[str]] = []

    def __call__(self, words, log: Path) -> int:
        self.calls.append(list(words))
        log.parent.mkdir(parents=True, exist_ok=True)
        with log.open('a') as stream:
            stream.write(f'$ mm-robust-seg {" ".join(words)}\n')
            if self.failing and self.failing in ' '.join(words):
                stream.write('epoch 1\nmm-robust-seg: the disk is full: free some\n  a list\n')
                return 2
        if words[0] == 'export':
            bundle = Path(words[words.index('--out') + 1])
            bundle.mkdir()
            (bundle / 'manifest.json').touch()
            return 0
        if words[0] == 'evaluate':
            shutil.copytree(self.evaluation, words[words.index('--out') + 1])
            return 0
        run = Path(words[words.index('--out') + 1])
        run.mkdir(parents=True, exist_ok=True)
        if words[0] == 'importance':
            (run / 'importance.json').touch()
            return 0
        own = {'rgb+thermal+depth': 0, 'rgb': 10}
        parameters = {'base': 1000, 'total_stored': 1060, 'per_combination': own}
        facts = {'finished': True, 'steps': 12, 'seconds': 3.0, 'parameters': parameters}
        (run / 'run.json').write_text(json.dumps(facts))
        (run / 'base.safetensors').write_bytes(b'new weights')
        return 0

    def named(self, command: str) -> list[list[str]]:
        return [words for words in self.calls if words[0] == command]
