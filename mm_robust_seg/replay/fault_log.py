"""What the monitor said about each fault that was played on a bag."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from mm_robust_seg.dataflow import HealthReport, Reason
from mm_robust_seg.modality import Modality
from mm_robust_seg.recordings.faults import PhaseBegun
from mm_robust_seg.simulation.faults import Fault


@dataclass
class _Episode:
    """One fault of one sensor, from its phase on for as long as following phases have it too."""

    phase: str
    fault: Fault
    begun_ns: int
    detected_ns: int | None = None
    said: list[Reason] = field(default_factory=list)


class FaultLog:
    """Notes, for each fault of each sensor, which reasons the monitor gave, and when."""

    def __init__(self) -> None:
        self._open: dict[Modality, _Episode] = {}
        self._episodes: list[tuple[Modality, _Episode]] = []

    def phase(self, begun: PhaseBegun) -> None:
        """Note that a phase begins."""
        before, self._open = self._open, {}
        for modality, spec in begun.phase.faults.items():
            episode = before.get(modality)
            if episode is None or episode.fault is not spec.kind:
                episode = _Episode(begun.phase.name, spec.kind, begun.time_ns)
                self._episodes.append((modality, episode))
            self._open[modality] = episode

    def report(self, report: HealthReport) -> None:
        """Note the verdicts on the sensors that have a fault."""
        for modality, episode in self._open.items():
            reason = report.sensors[modality].reason
            if reason not in episode.said:
                episode.said.append(reason)
            if reason is episode.fault.reason and episode.detected_ns is None:
                episode.detected_ns = report.now_ns

    def rows(self) -> list[dict[str, Any]]:
        """Return one row per fault; ``detected_ms`` is None if the expected reason never came.

        A fault for which no sensor is to blame is expected to give OK, and is never late.
        """
        return [
            {
                'phase': episode.phase,
                'sensor': modality.value,
                'fault': episode.fault.value,
                'expected': episode.fault.reason.value,
                'detected_ms': _milliseconds(episode),
                'said': [reason.value for reason in episode.said],
            }
            for modality, episode in self._episodes
        ]


def _milliseconds(episode: _Episode) -> float | None:
    if episode.detected_ns is None or episode.fault.reason is Reason.OK:
        return None
    return round((episode.detected_ns - episode.begun_ns) * 1e-6, 1)
