# Copyright 2026 mm_robust_seg maintainers
# SPDX-License-Identifier: Apache-2.0

"""Ours: adapters taught by the complete-input network, and no worse than with fewer sensors.

The base is frozen. The adapter of a combination S minimises, with all terms on one batch,

- the task's loss,
- KL(complete || S) of the logits at a temperature (Hinton et al., arXiv 1503.02531), the complete
  ones being the mean of those of the image and of its mirror image,
- the squared error of the four fused features, each relative to the complete network's,
- More-vs-Fewer: max(0, L(S) - L(F)) for a random smaller combination F inside S, whose adapter is
  trained already and stays as it is (SimMLM, Li et al., arXiv 2507.19264).

It starts from the statistics that S has in the frozen network. With a private decoder this is done
only where there is something to train before the decoder; then the decoder is trained on
(:mod:`~mm_robust_seg.training.objectives.private_decoder`). The complete network never changes:
its logits stay bit-identical, and as the larger side of More-vs-Fewer it could not learn anything.

Beyond plain adapters a step costs two forward passes of the complete network and, with two sensors
or more, one of the smaller combination; all without gradients. Inference costs nothing more.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping

import torch
from torch import nn, Tensor

from mm_robust_seg.modality import all_combinations, ModalitySet
from mm_robust_seg.network.adapters.base import Adapted, adapted, Adapter
from mm_robust_seg.network.adapters.combined import Combined
from mm_robust_seg.network.adapters.private_decoder import PrivateDecoder
from mm_robust_seg.network.adapters.ssf import ScaleShift
from mm_robust_seg.network.adapters.statistics import start_from_statistics
from mm_robust_seg.training.objectives.adapters import PlainAdapters
from mm_robust_seg.training.objectives.base import Criterion, MethodContext, Step, Task
from mm_robust_seg.training.objectives.private_decoder import TaughtDecoder
from mm_robust_seg.training.objectives.teaching import passed, softened_divergence, taught

_LEAST_POWER = 1e-6
_KINDS: Mapping[str, type[Combined] | type[ScaleShift] | type[PrivateDecoder]] = {
    'combined': Combined,
    'ssf': ScaleShift,
    'private_decoder': PrivateDecoder,
}


class Distillation:
    """The objective of one combination's adapter.

    Attributes:
        fewer: the adapters of the smaller combinations inside this one, trained.
    """

    def __init__(
        self,
        context: MethodContext,
        combination: ModalitySet,
        adapter: Adapter,
        fewer: Mapping[ModalitySet, Adapter],
    ) -> None:
        self.recipe, self.criterion = context.recipe.ours, context.criterion
        self.segmenter, self.combination = context.segmenter, combination
        self.trained: nn.Module = adapter
        self.adapter, self.fewer = adapter, dict(fewer)

    def set_mode(self) -> None:
        """Keep the statistics of the frozen base."""
        self.segmenter.eval()
        self.adapter.train()

    def loss(self, step: Step) -> Tensor:
        """Return the weighted sum of the terms whose weight is not 0."""
        recipe = self.recipe
        logits, levels = passed(self.segmenter, self.adapter, step.only(self.combination))
        total = self.criterion(logits, step.labels)
        if recipe.logits_weight or recipe.features_weight:
            with torch.no_grad():
                complete = step.only(self.segmenter.modalities)
                mirrored = recipe.mirror and recipe.logits_weight > 0
                target, target_levels = taught(self.segmenter, complete, mirrored)
            if recipe.logits_weight:
                softened = softened_divergence(logits, target, recipe.temperature)
                total = total + recipe.logits_weight * softened
            if recipe.features_weight:
                total = total + recipe.features_weight * relative_error(levels, target_levels)
        if recipe.order_weight and self.fewer:
            total = total + recipe.order_weight * self._excess(logits, step)
        return total

    def _excess(self, logits: Tensor, step: Step) -> Tensor:
        """Return the mean over samples of max(0, L(this) - L(fewer)) for one random fewer."""
        choices = list(self.fewer)
        chosen = choices[int(step.rng.integers(len(choices)))]
        with torch.no_grad():
            smaller = adapted(self.segmenter, self.fewer[chosen], step.only(chosen))
            bound = losses_by_sample(self.criterion, smaller, step.labels)
        return torch.relu(losses_by_sample(self.criterion, logits, step.labels) - bound).mean()


class DistilledAdapters(PlainAdapters):
    """The method: singles first, so that every pair has its smaller combinations."""

    def __init__(self, context: MethodContext) -> None:
        super().__init__(context, _KINDS[context.recipe.ours.adapter])

    def tasks(self) -> Iterator[Task]:
        """Yield one optimisation per incomplete combination, the smallest first."""
        context = self.context
        segmenter = context.segmenter.eval().requires_grad_(False)
        for combination in reversed(all_combinations(segmenter.modalities)[1:]):
            adapter, name = self._started(combination), str(combination)
            network = Adapted(segmenter, adapter)
            if not isinstance(adapter, PrivateDecoder) or adapter.before_decoder():
                fewer = {c: a for c, a in self._adapters.items() if c < combination}
                objective = Distillation(context, combination, adapter, fewer)
                yield Task(name, objective, context.recipe.adapters, network, combination)
            if isinstance(adapter, PrivateDecoder):
                with TaughtDecoder.of(context, combination, adapter) as decoder:
                    stage = context.recipe.decoders
                    yield Task(f'{name}-decoder', decoder, stage, network, combination, False)
            self._adapters[combination] = adapter.eval().requires_grad_(False)

    def _started(self, combination: ModalitySet) -> Combined | ScaleShift | PrivateDecoder:
        """Make an adapter with the statistics of ``combination``, where there is data for it."""
        context, recipe = self.context, self.context.recipe.ours
        blocks = context.blocks.get(combination)
        adapter = _KINDS[recipe.adapter](context.segmenter, combination, blocks)
        batches = list(context.calibration()) if recipe.recalibrate else []
        if batches:
            start_from_statistics(adapter, context.segmenter, combination, batches)
        return adapter


def relative_error(levels: list[Tensor], targets: list[Tensor]) -> Tensor:
    """Return the mean over levels of |level - target|^2 / |target|^2."""
    errors = [
        (level.float() - target.float()).square().mean()
        / target.float().square().mean().clamp_min(_LEAST_POWER)
        for level, target in zip(levels, targets, strict=True)
    ]
    return torch.stack(errors).mean()


def losses_by_sample(criterion: Criterion, logits: Tensor, labels: Tensor) -> Tensor:
    """Return the (N,) loss of each sample on its own."""
    pairs = zip(logits.split(1), labels.split(1), strict=True)
    return torch.stack([criterion(*pair) for pair in pairs])
