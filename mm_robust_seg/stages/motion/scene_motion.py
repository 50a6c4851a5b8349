# Copyright 2026 mm_robust_seg maintainers
# SPDX-License-Identifier: Apache-2.0

"""Watch the frames of all sensors, and move held network inputs to the moment of the mask."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np

from mm_robust_seg.config import Config
from mm_robust_seg.dataflow import Frame, FrameSet
from mm_robust_seg.modalities.kind import Float
from mm_robust_seg.modality import Modality
from mm_robust_seg.stages.motion.flow import Flow, FlowEstimator
from mm_robust_seg.stages.motion.pictures import nearest_pair, Picture, picture_of
from mm_robust_seg.stages.motion.warp import Bools, warp

_MEMORY_NS = 500_000_000
_LEAST_AGE_NS = 4_000_000
"""An image that is less old belongs to the moment."""


class SceneMotion:
    """The motion of the scene of late.

    ``observe``, ``reset`` and ``reconfigure`` may run on another thread than the rest.

    Args:
        config: whether held images are to be moved: ``sync.held_frames``.
    """

    def __init__(self, config: Config) -> None:
        self._estimator = FlowEstimator()
        self._pictures: dict[Modality, tuple[Picture, ...]] = {}
        self.reconfigure(config)

    def reconfigure(self, config: Config) -> None:
        """Follow ``sync.held_frames``: only ``motion`` asks for anything to be done here."""
        self._is_wanted = config.sync.held_frames == 'motion'

    def reset(self, now_ns: int) -> None:
        """Forget all pictures, as after a jump of the clock."""
        self._pictures = {}

    def observe(self, frame: Frame) -> None:
        """Keep a small picture of a frame for half a second.

        A frame out of order is left out; one from long before the others begins anew.
        """
        if not self._is_wanted:
            return
        kept, stamp_ns = self._pictures.get(frame.modality, ()), frame.stamp_ns
        if kept and 0 <= kept[-1].stamp_ns - stamp_ns < _MEMORY_NS:
            return
        recent = (p for p in kept if 0 < stamp_ns - p.stamp_ns <= _MEMORY_NS)
        self._pictures[frame.modality] = (*recent, picture_of(frame))

    def flow(self, held_ns: int, moment_ns: int, sources: Sequence[Modality]) -> Flow | None:
        """Return the motion since ``held_ns``; None if it is not known, or no time has passed.

        The first of ``sources`` that has pictures near both moments tells it. What moved between
        its pictures is scaled to the time between the moments.
        """
        if moment_ns - held_ns < _LEAST_AGE_NS:
            return None
        for source in sources:
            pair = nearest_pair(self._pictures.get(source, ()), held_ns, moment_ns)
            if pair is not None:
                earlier, later = pair
                vectors = self._estimator.between(earlier, later)
                share = (moment_ns - held_ns) / (later.stamp_ns - earlier.stamp_ns)
                return None if vectors is None else Flow(vectors * np.float32(share), source)
        return None

    def compensate(
        self,
        inputs: Mapping[Modality, Float],
        frames: FrameSet,
        sources: Sequence[Modality],
        fill: float | None = None,
    ) -> tuple[dict[Modality, Float], dict[Modality, Bools]]:
        """Move the inputs of held frames to the moment of their set.

        Args:
            inputs: (1, C, h, w) float32 of each sensor; they are not changed.
            frames: the set that the inputs were made of.
            sources: the sensors that may tell the motion, the best first.
            fill: as in :func:`warp`.

        Returns:
            The inputs, moved where that is wanted and the motion is known, otherwise as they were;
            and of those moved, which pixels were in sight, (h, w).
        """
        moved, inside = dict(inputs), {}
        for modality, image in inputs.items() if self._is_wanted else ():
            held_ns = frames.frames[modality].stamp_ns
            flow = self.flow(held_ns, frames.stamp_ns, sources)
            if flow is not None:
                plane, inside[modality] = warp(image[0], flow.vectors, fill)
                moved[modality] = plane[np.newaxis]
        return moved, inside
