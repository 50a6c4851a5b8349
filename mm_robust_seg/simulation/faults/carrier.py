# Copyright 2026 mm_robust_seg maintainers
# SPDX-License-Identifier: Apache-2.0

"""The way from a healthy camera to its listener: messages come a little late, and some never."""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np

from mm_robust_seg.modality import Modality
from mm_robust_seg.simulation.faults.injector import Sent

_TAG = 17


class Carrier:
    """Delays and loses messages of one camera at random, without changing their order.

    Args:
        modality: of the camera.
        seed: equal seeds give equal streams.
        period_ns: from one image to the next.
        jitter_ratio: delays are up to this share of the period, all equally likely.
        loss_ratio: share of the messages that is lost.
    """

    def __init__(
        self,
        modality: Modality,
        seed: int,
        period_ns: int,
        jitter_ratio: float,
        loss_ratio: float,
    ) -> None:
        self._chance = np.random.default_rng([seed, _TAG, list(Modality).index(modality)])
        self._jitter_ns, self._loss_ratio = jitter_ratio * period_ns, loss_ratio
        self._last_ns: int | None = None

    def carry(self, messages: Iterable[Sent]) -> list[Sent]:
        """Return what arrives of ``messages``, and when."""
        arrived = []
        for send_ns, image in messages:
            delay, luck = self._chance.random(2)
            if luck < self._loss_ratio:
                continue
            late_ns = send_ns + round(self._jitter_ns * float(delay))
            self._last_ns = late_ns if self._last_ns is None else max(late_ns, self._last_ns)
            arrived.append(Sent(self._last_ns, image))
        return arrived
