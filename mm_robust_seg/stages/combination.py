"""Choose the modality combination to run: drop at once, re-admit slowly."""

from __future__ import annotations

from collections.abc import Sequence

from mm_robust_seg.config import HysteresisConfig, PolicyConfig
from mm_robust_seg.dataflow import HealthReport
from mm_robust_seg.errors import ConfigError
from mm_robust_seg.modality import Modality, ModalitySet


class CombinationPolicy:
    """Choose the largest supported set of usable sensors.

    Of equally large sets the one with the sensors first in ``reference_order`` is chosen. A
    sensor that is no longer usable leaves the choice at once. Sensors return to it at most once
    per ``min_dwell_s``, unless nothing would be left without them; the first time, each enters
    as soon as it is usable. With no usable sensor at all, those that are recovering are trusted
    early, and stay trusted while they recover: their frames are good again, and nothing is worse.

    Args:
        policy: may force one combination.
        hysteresis: holds ``min_dwell_s``.
        reference_order: all sensors, the most valued first.
        supported: the combinations the engine can serve.

    Raises:
        ConfigError: if the forced combination is not supported, or none is.
    """

    def __init__(
        self,
        policy: PolicyConfig,
        hysteresis: HysteresisConfig,
        reference_order: Sequence[Modality],
        supported: Sequence[ModalitySet],
    ) -> None:
        self._supported = [combination for combination in supported if combination]
        if not self._supported:
            raise ConfigError('the bundle serves no combination: export one with graphs')
        self.reconfigure(policy, hysteresis, reference_order)
        self.reset()

    def reconfigure(
        self,
        policy: PolicyConfig,
        hysteresis: HysteresisConfig,
        reference_order: Sequence[Modality],
    ) -> None:
        """Follow other parameters from now on; the choice and the dwell are kept.

        Raises:
            ConfigError: if the forced combination is not supported; then nothing changes.
        """
        by_value = sorted(
            self._supported,
            key=lambda c: (len(c), [m in c for m in reference_order]),
            reverse=True,
        )
        forced = ModalitySet.parse(policy.force_set) if policy.force_set else None
        if forced is not None and forced not in by_value:
            raise ConfigError(
                f'policy.force_set is {forced}, which the bundle cannot serve: choose one of '
                f'{", ".join(map(str, by_value))}'
            )
        self._by_value, self._forced = by_value, forced
        self._dwell_ns = round(hysteresis.min_dwell_s * 1e9)

    def reset(self) -> None:
        """Forget the choice and the dwell, as after a jump of the clock."""
        self._active = self._known = self._trusted = ModalitySet()
        self._admitted_ns: int | None = None

    def choose(self, report: HealthReport, now_ns: int) -> ModalitySet:
        """Return the combination to run now; empty if no sensor is usable or recovering.

        A forced combination is returned however bad its images are, as long as any come.
        """
        chosen = self._chosen(report, now_ns)
        if self._forced is None:
            return chosen
        return self._forced if self._forced & report.delivering else ModalitySet()

    def serve(self, active: ModalitySet, members: ModalitySet) -> ModalitySet:
        """Return the best supported combination of the ``active`` sensors a frame set has."""
        return self._best(active & members)

    def _chosen(self, report: HealthReport, now_ns: int) -> ModalitySet:
        if report.usable:
            usable = report.usable | (self._trusted & report.recovering)
        else:
            usable = report.recovering
        kept = self._best(self._active & usable)
        best = self._best(usable)
        returning = (best - kept) & self._known
        in_need = not kept or not report.usable
        if best != kept and (in_need or not returning or self._has_dwelt(now_ns)):
            self._admitted_ns = now_ns
            kept = best
        self._active = kept
        self._known |= kept
        self._trusted = kept & report.recovering
        return kept

    def _best(self, sensors: ModalitySet) -> ModalitySet:
        return next((c for c in self._by_value if c <= sensors), ModalitySet())

    def _has_dwelt(self, now_ns: int) -> bool:
        return self._admitted_ns is None or now_ns - self._admitted_ns >= self._dwell_ns
