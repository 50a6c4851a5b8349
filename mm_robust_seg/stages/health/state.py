# Copyright 2026 mm_robust_seg maintainers
# SPDX-License-Identifier: Apache-2.0

"""The state machine of one sensor: drop fast, re-admit slowly."""

from __future__ import annotations

from collections import deque
from collections.abc import Sequence

from mm_robust_seg.config import HysteresisConfig
from mm_robust_seg.dataflow import HealthLevel, Reason, SensorHealth
from mm_robust_seg.finding import Finding
from mm_robust_seg.modality import Modality
from mm_robust_seg.stages.health.rules import RULES

_PRECEDENCE = {reason: rank for rank, reason in enumerate([*RULES, Reason.OK])}
_REMEMBERED = 60
_MOST = 30
"""More bad ones of the last 60 messages take a sensor out of use."""
_MANY, _FEW = 15, 8
"""So many bad ones of the last 60 messages begin a warning; fewer than this end it."""
_BAD_FRAME_COSTS = 2
"""Good frames that a bad one takes back from a sensor that recovers. So it needs two thirds."""


class SensorState:
    """Turn findings into a verdict.

    ::

        WAITING --good frame--> usable (OK, or a warning) --confirmed finding--> failed
                                  ^                                               | good frame
                                  '---- enough good frames, for long enough ---- RECOVERING

    Both ways a sensor is judged by the share of its good messages: a bad one now and then neither
    takes it out of use nor keeps it out. What is required of a failed sensor before it is used
    again depends on the reason (``RULES``). A new failure never lowers it; a sensor that fails
    too often, before it has recovered or after, needs twice as much, and is said to recover
    through more bad messages in a row.
    """

    def __init__(self, modality: Modality, hysteresis: HysteresisConfig, now_ns: int) -> None:
        self.hysteresis = hysteresis
        self.health = SensorHealth(
            modality, HealthLevel.WARN, Reason.WAITING, False, 'no frame yet', now_ns
        )
        self._warnings: dict[Reason, int] = {}
        self._bad_in_a_row = 0
        self._latest_are_bad: deque[bool] = deque(maxlen=_REMEMBERED)
        self._complains = False
        self._calm_frames = 0
        self._drops_ns: deque[int] = deque()
        self._last_bad: Finding | None = None
        self._failed = Reason.WAITING
        self._good_frames = 0
        self._good_since_ns = now_ns
        self._required_frames = 0
        self._required_ns = 0

    def judge(self, findings: Sequence[Finding], now_ns: int, is_new: bool = True) -> None:
        """Take in what was found in one message.

        Args:
            findings: in order of precedence.
            is_new: whether its image differs from the one before; others do not count as good.
        """
        self._forget_old_drops(now_ns)
        bad = next((finding for finding in findings if finding.fails), None)
        self._bad_in_a_row = self._bad_in_a_row + 1 if bad else 0
        self._latest_are_bad.append(bad is not None)
        self._last_bad = bad or self._last_bad
        self._warnings = {
            f.reason: self._warnings.get(f.reason, 0) + 1 for f in findings if not f.fails
        }
        confirmed = [finding for finding in findings if self._is_confirmed(finding)]
        failure = next((finding for finding in confirmed if finding.fails), None)
        if failure:
            if self.health.reason is Reason.RECOVERING:
                self._drops_ns.append(now_ns)
            self.fail(failure, now_ns)
        elif bad and not self.health.usable:
            self._good_frames = max(0, self._good_frames - _BAD_FRAME_COSTS)
        elif bad:
            if complaint := self._complaint():
                self._admit(complaint, now_ns)
        elif self._has_recovered(now_ns, is_new):
            self._admit(self._complaint() or confirmed[0], now_ns)

    def fail(self, finding: Finding, now_ns: int) -> None:
        """Take the sensor out of use, or say anew why it is out."""
        if self.health.usable:
            self._drops_ns.append(now_ns)
        self._failed = finding.reason
        self._good_frames = 0
        frames, time_ns = self._recovery(finding.reason, now_ns)
        self._required_frames = max(self._required_frames, frames)
        self._required_ns = max(self._required_ns, time_ns)
        self._enter(HealthLevel.ERROR, finding, now_ns)

    def _is_confirmed(self, finding: Finding) -> bool:
        if finding.reason is Reason.OK or not RULES[finding.reason].debounced:
            return True
        fail_frames = self.hysteresis.fail_frames
        if not finding.fails:
            return self._warnings[finding.reason] >= fail_frames
        if self.health.reason is Reason.RECOVERING and self._flaps:
            fail_frames = max(fail_frames, self.hysteresis.recover_frames)
        are_most_bad = sum(self._latest_are_bad) > max(_MOST, fail_frames)
        return self._bad_in_a_row >= fail_frames or (self.health.usable and are_most_bad)

    def _complaint(self) -> Finding | None:
        """Warn of a sensor in use of whose messages many are bad."""
        bad, last = sum(self._latest_are_bad), self._last_bad
        many = max(_MANY, self.hysteresis.fail_frames)
        self._complains = bad >= (_FEW if self._complains else many)
        if last is None or not self._complains:
            return None
        detail = f'{bad} of the last {_REMEMBERED} messages were bad: {last.detail}'
        return Finding(last.reason, detail, {**last.evidence, 'bad_messages': bad}, fails=False)

    @property
    def _flaps(self) -> bool:
        return len(self._drops_ns) >= self.hysteresis.flap_limit

    def _forget_old_drops(self, now_ns: int) -> None:
        window_ns = round(self.hysteresis.flap_window_s * 1e9)
        while self._drops_ns and self._drops_ns[0] < now_ns - window_ns:
            self._drops_ns.popleft()

    def _recovery(self, reason: Reason, now_ns: int) -> tuple[int, int]:
        """Return the good frames, and the nanoseconds of them, that end a failure."""
        self._forget_old_drops(now_ns)
        rule, flaps = RULES[reason], self._flaps
        frames = self.hysteresis.recover_frames if rule.needs_frames or flaps else 1
        time_ns = round(self.hysteresis.recover_s * 1e9) if rule.needs_time else 0
        return (2 * frames, 2 * time_ns) if flaps else (frames, time_ns)

    def _has_recovered(self, now_ns: int, is_new: bool) -> bool:
        """Count a good frame; tell whether the sensor may be used."""
        if self.health.usable:
            return True
        if not self._good_frames:
            self._good_since_ns = now_ns
        self._good_frames += is_new
        good_ns = now_ns - self._good_since_ns
        if self._good_frames >= self._required_frames and good_ns >= self._required_ns:
            self._latest_are_bad.clear()
            return True
        detail = (
            f'{self._good_frames} good frames in {good_ns * 1e-9:.1f} s after {self._failed}; '
            f'{self._required_frames} in {self._required_ns * 1e-9:.1f} s are required'
            + (f', twice as many after {len(self._drops_ns)} failures' if self._flaps else '')
        )
        evidence = {'good_frames': float(self._good_frames), 'good_s': good_ns * 1e-9}
        self._enter(HealthLevel.WARN, Finding(Reason.RECOVERING, detail, evidence), now_ns)
        return False

    def _admit(self, finding: Finding, now_ns: int) -> None:
        if self._still_warns(finding.reason):
            return
        self._required_frames = self._required_ns = 0
        level = HealthLevel.OK if finding.reason is Reason.OK else HealthLevel.WARN
        self._enter(level, finding, now_ns, usable=True)

    def _still_warns(self, reason: Reason) -> bool:
        """Tell whether the present warning stays although something lesser was found."""
        shown = self.health.reason
        if (
            not self.health.usable
            or shown is Reason.OK
            or _PRECEDENCE[reason] <= _PRECEDENCE[shown]
        ):
            self._calm_frames = 0
            return False
        self._calm_frames += 1
        return RULES[shown].needs_frames and self._calm_frames < self.hysteresis.recover_frames

    def _enter(
        self, level: HealthLevel, finding: Finding, now_ns: int, usable: bool = False
    ) -> None:
        before = self.health
        is_same = (before.reason, before.usable) == (finding.reason, usable)
        self.health = SensorHealth(
            modality=before.modality,
            level=level,
            reason=finding.reason,
            usable=usable,
            detail=finding.detail,
            since_ns=before.since_ns if is_same else now_ns,
            evidence=finding.evidence,
        )
