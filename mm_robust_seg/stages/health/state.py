"""The state machine of one sensor: drop fast, re-admit slowly."""

from __future__ import annotations

from collections import deque
from collections.abc import Sequence

from mm_robust_seg.config import HysteresisConfig
from mm_robust_seg.dataflow import HealthLevel, Reason, SensorHealth
from mm_robust_seg.modality import Modality
from mm_robust_seg.stages.health.finding import Finding, RULES


class SensorState:
    """Turn findings into a verdict.

    ::

        WAITING --good frame--> usable (OK, or a warning) --confirmed finding--> failed
                                  ^                                               | good frame
                                  '---- enough good frames, for long enough ---- RECOVERING

    What a failed sensor owes before it is used again depends on the reason (``RULES``); a new
    failure never lowers the debt, and a sensor that fails too often owes twice as much.
    """

    def __init__(self, modality: Modality, hysteresis: HysteresisConfig, now_ns: int) -> None:
        self.hysteresis = hysteresis
        self.health = SensorHealth(
            modality, HealthLevel.WARN, Reason.WAITING, False, 'no frame yet', now_ns
        )
        self._streaks: dict[Reason, int] = {}
        self._drops_ns: deque[int] = deque()
        self._failed = Reason.WAITING
        self._good_frames = 0
        self._good_since_ns = now_ns
        self._owed_frames = 0
        self._owed_ns = 0

    def judge(self, findings: Sequence[Finding], now_ns: int) -> None:
        """Take in what was found in one message; of several warnings the first one counts."""
        bad = [finding for finding in findings if finding.fails]
        self._streaks = {f.reason: self._streaks.get(f.reason, 0) + 1 for f in bad}
        confirmed = next((f for f in bad if self._is_confirmed(f.reason)), None)
        if confirmed:
            self.fail(confirmed, now_ns)
        elif bad:
            self._good_frames = 0
        elif self._has_paid(now_ns):
            self._admit(findings[0], now_ns)

    def fail(self, finding: Finding, now_ns: int) -> None:
        """Take the sensor out of use, or say anew why it is out."""
        if self.health.usable:
            self._drops_ns.append(now_ns)
        self._failed = finding.reason
        self._good_frames = 0
        frames, time_ns = self._debt(finding.reason, now_ns)
        self._owed_frames = max(self._owed_frames, frames)
        self._owed_ns = max(self._owed_ns, time_ns)
        self._enter(HealthLevel.ERROR, finding, now_ns)

    def _is_confirmed(self, reason: Reason) -> bool:
        return not RULES[reason].debounced or self._streaks[reason] >= self.hysteresis.fail_frames

    def _debt(self, reason: Reason, now_ns: int) -> tuple[int, int]:
        """Return the good frames, and the nanoseconds of them, that a failure costs."""
        window_ns = round(self.hysteresis.flap_window_s * 1e9)
        while self._drops_ns and self._drops_ns[0] < now_ns - window_ns:
            self._drops_ns.popleft()
        rule, flaps = RULES[reason], len(self._drops_ns) >= self.hysteresis.flap_limit
        frames = self.hysteresis.recover_frames if rule.owes_frames or flaps else 1
        time_ns = round(self.hysteresis.recover_s * 1e9) if rule.owes_time else 0
        return (2 * frames, 2 * time_ns) if flaps else (frames, time_ns)

    def _has_paid(self, now_ns: int) -> bool:
        """Count one good frame; tell whether the sensor may be used."""
        if self.health.usable:
            return True
        if not self._good_frames:
            self._good_since_ns = now_ns
        self._good_frames += 1
        good_ns = now_ns - self._good_since_ns
        if self._good_frames >= self._owed_frames and good_ns >= self._owed_ns:
            return True
        detail = (
            f'{self._good_frames} good frames in {good_ns * 1e-9:.1f} s after {self._failed}; '
            f'{self._owed_frames} in {self._owed_ns * 1e-9:.1f} s are required'
        )
        evidence = {'good_frames': float(self._good_frames), 'good_s': good_ns * 1e-9}
        self._enter(HealthLevel.WARN, Finding(Reason.RECOVERING, detail, evidence), now_ns)
        return False

    def _admit(self, finding: Finding, now_ns: int) -> None:
        self._owed_frames = self._owed_ns = 0
        level = HealthLevel.OK if finding.reason is Reason.OK else HealthLevel.WARN
        self._enter(level, finding, now_ns, usable=True)

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
