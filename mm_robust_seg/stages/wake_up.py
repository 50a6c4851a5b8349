# Copyright 2026 mm_robust_seg maintainers
# SPDX-License-Identifier: Apache-2.0

"""Decide when the driver of a sensor that hangs is to be woken."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from mm_robust_seg.config import RecoveryConfig
from mm_robust_seg.finding import Reason, SensorHealth
from mm_robust_seg.modality import Modality

HUNG = frozenset({Reason.SILENT, Reason.FROZEN})
"""Why a sensor is out of use when its driver hangs; of one that is GONE nobody would answer."""


@dataclass(frozen=True)
class WakeCall:
    """The driver of a sensor is to be woken now.

    Attributes:
        number: of the call, since the sensor was last in use for long; 1 is the first.
        hung_s: how long the sensor has been silent or frozen.
    """

    modality: Modality
    reason: Reason
    number: int
    hung_s: float


class WakeUp:
    """Calls for the drivers of sensors that have been silent or frozen for long enough.

    A driver that starts anew takes its time, so after each call twice as long passes as after the
    one before, ``retry_s`` after the first. Calls are counted until the sensor has been usable
    for ``retry_s``: one that works for a moment only is not called without end.

    Args:
        config: of the sensors; those without a service are left alone.
    """

    def __init__(self, config: RecoveryConfig) -> None:
        self._sensors = {m: _Sensor() for m in Modality if config[m].service}
        self._config = config

    def due(self, sensors: Mapping[Modality, SensorHealth], now_ns: int) -> list[WakeCall]:
        """Return which drivers are to be woken now; each is counted as called.

        Args:
            sensors: the verdicts.
            now_ns: time that never goes back, from any beginning.
        """
        calls = []
        for modality, sensor in self._sensors.items():
            health, limits = sensors[modality], self._config[modality]
            sensor.saw(health, now_ns, round(limits.retry_s * 1e9))
            hung_s = sensor.hung_s(now_ns)
            if hung_s is None or hung_s < limits.after_s or now_ns < sensor.next_ns:
                continue
            if sensor.calls < limits.max_calls:
                sensor.called(now_ns, round(limits.retry_s * 1e9))
                calls.append(WakeCall(modality, health.reason, sensor.calls, hung_s))
        return calls


class _Sensor:
    """What is remembered of one sensor."""

    def __init__(self) -> None:
        self.calls = self.next_ns = 0
        self._hung_since_ns: int | None = None
        self._usable_since_ns: int | None = None

    def saw(self, health: SensorHealth, now_ns: int, steady_ns: int) -> None:
        """Take in a verdict; the calls are forgotten after ``steady_ns`` in use."""
        is_hung = health.reason in HUNG and not health.usable
        self._hung_since_ns = _since(self._hung_since_ns, is_hung, now_ns)
        self._usable_since_ns = _since(self._usable_since_ns, health.usable, now_ns)
        if self._usable_since_ns is not None and now_ns - self._usable_since_ns >= steady_ns:
            self.calls = self.next_ns = 0

    def hung_s(self, now_ns: int) -> float | None:
        """Return for how long the sensor has been silent or frozen; None if it is not."""
        return None if self._hung_since_ns is None else (now_ns - self._hung_since_ns) * 1e-9

    def called(self, now_ns: int, retry_ns: int) -> None:
        """Note a call."""
        self.next_ns = now_ns + retry_ns * 2**self.calls
        self.calls += 1


def _since(since_ns: int | None, holds: bool, now_ns: int) -> int | None:
    """Return since when something holds; None if it does not."""
    if not holds:
        return None
    return now_ns if since_ns is None else since_ns
