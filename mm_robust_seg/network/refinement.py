# Copyright 2026 mm_robust_seg maintainers
# SPDX-License-Identifier: Apache-2.0

"""What is fitted to a trained network without a gradient, for one combination, and how it folds.

- The decoder's norms get the statistics of the combination (AdaBN, Li et al., arXiv 1603.04779):
  one running average over all combinations fits none of them.
- The classifier's bias loses the log of the loss's class weights, by which rare classes came to be
  predicted too often (logit adjustment, Menon et al., ICLR 2021, arXiv 2007.07314).
- Logits are divided by a temperature (Guo et al., ICML 2017, arXiv 1706.04599), so that the
  confidence is the share of right pixels. No label changes by it.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
import copy
from dataclasses import dataclass, field

import torch
from torch import nn, Tensor

from mm_robust_seg.modality import ModalitySet
from mm_robust_seg.network.adapters.statistics import Fused, Images, recalibrated

CLASSIFIER = 'decoder.classify'


@dataclass(frozen=True)
class Refinement:
    """Changes of one network.

    Attributes:
        norms: new entries of its state: scales and shifts of norms.
        shift: (classes,) float32, added to the classifier's bias; None: nothing.
        temperature: what logits are divided by.
    """

    norms: Mapping[str, Tensor] = field(default_factory=dict)
    shift: Tensor | None = None
    temperature: float = 1.0


def refined(network: nn.Module, refinement: Refinement) -> nn.Module:
    """Return a copy of ``network`` that has the refinement built in; the original stays."""
    changed = copy.deepcopy(network)
    changed.load_state_dict(dict(refinement.norms), strict=False)
    classify = changed.get_submodule(CLASSIFIER)
    with torch.no_grad():
        if refinement.shift is not None:
            classify.bias.add_(refinement.shift.to(classify.bias.device))
        if refinement.temperature != 1.0:
            classify.weight.div_(refinement.temperature)
            classify.bias.div_(refinement.temperature)
    return changed


def norms_of(
    network: Fused, combination: ModalitySet, batches: Collection[Images]
) -> dict[str, Tensor]:
    """Return scales and shifts that give the decoder's norms the statistics of ``combination``.

    A norm ``w (x - m) / s + b`` with other statistics ``m'``, ``s'`` is one with the old ones and
    ``w s / s'``, ``b + w (m - m') / s'``; so it folds like an adapter.

    Args:
        batches: training crops; whole frames mislead, since the norms were trained on crops.

    Raises:
        TrainingError: if there are too few images to measure a variance.
    """
    state = recalibrated(network, combination, list(batches))
    changed = {}
    for name in (key.removesuffix('.running_mean') for key in state if key.endswith('_mean')):
        norm = network.get_submodule(name)
        spread = (state[f'{name}.running_var'] + norm.eps).sqrt()
        moved = norm.running_mean - state[f'{name}.running_mean']
        changed[f'{name}.weight'] = norm.weight * (norm.running_var + norm.eps).sqrt() / spread
        changed[f'{name}.bias'] = norm.bias + norm.weight * moved / spread
    return {name: value.detach() for name, value in changed.items()}
