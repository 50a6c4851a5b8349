# Copyright 2026 mm_robust_seg maintainers
# SPDX-License-Identifier: Apache-2.0

"""Three cameras with a clock of their own, and what to say about the masks they lead to."""

import numpy as np

from mm_robust_seg.config import Config
from mm_robust_seg.dataflow import RawImage
from mm_robust_seg.modality import COMPLETE, Modality, ModalitySet
from mm_robust_seg.schema import with_values

RGB, THERMAL, DEPTH = Modality
PERIOD_NS = 33_333_333
TICK_NS = 10_000_000
START_NS = 1_000_000_000_000
SIZES = {RGB: (60, 80), THERMAL: (48, 64), DEPTH: (36, 48)}
NONE = ModalitySet()
FIXED = with_values(
    Config(),
    {
        **{f'inputs.{m}.expected_rate_hz': 30.0 for m in Modality},
        'sync.max_skew_s': 0.033,
        'sync.wait_s': 0.020,
    },
)
"""Nothing is learned: rate, wait and skew are given."""


def names(text):
    return ModalitySet.parse(text)


def config(**values):
    return with_values(FIXED, {k.replace('__', '.'): v for k, v in values.items()})


def raw(modality, stamp_ns, seed, dark=False):
    """A message with a new, plausible image."""
    height, width = SIZES[modality]
    rng = np.random.default_rng(seed)
    if modality is RGB:
        image = rng.integers(0, 2 if dark else 256, (height, width, 3), np.uint8)
        return RawImage(RGB, stamp_ns, height, width, 'rgb8', 3 * width, image.tobytes())
    low, high = (28_000, 31_000) if modality is THERMAL else (500, 9_000)
    image = rng.integers(low, high, (height, width), np.uint16)
    return RawImage(modality, stamp_ns, height, width, '16UC1', 2 * width, image.tobytes())


class Cameras:
    """Three cameras at 30 Hz in front of a pipeline, with a clock of their own."""

    def __init__(self, pipeline, now_ns=START_NS):
        self.pipeline = pipeline
        self.now_ns = now_ns
        self._seed = 0

    def play(self, periods, sensors=COMPLETE, dark=False, ahead_s=0.0):
        """Let ``periods`` pass, in steps of at most 10 ms; return the masks."""
        masks = []
        for _ in range(periods):
            stamp_ns = self.now_ns
            for delay, modality in enumerate(sensors):
                self.now_ns = stamp_ns + (1 + delay) * 1_000_000
                self._seed += 1
                image = raw(modality, stamp_ns + round(ahead_s * 1e9), self._seed, dark)
                self.pipeline.offer(image, self.now_ns)
                masks.append(self.pipeline.step(self.now_ns))
            while self.now_ns + TICK_NS < stamp_ns + PERIOD_NS:
                self.now_ns += TICK_NS
                masks.append(self.pipeline.step(self.now_ns))
            self.now_ns = stamp_ns + PERIOD_NS
        return [mask for mask in masks if mask is not None]


def combinations(masks):
    """The combinations of the masks, each named once per run of equal ones."""
    found = [str(mask.combination) for mask in masks]
    return [name for k, name in enumerate(found) if k == 0 or found[k - 1] != name]
