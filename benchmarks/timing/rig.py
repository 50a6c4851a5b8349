# Copyright 2026 mm_robust_seg maintainers
# SPDX-License-Identifier: Apache-2.0

"""Cameras of given rates, phases and latencies in front of a pipeline, without a clock."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, replace
from functools import cache

import numpy as np
from numpy.typing import NDArray

from mm_robust_seg.dataflow import Prediction, RawImage, Segmentation
from mm_robust_seg.modalities.input_spec import InputSpec
from mm_robust_seg.modality import all_combinations, COMPLETE, Modality
from mm_robust_seg.pipeline import Pipeline

TICK_NS = 10_000_000
START_NS = 1_000_000_000_000
_SIZE_PX = (48, 64)
_IMAGES = 16

Damage = Callable[[int, float], str]
"""From number and time in s of an image to what is wrong with it: ``cut``, ``dark``, ``lost``."""


@dataclass(frozen=True)
class Camera:
    """When a camera's images are taken, and when they come.

    Attributes:
        jitter_s: standard deviation of the latency.
        damage: what is wrong with an image; nothing if it returns an empty text.
    """

    rate_hz: float = 30.0
    phase_s: float = 0.0
    latency_s: float = 0.005
    jitter_s: float = 0.001
    damage: Damage = lambda number, at_s: ''


Rig = Mapping[Modality, Camera]


@dataclass(frozen=True)
class Served:
    """A mask, when it was begun, and when the image that called for it had arrived."""

    at_s: float
    arrival_s: float
    mask: Segmentation

    @property
    def delay_s(self) -> float:
        """How long the image had to wait for the others."""
        return self.at_s - self.arrival_s


class StandIn:
    """An engine that serves every combination in no time."""

    description = 'none'
    combinations = all_combinations()
    active = COMPLETE

    def __init__(self, inputs: InputSpec) -> None:
        labels = np.zeros((inputs.height_px, inputs.width_px), np.uint8)
        self._prediction = Prediction(labels, labels, 0.0)

    def activate(self, combination: object) -> None:
        """Do nothing."""

    def infer(self, inputs: object) -> Prediction:
        """Return the same labels every time."""
        return self._prediction

    def close(self) -> None:
        """Do nothing."""


def arrivals(rig: Rig, duration_s: float, seed: int) -> list[tuple[float, Modality, float, str]]:
    """Return arrival in s, sensor, stamp in s and damage of each image, as they come."""
    coming = []
    for place, (modality, camera) in enumerate(rig.items()):
        rng = np.random.default_rng([seed, place])
        for number in range(int((duration_s - camera.phase_s) * camera.rate_hz)):
            stamp_s = camera.phase_s + number / camera.rate_hz
            late_s = max(0.0, camera.latency_s + camera.jitter_s * float(rng.standard_normal()))
            wrong = camera.damage(number, stamp_s)
            if wrong != 'lost':
                coming.append((stamp_s + late_s, modality, stamp_s, wrong))
    return sorted(coming, key=lambda item: item[0])


def serve(
    rig: Rig,
    pipeline: Pipeline,
    image: Callable[[Modality, int], RawImage],
    duration_s: float,
    seed: int,
) -> list[Served]:
    """Play a rig to a pipeline that began at ``START_NS``, and return its masks.

    Args:
        image: makes the message of a sensor's image, by a running number.
    """
    served: list[Served] = []
    before_ns = START_NS

    def step(now_ns: int) -> None:
        while (mask := pipeline.step(now_ns)) is not None:
            pace = mask.frames.frames[mask.frames.pace]
            served.append(Served(_seconds(now_ns), _seconds(pace.arrival_ns), mask))

    for turn, (arrival_s, modality, stamp_s, wrong) in enumerate(arrivals(rig, duration_s, seed)):
        arrival_ns = _ns(arrival_s)
        for now_ns in _moments(pipeline, before_ns, arrival_ns):
            step(now_ns)
        before_ns = arrival_ns
        raw = replace(image(modality, turn), stamp_ns=_ns(stamp_s))
        pipeline.offer(_damaged(raw, wrong), arrival_ns)
        step(arrival_ns)
    return served


def _moments(pipeline: Pipeline, now_ns: int, until_ns: int) -> Iterator[int]:
    """Yield when the pipeline has work after ``now_ns``, at least every 10 ms."""
    while True:
        due_ns = pipeline.next_deadline_ns
        now_ns = min(now_ns + TICK_NS, max(due_ns, now_ns + 1) if due_ns else 1 << 62)
        if now_ns >= until_ns:
            return
        yield now_ns


def _damaged(raw: RawImage, wrong: str) -> RawImage:
    if wrong == 'cut':
        return replace(raw, data=bytes(raw.data)[: len(raw.data) // 3])
    if wrong == 'dark':
        return replace(raw, data=bytes(len(raw.data)))
    return raw


@cache
def noise(modality: Modality, number: int) -> RawImage:
    """Return a message with an image that differs from the last ones, and has no fault."""
    height, width = _SIZE_PX
    rng = np.random.default_rng(number % _IMAGES)
    if modality is Modality.RGB:
        return message(modality, rng.integers(0, 256, (height, width, 3), np.uint8))
    low, high = (28_000, 31_000) if modality is Modality.THERMAL else (500, 9_000)
    return message(modality, rng.integers(low, high, (height, width), np.uint16))


def message(modality: Modality, pixels: NDArray[np.uint8] | NDArray[np.uint16]) -> RawImage:
    """Return a message with an image: (H, W, 3) rgb8, or (H, W) of 0.01 K or mm."""
    encoding = 'rgb8' if pixels.ndim == 3 else '16UC1'
    height, width = pixels.shape[:2]
    return RawImage(modality, 0, height, width, encoding, pixels.strides[0], pixels.tobytes())


def _ns(time_s: float) -> int:
    return START_NS + round(time_s * 1e9)


def _seconds(time_ns: int) -> float:
    return (time_ns - START_NS) * 1e-9
