# Copyright 2026 mm_robust_seg maintainers
# SPDX-License-Identifier: Apache-2.0

"""Scores of a system whose sensors fail, from its scores per modality combination.

Liao et al., "Benchmarking Multi-modal Semantic Segmentation under Sensor Failures" (2025), arXiv
2503.18445: EMM, entirely missing modalities; RMM has the same means over what was damaged. The
counter-intuitive rate is this project's own.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from mm_robust_seg.errors import DataError
from mm_robust_seg.modality import all_combinations, ModalitySet

Float = NDArray[np.float64]
ByCombination = Mapping[ModalitySet, float] | Mapping[ModalitySet, Float]
"""A score of each combination, or an array of them (resamples), all of one shape."""

FAILURE_RATES = (0.2, 0.1, 0.05)
"""Probabilities p of one sensor's failure at which E(p) is quoted."""

NOTICEABLE = 0.01
"""Loss of a frame's score beyond which one more sensor made it worse; less may be chance."""


def emm_average(scores: ByCombination) -> Float:
    """Return the plain mean over all combinations, the complete one included."""
    _require_all_subsets(scores)
    average: Float = np.mean(_stacked(scores), axis=0)
    return average


def emm_expected(scores: ByCombination, failure_rate: float) -> Float:
    """Return E(p): the mean score when each of N sensors fails independently with p.

    A combination with k of N sensors missing weighs p^k (1 - p)^(N - k); the weights are
    normalised without the case that all have failed.
    """
    complete = _require_all_subsets(scores)
    missing = np.array([len(complete) - len(combination) for combination in scores])
    weights = failure_rate**missing * (1 - failure_rate) ** (len(complete) - missing)
    expected: Float = np.tensordot(weights / weights.sum(), _stacked(scores), axes=1)
    return expected


def has_all_subsets(scores: ByCombination) -> bool:
    """Tell whether every non-empty subset of the largest combination has a score."""
    return set(scores) == set(all_combinations(max(scores, key=len)))


@dataclass(frozen=True)
class CounterIntuition:
    """How often one more sensor makes a frame worse.

    Attributes:
        pairs: frames times pairs (S, S + sensor) in which both were scored.
        lower: those in which the larger combination scored lower, by however little.
        worse: those in which it lost more than ``NOTICEABLE``.
        mean_loss: how much, on average over ``worse``; 0 if there are none.
    """

    pairs: int
    lower: int
    worse: int
    mean_loss: float

    @property
    def rate(self) -> float:
        """Share of ``pairs`` that are ``worse``; NaN without pairs."""
        return self.worse / self.pairs if self.pairs else float('nan')


def counter_intuition(frame_scores: Mapping[ModalitySet, Float]) -> CounterIntuition:
    """Compare every combination with every one that has exactly one sensor more.

    Args:
        frame_scores: (frames,) score of each frame as a share, NaN where it has none.
    """
    changes = [
        frame_scores[larger] - frame_scores[smaller]
        for smaller in frame_scores
        for larger in frame_scores
        if smaller < larger and len(larger) == len(smaller) + 1
    ]
    known = np.concatenate([np.empty(0), *changes])
    known = known[~np.isnan(known)]
    noticed = -known[known < -NOTICEABLE]
    mean_loss = float(noticed.mean()) if noticed.size else 0.0
    return CounterIntuition(known.size, int((known < 0).sum()), noticed.size, mean_loss)


def _stacked(scores: ByCombination) -> Float:
    return np.stack([np.asarray(score, np.float64) for score in scores.values()])


def _require_all_subsets(scores: ByCombination) -> ModalitySet:
    if not scores or not has_all_subsets(scores):
        raise DataError(
            f'there are scores of {", ".join(map(str, scores)) or "nothing"}: expected every '
            'non-empty subset of the largest combination; evaluate a bundle that serves them all'
        )
    return max(scores, key=len)
