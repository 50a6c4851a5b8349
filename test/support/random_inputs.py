"""Random network inputs and parameters, the same in every run."""

import torch

from mm_robust_seg.bundle import CHANNELS


def random_inputs(combination, size=(64, 96), count=1, seed=1):
    """Make (count, C_m, h, w) images per modality."""
    generator = torch.Generator().manual_seed(seed)
    return {m: torch.randn(count, CHANNELS[m], *size, generator=generator) for m in combination}


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
        segmenter.train()(random_inputs(segmenter.modalities, count=8, seed=0))
    for norm in norms:
        norm.momentum = 0.1
    return segmenter.eval().requires_grad_(False)
