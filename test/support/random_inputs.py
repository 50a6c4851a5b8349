# Copyright 2026 mm_robust_seg maintainers
# SPDX-License-Identifier: Apache-2.0

"""Random network inputs and parameters, the same in every run."""

import torch

from mm_robust_seg.modalities import KINDS


def random_inputs(combination, size=(64, 96), count=1, seed=1):
    """Make (count, C_m, h, w) images per modality."""
    generator = torch.Generator().manual_seed(seed)
    return {
        m: torch.randn(count, KINDS[m].channels, *size, generator=generator) for m in combination
    }


def valid_inputs(combination, invalid=(), size=(64, 96), count=1, seed=1):
    """Make images with validity: few holes, a corner that none sees, and nothing of ``invalid``.

    The values of a sensor do not depend on which others there are.
    """
    images = {}
    for m in combination:
        generator = torch.Generator().manual_seed(seed + 10 * list(KINDS).index(m))
        values = torch.randn(count, KINDS[m].input_channels(True) - 1, *size, generator=generator)
        seen = (torch.rand(count, 1, *size, generator=generator) > 0.2).float()
        seen[..., : size[0] // 2, : size[1] // 2] = 0
        seen = seen * (m not in invalid)
        images[m] = torch.cat([values * seen, seen], dim=1)
    return images


def perturbed(adapter):
    """Move all parameters of a new adapter a little, in place."""
    generator = torch.Generator().manual_seed(2)
    with torch.no_grad():
        for parameter in adapter.parameters():
            parameter.add_(torch.randn(parameter.shape, generator=generator) * 0.05)
    return adapter


def warmed_up(segmenter):
    """Make a frozen network whose norms have random weights and the statistics of its inputs."""
    generator = torch.Generator().manual_seed(4)
    norms = [m for m in segmenter.modules() if isinstance(m, torch.nn.BatchNorm2d)]
    with torch.no_grad():
        for norm in norms:
            norm.weight.uniform_(0.5, 1.5, generator=generator)
            norm.bias.normal_(0, 0.2, generator=generator)
            norm.momentum = None
        given = valid_inputs if segmenter.validity else random_inputs
        segmenter.train()(given(segmenter.modalities, count=8, seed=0))
    for norm in norms:
        norm.momentum = 0.1
    return segmenter.eval().requires_grad_(False)
