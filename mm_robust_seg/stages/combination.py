# Copyright 2026 mm_robust_seg maintainers
# SPDX-License-Identifier: Apache-2.0

"""Choose the modality combination to run: drop at once, re-admit slowly."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from mm_robust_seg.config import Config
from mm_robust_seg.dataflow import HealthReport
from mm_robust_seg.errors import ConfigError
from mm_robust_seg.modality import ModalitySet


class CombinationPolicy:
    """Choose the largest supported set of usable sensors.

    Of equally large sets the one with the sensors first in ``sync.reference_order`` is chosen. A
    sensor that is no longer usable leaves the choice at once. Sensors return to it at most once
    per ``min_dwell_s``, unless nothing would be left without them; the first time, each enters
    as soon as it is usable. With no usable sensor at all, those that are recovering are trusted
    early, and stay trusted while they recover: their frames are good again, and nothing is worse.
    Without any of those, sensors whose images can at least be read make the mask
    (``HealthReport.readable``), unless ``policy.degraded`` refuses them.

    Args:
        config: the policy, which may force one combination; the dwell; how sensors are valued;
            and which are required.
        supported: the combinations the engine can serve.

    Raises:
        ConfigError: if the forced combination is not supported, or none is.
    """

    def __init__(self, config: Config, supported: Sequence[ModalitySet]) -> None:
        self._supported = [combination for combination in supported if combination]
        if not self._supported:
            raise ConfigError('the bundle serves no combination: export one with graphs')
        self.reconfigure(config)
        self._forget()

    def reconfigure(self, config: Config) -> None:
        """Follow other parameters from now on; the choice and the dwell are kept.

        Raises:
            ConfigError: if the forced combination is not supported; then nothing changes.
        """
        reference_order, force_set = config.sync.reference_order, config.policy.force_set
        by_value = sorted(
            self._supported,
            key=lambda c: (len(c), [m in c for m in reference_order]),
            reverse=True,
        )
        forced = ModalitySet.parse(force_set) if force_set else None
        if forced is not None and forced not in by_value:
            raise ConfigError(
                f'policy.force_set is {forced}, which the bundle cannot serve: choose one of '
                f'{", ".join(map(str, by_value))}'
            )
        self._config, self._by_value, self._forced = config, by_value, forced
        self._dwell_ns = round(config.hysteresis.min_dwell_s * 1e9)

    def reset(self, now_ns: int) -> None:
        """Forget the choice and the dwell, as after a jump of the clock."""
        self._forget()

    def _forget(self) -> None:
        self._active = self._kept = self._known = self._trusted = ModalitySet()
        self._admitted_ns: int | None = None

    def choose(self, report: HealthReport, now_ns: int) -> ModalitySet:
        """Return the combination to run now; empty if no sensor can make a mask.

        A forced combination is returned however bad its images are, as long as any come.
        """
        self._active = self._chosen(report, now_ns)
        if self._forced is not None:
            self._active = self._forced if self._forced & report.delivering else ModalitySet()
        return self._active

    def serve(self, members: ModalitySet, report: HealthReport) -> ModalitySet | None:
        """Return what to run for a frame set of these members.

        Returns:
            The best supported combination of the active sensors among them. It is empty for an
            unlabeled mask, and None where no mask is wanted: if a required sensor is not usable,
            none of the active ones has a frame, or ``policy.on_none`` says so.
        """
        if not self._config.inputs.required <= report.usable:
            return None
        wants_unlabeled = not self._active and self._config.policy.on_none == 'unlabeled'
        combination = self._best(self._active & members)
        return combination if combination or wants_unlabeled else None

    def _chosen(self, report: HealthReport, now_ns: int) -> ModalitySet:
        usable = next(filter(self._best, self._tiers(report)), ModalitySet())
        kept = self._best(self._kept & usable)
        best = self._best(usable)
        returning = (best - kept) & self._known
        in_need = not kept or not report.usable
        if best != kept and (in_need or not returning or self._has_dwelt(now_ns)):
            self._admitted_ns = now_ns
            kept = best
        self._kept = kept
        self._known |= kept
        self._trusted = kept & report.recovering
        return kept

    def _tiers(self, report: HealthReport) -> Iterator[ModalitySet]:
        """Yield what a mask may be made of: the next only if the bundle serves none of it."""
        if report.usable:
            yield report.usable | (self._trusted & report.recovering)
        good = report.usable | report.recovering
        yield good
        if self._config.policy.degraded == 'use':
            yield good | report.readable

    def _best(self, sensors: ModalitySet) -> ModalitySet:
        return next((c for c in self._by_value if c <= sensors), ModalitySet())

    def _has_dwelt(self, now_ns: int) -> bool:
        return self._admitted_ns is None or now_ns - self._admitted_ns >= self._dwell_ns
