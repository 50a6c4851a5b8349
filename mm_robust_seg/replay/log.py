"""What happened during a replay, and the figures made from it.

availability: share of reference moments with a mask. A moment is a frame of the sensor that is
    preferred as reference, or, while that one says nothing, of the next one.
miou: mean IoU over the masks whose truth was recorded, 0 to 1; also by combination and class.
inference_ms, wait_ms, skew_ms: median (p50) and 99th percentile (p99) over the masks.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from mm_robust_seg.bundle import SegmentationClass
from mm_robust_seg.config import Config
from mm_robust_seg.dataflow import (
    Frame,
    HealthReport,
    Reason,
    Rejection,
    Segmentation,
)
from mm_robust_seg.errors import DataError
from mm_robust_seg.modality import Modality, ModalitySet
from mm_robust_seg.recordings.bag import BagTruth
from mm_robust_seg.replay.fault_log import FaultLog
from mm_robust_seg.scores.metrics import ConfusionMatrix

_KEPT = 64


class ReplayLog:
    """Collects what a replay tells it.

    Attributes:
        faults: what the monitor said about the faults of a scenario.
    """

    def __init__(
        self, config: Config, classes: Sequence[SegmentationClass], start_ns: int
    ) -> None:
        self.faults = FaultLog()
        self._problem = ''
        self._config, self._classes, self._start_ns = config, tuple(classes), start_ns
        self._end_ns = start_ns
        self._stamps_ns: dict[Modality, list[int]] = {m: [] for m in Modality}
        self._rejections: Counter[str] = Counter()
        self._silenced: Counter[str] = Counter()
        self._states: list[dict[str, object]] = []
        self._last_state: dict[Modality, tuple[Reason, bool]] = {}
        self._verdicts: dict[Modality, str] = {}
        self._once_usable: set[Modality] = set()
        self._switches: list[dict[str, object]] = []
        self._previous: ModalitySet | None = None
        self._masks: list[tuple[int, ModalitySet]] = []
        self._times_s: list[tuple[float, float, float]] = []
        self._truths: dict[int, NDArray[np.uint8]] = {}
        self._unscored: dict[int, tuple[NDArray[np.uint8], ModalitySet]] = {}
        self._scores: dict[ModalitySet, ConfusionMatrix] = {}
        self._scored = 0

    def frame(self, item: Frame | Rejection) -> None:
        """Note what became of an image."""
        self._stamps_ns[item.modality].append(item.stamp_ns)
        if isinstance(item, Rejection):
            self._rejections[f'{item.modality}: {item.reason}, {item.detail}'] += 1

    def silenced(self, modality: Modality) -> None:
        """Note an image that was left out on purpose."""
        self._silenced[modality.value] += 1

    def report(self, report: HealthReport) -> None:
        """Note the sensors whose state changed."""
        self._end_ns = max(self._end_ns, report.now_ns)
        self.faults.report(report)
        for modality, health in report.sensors.items():
            state = (health.reason, health.usable)
            if health.reason is Reason.DISABLED or self._last_state.get(modality) == state:
                continue
            self._last_state[modality] = state
            self._verdicts[modality] = f'{health.reason}, {health.detail}'
            if health.usable:
                self._once_usable.add(modality)
            self._states.append(
                {
                    'time_s': self._time_s(report.now_ns),
                    'sensor': modality.value,
                    'reason': health.reason.value,
                    'usable': health.usable,
                    'detail': health.detail,
                }
            )

    def truth(self, truth: BagTruth) -> None:
        """Note true labels, before or after their mask."""
        _keep(self._truths, truth.stamp_ns, truth.labels)
        if truth.stamp_ns in self._unscored:
            self._score(*self._unscored.pop(truth.stamp_ns), truth.labels)

    def mask(self, mask: Segmentation, now_ns: int) -> None:
        """Note a mask."""
        if mask.switched:
            self._switches.append(
                {
                    'time_s': self._time_s(now_ns),
                    'from': str(self._previous),
                    'to': str(mask.combination),
                    'reasons': mask.report.caption(),
                }
            )
        self._previous = mask.combination
        self._masks.append((mask.stamp_ns, mask.combination))
        if mask.combination:
            self._times_s.append((mask.inference_s, mask.frames.wait_s, mask.frames.skew_s))
        truth = self.truth_of(mask)
        if truth is not None:
            self._score(mask.labels, mask.combination, truth)
        else:
            _keep(self._unscored, self._recorded_ns(mask), (mask.labels, mask.combination))

    def truth_of(self, mask: Segmentation) -> NDArray[np.uint8] | None:
        """Return the true labels of the reference frame, if they are known by now."""
        return self._truths.get(self._recorded_ns(mask))

    def notes(self) -> list[str]:
        """Say what a person should know: no scores, sensors that were never usable."""
        never = [
            f'{modality} was never usable: {verdict}'
            for modality, verdict in self._verdicts.items()
            if modality not in self._once_usable
        ]
        return [self._problem, *never] if self._problem else never

    def summary(self) -> dict[str, Any]:
        """Return the figures that the module's documentation defines, and the events."""
        moments_ns = self._reference_moments_ns()
        stamps_ns = np.array([stamp_ns for stamp_ns, _ in self._masks], np.int64)
        tolerance_ns = round(self._config.sync.max_skew_s * 1e9)
        served = int((_distances_ns(moments_ns, stamps_ns) <= tolerance_ns).sum())
        used = Counter(str(combination) for _, combination in self._masks)
        return {
            'duration_s': self._time_s(self._end_ns),
            'masks': len(self._masks),
            'unlabeled_masks': used['none'],
            'reference_frames': len(moments_ns),
            'availability': round(served / len(moments_ns), 4) if len(moments_ns) else None,
            'frames': {m.value: len(stamps) for m, stamps in self._stamps_ns.items()},
            'rejected': dict(self._rejections),
            'silenced': dict(self._silenced),
            **self._timing(),
            **self._quality(),
            'combinations': dict(used),
            'switches': self._switches,
            'sensor_states': self._states,
            'faults': self.faults.rows(),
        }

    def _timing(self) -> dict[str, float | None]:
        times_ms = np.array(self._times_s, np.float64).reshape(-1, 3) * 1e3
        return {
            f'{name}_ms_p{percent}': round(float(np.percentile(column, percent)), 3)
            if column.size
            else None
            for name, column in zip(('inference', 'wait', 'skew'), times_ms.T, strict=True)
            for percent in (50, 99)
        }

    def _quality(self) -> dict[str, Any]:
        total = ConfusionMatrix(len(self._classes))
        for matrix in self._scores.values():
            total.merge(matrix)
        iou = zip(self._classes, total.iou(), strict=True)
        return {
            'scored_masks': self._scored,
            'miou': _number(total.miou()),
            'pixel_accuracy': _number(total.pixel_accuracy()),
            'miou_by_combination': {str(c): _number(m.miou()) for c, m in self._scores.items()},
            'iou_by_class': {c.name: _number(v) for c, v in iou if not np.isnan(v)},
        }

    def _score(
        self, labels: NDArray[np.uint8], combination: ModalitySet, truth: NDArray[np.uint8]
    ) -> None:
        if self._problem:
            return
        matrix = self._scores.setdefault(combination, ConfusionMatrix(len(self._classes)))
        try:
            matrix.add(labels, truth)
            self._scored += 1
        except DataError as error:  # the truth is of other classes or size: no score means much
            self._problem = f'no mIoU: {error}'
            self._scores.clear()
            self._scored = 0

    def _reference_moments_ns(self) -> NDArray[np.int64]:
        moments_ns = np.zeros(0, np.int64)
        for modality in self._config.sync.reference_order:
            stamps_ns = np.unique(np.array(self._stamps_ns[modality], np.int64))
            period_ns = max(_spacing_ns(moments_ns), _spacing_ns(stamps_ns))
            alone = _distances_ns(stamps_ns, moments_ns) > 0.75 * period_ns
            moments_ns = np.sort(np.concatenate([moments_ns, stamps_ns[alone]]))
        return moments_ns

    def _recorded_ns(self, mask: Segmentation) -> int:
        """Return the reference's stamp as it is in the bag."""
        offset_s = self._config.inputs[mask.reference.modality].stamp_offset_s
        return mask.stamp_ns - round(offset_s * 1e9)

    def _time_s(self, now_ns: int) -> float:
        return round((now_ns - self._start_ns) * 1e-9, 3)


def _keep(store: dict[int, Any], stamp_ns: int, value: object) -> None:
    store[stamp_ns] = value
    while len(store) > _KEPT:
        del store[next(iter(store))]


def _spacing_ns(stamps_ns: NDArray[np.int64]) -> float:
    return float(np.median(np.diff(stamps_ns))) if stamps_ns.size > 1 else 0.0


def _distances_ns(from_ns: NDArray[np.int64], to_ns: NDArray[np.int64]) -> NDArray[np.float64]:
    """Return the distance of each of ``from_ns`` to the nearest of ``to_ns``."""
    if not to_ns.size:
        return np.full(from_ns.size, np.inf)
    ordered = np.sort(to_ns)
    after = np.searchsorted(ordered, from_ns).clip(0, ordered.size - 1)
    before = (after - 1).clip(0)
    beyond, short = np.abs(ordered[after] - from_ns), np.abs(ordered[before] - from_ns)
    nearest: NDArray[np.float64] = np.minimum(beyond, short).astype(np.float64)
    return nearest


def _number(value: float) -> float | None:
    return round(float(value), 4) if np.isfinite(value) else None
