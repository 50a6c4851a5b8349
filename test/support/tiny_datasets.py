# Copyright 2026 mm_robust_seg maintainers
# SPDX-License-Identifier: Apache-2.0

"""Tiny data sets on disk, one function for each layout."""

from __future__ import annotations

import json
from pathlib import Path

import cv2
import numpy as np

from mm_robust_seg.datasets.nyuv2 import MAP_40_TO_13, NAMES_40

HEIGHT_PX, WIDTH_PX = 48, 64


def write(path: Path, image: np.ndarray) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    assert cv2.imwrite(str(path), image)


def labels_of(number: int, classes: int) -> np.ndarray:
    """A rectangle of class 1, 2, ... on class 0."""
    labels = np.zeros((HEIGHT_PX, WIDTH_PX), np.uint8)
    labels[10:30, 12:40] = 1 + number % (classes - 1)
    return labels


def colours(labels: np.ndarray, number: int) -> np.ndarray:
    """B, G, R: the rectangle is red."""
    image = np.random.default_rng(number).integers(0, 60, (*labels.shape, 3), np.uint8)
    image[labels > 0, 2] = 220
    return image


def ramp(dtype: type, low: int, high: int) -> np.ndarray:
    row = np.linspace(low, high, WIDTH_PX).astype(dtype)
    return np.tile(row, (HEIGHT_PX, 1))


def mm5(root: Path) -> Path:
    for number in range(5):
        labels = labels_of(number, 3)
        write(root / f'rgb/{number}.jpg', colours(labels, number))
        write(root / f'thermal/{number}.png', ramp(np.uint16, 18000, 20000))
        write(root / f'depth/{number}.png', ramp(np.uint16, 600, 2400))
        write(root / f'label/{number}.png', labels)
    (root / 'classes.json').write_text('{"0": "background", "1": "ball", "2": "box"}')
    (root / 'train.txt').write_text('0\n1\n2\n')
    (root / 'val.txt').write_text('3\n4\n')
    return root


def nyuv2(root: Path) -> Path:
    for number in (2, 4, 5, 7):
        labels = np.zeros((HEIGHT_PX, WIDTH_PX), np.uint8)
        labels[10:30, 12:40], labels[30:] = number, 40
        write(root / f'rgb/{number:04d}.jpg', colours(labels, number))
        write(root / f'depth/{number:04d}.png', ramp(np.uint8, 51, 255))
        write(root / f'label40/{number:04d}.png', labels)
    (root / 'classes.json').write_text(
        json.dumps({'names40': ['void', *NAMES_40], 'map40to13': [0, *MAP_40_TO_13]})
    )
    (root / 'train.txt').write_text('0002\n0004\n0005\n')
    (root / 'val.txt').write_text('0007\n')
    return root


def mfnet(root: Path) -> Path:
    for number in range(4):
        labels = labels_of(number, 9)
        bgra = np.dstack([colours(labels, number), ramp(np.uint8, 0, 255)])
        write(root / f'images/{number:05d}D.png', bgra)
        write(root / f'labels/{number:05d}D.png', labels)
    (root / 'train.txt').write_text('00000D\n00001D\n')
    (root / 'val.txt').write_text('00002D\n')
    (root / 'test.txt').write_text('00003D\n')
    return root


def pst900(root: Path, depth: bool = True) -> Path:
    for number, split in enumerate(('train', 'train', 'test')):
        here, labels = root / split, labels_of(number, 5)
        write(here / f'rgb/{number}.png', colours(labels, number))
        write(here / f'thermal/{number}.png', ramp(np.uint8, 0, 200))
        write(here / f'thermal_raw/{number}.png', ramp(np.uint16, 20000, 25000))
        write(here / f'labels/{number}.png', labels)
        if depth:
            write(here / f'depth/{number}.png', ramp(np.uint16, 2560, 25600))
    return root


def own(root: Path, count: int = 5) -> Path:
    """The general layout with all three sensors."""
    for number in range(count):
        labels = labels_of(number, 3)
        write(root / f'rgb/{number}.png', colours(labels, number))
        write(root / f'thermal/{number}.png', ramp(np.uint16, 28000, 31000))
        write(root / f'depth/{number}.png', ramp(np.uint16, 600, 2400))
        write(root / f'labels/{number}.png', labels)
    (root / 'classes.json').write_text(json.dumps(['road', 'car', 'person']))
    return root
