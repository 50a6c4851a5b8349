"""Ours: adapters taught by the complete-input network, and no worse than with fewer sensors.

The base is frozen. The adapter of a combination S minimises, with all terms on one batch,

- the task's loss,
- KL(complete || S) of the logits at a temperature (Hinton et al., arXiv 1503.02531),
- the squared error of the four fused features, each relative to the complete network's,
- More-vs-Fewer: max(0, L(S) - L(F)) for a random smaller combination F inside S, whose adapter is
  trained already and stays as it is (SimMLM, Li et al., arXiv 2507.19264).

It starts from the statistics that S has in the frozen network. The complete network never changes:
its logits stay bit-identical, and as the larger side of More-vs-Fewer it could not learn anything.

Beyond plain adapters a step costs one forward pass of the complete network and, with two sensors
or more, one of the smaller combination; both without gradients. Inference costs nothing more.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import NamedTuple

import torch
from torch import nn, Tensor
from torch.nn import functional

from mm_robust_seg.modality import all_combinations, ModalitySet
from mm_robust_seg.network.adapters.base import Adapted, adapted, Adapter
from mm_robust_seg.network.adapters.combined import Combined
from mm_robust_seg.network.adapters.ssf import ScaleShift
from mm_robust_seg.network.adapters.statistics import start_from_statistics
from mm_robust_seg.network.segmenter import Segmenter
from mm_robust_seg.training.objectives.adapters import PlainAdapters
from mm_robust_seg.training.objectives.base import Criterion, Inputs, MethodContext, Step, Task

_LEAST_POWER = 1e-6
_KINDS: Mapping[str, type[Combined] | type[ScaleShift]] = {
    'combined': Combined,
    'ssf': ScaleShift,
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
        logits, levels = _run(self.segmenter, self.adapter, step.only(self.combination))
        total = self.criterion(logits, step.labels)
        if recipe.logits_weight or recipe.features_weight:
            with torch.no_grad():
                complete = step.only(self.segmenter.modalities)
                target, target_levels = _run(self.segmenter, None, complete)
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
            adapter = self._started(combination)
            fewer = {c: a for c, a in self._adapters.items() if c < combination}
            objective = Distillation(context, combination, adapter, fewer)
            network = Adapted(segmenter, adapter)
            yield Task(str(combination), objective, context.recipe.adapters, network, combination)
            self._adapters[combination] = adapter.eval().requires_grad_(False)

    def _started(self, combination: ModalitySet) -> Adapter:
        """Make an adapter with the statistics of ``combination``, where there is data for it."""
        context, recipe = self.context, self.context.recipe.ours
        blocks = context.blocks.get(combination)
        adapter = _KINDS[recipe.adapter](context.segmenter, combination, blocks)
        batches = list(context.calibration()) if recipe.recalibrate else []
        if batches:
            start_from_statistics(adapter, context.segmenter, combination, batches)
        return adapter


def softened_divergence(logits: Tensor, target: Tensor, temperature: float) -> Tensor:
    """Return T^2 KL(softmax(target / T) || softmax(logits / T)), the mean over pixels.

    Args:
        logits, target: (N, classes, h, w).
    """
    own = functional.log_softmax(logits.float() / temperature, dim=1)
    wanted = functional.log_softmax(target.float() / temperature, dim=1)
    divergence = (wanted.exp() * (wanted - own)).sum(1).mean()
    return temperature**2 * divergence


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


class _Pass(NamedTuple):
    logits: Tensor
    levels: list[Tensor]


def _run(segmenter: Segmenter, adapter: Adapter | None, inputs: Inputs) -> _Pass:
    """Return logits and the four fused features, with the adapter in place."""
    with _decoder_inputs(segmenter) as levels:
        return _Pass(adapted(segmenter, adapter, inputs), levels)


@contextmanager
def _decoder_inputs(segmenter: Segmenter) -> Iterator[list[Tensor]]:
    levels: list[Tensor] = []
    handle = segmenter.decoder.register_forward_pre_hook(
        lambda _module, arguments: levels.extend(arguments[0])
    )
    try:
        yield levels
    finally:
        handle.remove()
