# Copyright 2026 mm_robust_seg maintainers
# SPDX-License-Identifier: Apache-2.0

"""What the last masks were made of, and why a usable sensor is missing from them."""

from __future__ import annotations

from collections import defaultdict, deque
from collections.abc import Iterator, Mapping, Sequence
from statistics import median
from typing import NamedTuple

from mm_robust_seg.config import Config
from mm_robust_seg.dataflow import FrameSet, Reason
from mm_robust_seg.finding import Finding, Participation
from mm_robust_seg.modality import Modality, ModalitySet
from mm_robust_seg.stages.health.observation import Missing, Observation

_WINDOW_NS = 2_000_000_000
_LEAST_NS = 1_800_000_000
_LEAST_MASKS = 4
_MOST_MISSING = 0.5
_STAMPS = 16
_TELL_NS = 100_000_000
_ROOM = 1.2
"""How much more than the distance of the stamps a limit should allow, which is to admit them."""


class _Mask(NamedTuple):
    at_ns: int
    active: ModalitySet
    ages_s: Mapping[Modality, float]
    apart_s: Mapping[Modality, float]


class Matching:
    """The masks of the last two seconds, and which sensors' images they were made of."""

    def __init__(self) -> None:
        self._masks: deque[_Mask] = deque()
        self._stamps_ns: dict[Modality, deque[int]] = defaultdict(lambda: deque(maxlen=_STAMPS))
        self._told: Mapping[Modality, Participation] = {}
        self._told_ns = -_TELL_NS

    def came(self, modality: Modality, stamp_ns: int) -> None:
        """Note an image that a mask may be made of."""
        self._stamps_ns[modality].append(stamp_ns)

    def served(self, frames: FrameSet, active: ModalitySet, now_ns: int) -> None:
        """Note what a mask is made of, and which sensors were in use."""
        moment_ns = frames.stamp_ns
        apart_s = {
            m: min((moment_ns - s for s in self._stamps_ns[m]), key=abs) * 1e-9
            for m in active - frames.members
            if self._stamps_ns[m]
        }
        self._masks.append(_Mask(now_ns, active, frames.ages_s, apart_s))
        while self._masks[0].at_ns <= now_ns - _WINDOW_NS:
            self._masks.popleft()

    def taking_part(
        self, latencies_s: Mapping[Modality, float | None], now_ns: int
    ) -> Mapping[Modality, Participation]:
        """Return how each sensor took part in the masks of late; nothing if there were none.

        It is worked out ten times a second at the most.

        Args:
            latencies_s: from stamp to arrival, of every sensor that is asked for.
        """
        if not 0 <= now_ns - self._told_ns < _TELL_NS:
            recent = list(self._recent(now_ns))
            self._told_ns = now_ns
            self._told = {
                m: _participation(m, late_s, recent) for m, late_s in latencies_s.items() if recent
            }
        return self._told

    def missing(self, modality: Modality, now_ns: int) -> Missing | None:
        """Return how a sensor in use is missing from most masks; None if it is not."""
        masks = [mask for mask in self._recent(now_ns) if modality in mask.active]
        apart_s = [mask.apart_s[modality] for mask in masks if modality in mask.apart_s]
        if len(masks) < _LEAST_MASKS or now_ns - masks[0].at_ns < _LEAST_NS:
            return None
        share = len(apart_s) / len(masks)
        return Missing(share, median(apart_s)) if share > _MOST_MISSING else None

    def _recent(self, now_ns: int) -> Iterator[_Mask]:
        return (mask for mask in self._masks if 0 <= now_ns - mask.at_ns < _WINDOW_NS)


def _participation(
    modality: Modality, latency_s: float | None, masks: Sequence[_Mask]
) -> Participation:
    ages_s = [
        mask.ages_s[modality]
        for mask in masks
        if modality in mask.ages_s and modality in mask.active
    ]
    return Participation(len(ages_s) / len(masks), median(ages_s) if ages_s else None, latency_s)


def is_unmatched(seen: Observation, config: Config) -> Finding | None:
    """UNMATCHED: the images are good, but most masks of two seconds are made without them."""
    missing = seen.missing
    if missing is None or seen.is_delayed:
        return None
    side = 'before' if missing.apart_s > 0 else 'after'
    return Finding(
        Reason.UNMATCHED,
        f'{missing.share:.0%} of the last masks are made without it: its nearest image was taken '
        f'{abs(missing.apart_s):.3f} s {side} their moment; {_remedy(seen, missing, config)}',
        {'missing_share': missing.share, 'apart_s': missing.apart_s},
        fails=False,
    )


def _remedy(seen: Observation, missing: Missing, config: Config) -> str:
    """Name the parameter, and the value, that would let the sensor take part."""
    modality, apart_s = seen.frame.modality, abs(missing.apart_s)
    sync, inputs = config.sync, config.inputs[modality]
    if sync.max_skew_s and apart_s > sync.max_skew_s:
        wanted = f'raise sync.max_skew_s to {_ROOM * apart_s:.3f}'
    elif sync.held_frames == 'off':
        return 'set sync.held_frames to motion or plain to use its newest image meanwhile'
    elif inputs.hold_s and missing.apart_s > inputs.hold_s:
        wanted = f'raise inputs.{modality}.hold_s to {_ROOM * apart_s:.3f}'
    else:
        offset_s = inputs.stamp_offset_s + missing.apart_s
        return f'if its clock differs, set inputs.{modality}.stamp_offset_s to {offset_s:.3f}'
    return f'{wanted}, or set it to 0 to have it learned'
