"""Sample pictures: what the sensors saw, the truth, and the mask of every combination."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
import math
from typing import Any

from matplotlib.patches import Patch
import numpy as np
from numpy.typing import NDArray

from mm_robust_seg.bundle import SegmentationClass
from mm_robust_seg.dataflow import UNLABELED
from mm_robust_seg.datasets.samples import Image, Sample
from mm_robust_seg.evaluation.run import Labels
from mm_robust_seg.modality import Modality, ModalitySet
from mm_robust_seg.report.document import Picture
from mm_robust_seg.report.figures import new_figure, png
from mm_robust_seg.scores.metrics import ConfusionMatrix
from mm_robust_seg.stages.mask import colorize

_COLUMNS = 4
_COLOR_MAPS = {Modality.THERMAL: 'inferno', Modality.DEPTH: 'viridis_r'}


def sample_picture(
    sample: Sample,
    masks: Mapping[ModalitySet, Labels],
    classes: Sequence[SegmentationClass],
    number: int,
) -> Picture:
    """Lay out one sample, with the classes that are in its labels or masks."""
    panels = len(sample.images) + 1 + len(masks)
    rows = math.ceil(panels / _COLUMNS)
    height, width = sample.labels.shape
    figure = new_figure(11.0, rows * (11.0 / _COLUMNS * height / width + 0.35) + 0.7)
    grid = list(figure.subplots(rows, _COLUMNS, squeeze=False).flat)
    for axes in grid:
        axes.set_axis_off()
    places = iter(grid)
    for modality, image in sample.images.items():
        _show_input(next(places), modality, image)
    _show(next(places), colorize(sample.labels, classes), 'truth')
    for combination, mask in masks.items():
        score = _frame_score(mask, sample.labels, len(classes))
        _show(next(places), colorize(mask, classes), f'{combination}: {score}')
    shown = np.unique(np.concatenate([sample.labels, *masks.values()], axis=None))
    figure.legend(
        handles=[
            Patch(color=[c / 255 for c in classes[i].color], label=classes[i].name)
            for i in shown[shown != UNLABELED]
        ],
        loc='outside lower center', ncols=8, fontsize=8, frameon=False,
    )  # fmt: skip
    caption = f'Sample {sample.name}: inputs, truth (unlabeled: black), masks and their mIoU.'
    return Picture(f'sample_{number}.png', png(figure), caption)


def _show_input(axes: Any, modality: Modality, image: Image) -> None:
    """Show thermal and depth between their own extremes, invalid pixels grey."""
    if modality is Modality.RGB:
        _show(axes, image, str(modality))
        return
    valid = image[image > 0]
    low, high = np.quantile(valid, (0.01, 0.99)) if valid.size else (0.0, 1.0)
    unit = 'K' if modality is Modality.THERMAL else 'm'
    axes.set_facecolor('#9a9a9a')
    axes.imshow(
        np.where(image > 0, image, np.nan), cmap=_COLOR_MAPS[modality], vmin=low, vmax=high
    )
    axes.set_title(f'{modality}: {low:.3g} to {high:.3g} {unit}', fontsize=10)


def _show(axes: Any, picture: NDArray[Any], title: str) -> None:
    axes.imshow(picture)
    axes.set_title(title, fontsize=10)


def _frame_score(mask: Labels, truth: Labels, class_count: int) -> str:
    matrix = ConfusionMatrix(class_count)
    matrix.add(mask, truth)
    return f'{100 * matrix.miou():.1f}'
