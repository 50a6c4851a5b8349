# Copyright 2026 mm_robust_seg maintainers
# SPDX-License-Identifier: Apache-2.0

"""Apply faults to one camera's stream of messages, live or recorded."""

from __future__ import annotations

from dataclasses import replace
from typing import NamedTuple

import numpy as np

from mm_robust_seg.dataflow import RawImage
from mm_robust_seg.modality import Modality
from mm_robust_seg.simulation.faults.content import degraded
from mm_robust_seg.simulation.faults.spec import FaultSpec
from mm_robust_seg.simulation.faults.vocabulary import Fault

_ROUNDING = 1e-9
_STAMP_OFFSETS = {
    Fault.STALE: ('age_s', -1),
    Fault.FUTURE: ('lead_s', 1),
    Fault.SKEW: ('offset_s', 1),
}
_WITHHELD = (Fault.SILENT, Fault.GONE)


class Sent(NamedTuple):
    """An image message, and when it is sent."""

    send_ns: int
    image: RawImage


class FaultInjector:
    """Says what a camera sends in place of its images. Equal seeds give equal streams.

    ``gone`` sends nothing and ``qos_mismatch`` changes nothing: they are faults of the publisher,
    which whoever publishes has to play. ``clock_jump`` and ``loop`` change nothing either: they
    are faults of the clock (``Scenario.shift_s``).
    """

    def __init__(self, modality: Modality, seed: int) -> None:
        self._chance = np.random.default_rng([seed, list(Modality).index(modality)])
        self._fault: FaultSpec | None = None
        self._since_ns = 0
        self._credit = 0.0
        self._last: RawImage | None = None
        self._held: RawImage | None = None

    def inject(self, image: RawImage, send_ns: int, fault: FaultSpec | None) -> list[Sent]:
        """Return what is sent in place of ``image``, due at ``send_ns``, and when; maybe nothing.

        Raises:
            DataError: if the fault rewrites pixels, and the encoding is not one that it can.
        """
        if fault != self._fault:
            self._fault, self._since_ns, self._credit = fault, send_ns, 0.0
        if fault is None:
            sent = [*self._released(), image]
        elif fault.kind is Fault.OUT_OF_ORDER:
            sent = self._swapped(image)
        else:
            sent = self._released()
            if self._passes(fault):
                sent.append(self._altered(image, send_ns, fault))
        self._last = sent[-1] if sent else self._last
        return [Sent(send_ns, one) for one in sent]

    def _released(self) -> list[RawImage]:
        """Return the image that was held back, if there is one."""
        held, self._held = self._held, None
        return [held] if held else []

    def _swapped(self, image: RawImage) -> list[RawImage]:
        """Hold every other image back until its successor was sent."""
        if self._held:
            return [image, *self._released()]
        self._held = image
        return []

    def _passes(self, fault: FaultSpec) -> bool:
        """Tell whether the camera sends anything this time."""
        if fault.kind is Fault.SLOW:
            self._credit += fault['rate_ratio']
            is_due = self._credit >= 1 - _ROUNDING
            self._credit -= is_due
            return is_due
        if fault.kind is Fault.LOSSY:
            return bool(self._chance.random() >= fault['loss_ratio'])
        return fault.kind not in _WITHHELD

    def _altered(self, image: RawImage, send_ns: int, fault: FaultSpec) -> RawImage:
        """Return what is sent in place of one image."""
        if fault.kind.needs_pixels:
            return degraded(image, fault, self._chance)
        last = self._last or image
        if fault.kind is Fault.FROZEN or self._is_shut(send_ns, fault):
            return replace(last, stamp_ns=image.stamp_ns)
        if fault.kind is Fault.STUCK_STAMP:
            return replace(image, stamp_ns=last.stamp_ns)
        if fault.kind is Fault.TRUNCATED:
            data = np.frombuffer(image.data, np.uint8)
            return replace(image, data=data[: int(fault['kept_ratio'] * data.size)])
        if fault.kind in _STAMP_OFFSETS:
            name, sign = _STAMP_OFFSETS[fault.kind]
            return replace(image, stamp_ns=image.stamp_ns + sign * round(fault[name] * 1e9))
        return image

    def _is_shut(self, send_ns: int, fault: FaultSpec) -> bool:
        """Tell whether the thermal shutter is closed; it closes as the fault begins."""
        if fault.kind is not Fault.FFC:
            return False
        period_ns, closed_ns = (round(fault[n] * 1e9) for n in ('period_s', 'closed_s'))
        return (send_ns - self._since_ns) % period_ns < closed_ns
