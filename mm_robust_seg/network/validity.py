# Copyright 2026 mm_robust_seg maintainers
# SPDX-License-Identifier: Apache-2.0

"""Where inputs are valid, at the scales of a network: shares of the last channel of an input."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import torch
from torch import Tensor
from torch.nn import functional

from mm_robust_seg.modality import Modality

_STRIDE, _LEVELS = 4, 4
_REACH = 4
"""Cells of 4 px on either side of a place: the window of the coarsest features, around it."""

Shares = Mapping[Modality, Tensor]
"""By modality, (N, 1, h, w) shares of the pixels of a place that are valid, 0 to 1."""


def of_image(image: Tensor) -> Tensor:
    """Return the validity, (N, 1, h, w), of an input with such a channel: its last one."""
    return image[:, -1:]


def by_level(valid: Mapping[Modality, Tensor]) -> list[Shares]:
    """Average (N, 1, h, w) validity to the sizes of features at strides 4, 8, 16 and 32.

    Halves of odd sizes are rounded up, as by the convolutions that halve the features.
    """
    pyramids = {m: _pyramid(x) for m, x in valid.items()}
    return [{m: pyramid[level] for m, pyramid in pyramids.items()} for level in range(_LEVELS)]


def _pyramid(valid: Tensor) -> list[Tensor]:
    levels = [functional.avg_pool2d(valid, _STRIDE)]
    while len(levels) < _LEVELS:
        height, width = (int(side) for side in levels[-1].shape[-2:])
        padding = (height % 2, width % 2)
        levels.append(
            functional.avg_pool2d(levels[-1], 2, padding=padding, count_include_pad=False)
        )
    return levels


def mean_of_valid(values: Mapping[Modality, Tensor], shares: Shares | None) -> Tensor:
    """Average (N, C, h, w) over modalities, each by its share; 0 where nothing is valid.

    Args:
        shares: of at least these modalities; None: all are valid everywhere.
    """
    if shares is None:
        return torch.stack(list(values.values())).mean(0)
    total = torch.stack([shares[m] for m in values]).sum(0)
    weighted = torch.stack([x * shares[m] for m, x in values.items()]).sum(0)
    return weighted / torch.where(total > 0, total, 1.0)


def unseen(valid: Sequence[Tensor], size: tuple[int, int]) -> Tensor:
    """Tell where no sensor has a valid pixel near by, (N, h, w) bool of ``size``.

    Near by is within 16 px or so, the reach of the coarsest features: smaller holes are filled
    from what is around them, which a label per pixel would forbid. Depth alone has many.

    Args:
        valid: (N, 1, h, w) of each present sensor.
    """
    most = valid[0]
    for other in valid[1:]:
        most = torch.maximum(most, other)
    near = functional.max_pool2d(
        functional.max_pool2d(most, _STRIDE), 2 * _REACH + 1, 1, padding=_REACH
    )
    return functional.interpolate(near, size, mode='nearest')[:, 0] <= 0
