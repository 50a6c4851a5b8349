# Copyright 2026 mm_robust_seg maintainers
# SPDX-License-Identifier: Apache-2.0

"""Scores of label maps against the truth, from confusion matrices."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from mm_robust_seg.dataflow import UNLABELED
from mm_robust_seg.errors import ConfigError, DataError

Float = NDArray[np.float64]
Counts = NDArray[np.integer] | Float
"""(..., class_count, class_count + 1) confusion counts, as in ``ConfusionMatrix.counts``."""


def iou_of(counts: Counts) -> Float:
    """Return intersection over union, (..., class_count); NaN where the class is absent.

    A class is absent when it is neither in the truth nor predicted on a pixel of known truth.
    """
    hits = np.diagonal(counts, axis1=-2, axis2=-1)
    return _ratio(hits, counts.sum(-1) + counts[..., :-1].sum(-2) - hits)


def miou_of(counts: Counts) -> Float:
    """Return the mean IoU of the classes that are not absent, (...); NaN where all are."""
    return mean_of_known(iou_of(counts))


def mean_of_known(values: Float) -> Float:
    """Return the mean of the last axis without its NaN, (...); NaN where all are."""
    return _ratio(np.nansum(values, -1), (~np.isnan(values)).sum(-1))


def pixel_accuracy_of(counts: Counts) -> Float:
    """Return the share of known pixels that are right, (...); NaN where there are none."""
    return _ratio(np.trace(counts, axis1=-2, axis2=-1), counts.sum((-2, -1)))


def _ratio(part: NDArray[Any], whole: NDArray[Any]) -> Float:
    ratio: Float = np.full(np.shape(whole), np.nan)
    np.divide(part, whole, out=ratio, where=np.asarray(whole) > 0)
    return ratio


class ConfusionMatrix:
    """Counts of (true class, predicted class) over all pixels whose truth is known.

    Pixels whose truth is ``UNLABELED`` are ignored. A predicted ``UNLABELED`` where the truth is
    known is a miss: it lowers the true class and helps no other.

    Attributes:
        counts: (class_count, class_count + 1) int64; row = truth, column = prediction, the last
            column counts predictions of ``UNLABELED``.
    """

    def __init__(self, class_count: int) -> None:
        if not 1 <= class_count < UNLABELED:
            raise ConfigError(
                f'class_count is {class_count}: expected 1 to {UNLABELED - 1}, since '
                f'{UNLABELED} means unlabeled'
            )
        self.class_count = class_count
        self.counts: NDArray[np.int64] = np.zeros((class_count, class_count + 1), np.int64)

    @classmethod
    def of(
        cls, prediction: NDArray[np.integer], truth: NDArray[np.integer], class_count: int
    ) -> ConfusionMatrix:
        """Count one label map; see :meth:`add`."""
        matrix = cls(class_count)
        matrix.add(prediction, truth)
        return matrix

    def add(self, prediction: NDArray[np.integer], truth: NDArray[np.integer]) -> None:
        """Count one label map, or a stack of them, against the truth of the same shape.

        Raises:
            DataError: if the shapes differ, or a value is neither a class nor ``UNLABELED``.
        """
        if prediction.shape != truth.shape:
            raise DataError(
                f'the prediction has shape {prediction.shape}, the truth {truth.shape}: expected '
                'equal shapes; resize one (nearest neighbour) first'
            )
        self._check('prediction', prediction)
        self._check('truth', truth)
        known = truth != UNLABELED
        rows = truth[known].astype(np.int64)
        columns = np.minimum(prediction[known].astype(np.int64), self.class_count)
        cells = rows * (self.class_count + 1) + columns
        self.counts += np.bincount(cells, minlength=self.counts.size).reshape(self.counts.shape)

    def merge(self, other: ConfusionMatrix) -> None:
        """Add the counts of ``other``, as if its pixels had been added here.

        Raises:
            DataError: if the class counts differ.
        """
        if other.class_count != self.class_count:
            raise DataError(
                f'cannot merge confusion matrices of {other.class_count} and '
                f'{self.class_count} classes: expected the same classes'
            )
        self.counts += other.counts

    def iou(self) -> Float:
        """Return intersection over union, (class_count,); see :func:`iou_of`."""
        return iou_of(self.counts)

    def miou(self) -> float:
        """Return the mean IoU of the classes that are not absent; NaN if all are."""
        return float(miou_of(self.counts))

    def pixel_accuracy(self) -> float:
        """Return the share of known pixels that are right; NaN if there are none."""
        return float(pixel_accuracy_of(self.counts))

    def _check(self, name: str, labels: NDArray[np.integer]) -> None:
        if not np.issubdtype(labels.dtype, np.integer):
            raise DataError(f'the {name} has dtype {labels.dtype}: expected integer class ids')
        wrong = labels[(labels != UNLABELED) & ((labels < 0) | (labels >= self.class_count))]
        if wrong.size:
            raise DataError(
                f'the {name} holds label {int(wrong.flat[0])}: expected 0 to '
                f'{self.class_count - 1}, or {UNLABELED} for unlabeled; is it of another model?'
            )
