# Copyright 2026 mm_robust_seg maintainers
# SPDX-License-Identifier: Apache-2.0

"""A decoder for one combination, trained on features that are computed once.

Nothing before the decoder changes any more, so a few augmented passes over the training split give
all the features it needs, and hundreds of steps cost what the encoders would need for a few. It
minimises the task's loss and KL(complete || S), the complete logits being the mean of those of the
image and of its mirror image.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

import torch
from torch import nn, Tensor
from torch.func import functional_call

from mm_robust_seg.errors import TrainingError
from mm_robust_seg.modality import ModalitySet
from mm_robust_seg.network.adapters.base import fold
from mm_robust_seg.network.adapters.private_decoder import PrivateDecoder
from mm_robust_seg.training.objectives.base import MethodContext, Step
from mm_robust_seg.training.objectives.teaching import softened_divergence, taught

_DECODER = 'decoder.'


@dataclass(frozen=True)
class Cache:
    """What the passes gave, of N samples, in half precision on the device.

    For windows of 256x192 px, 96 channels and 32 classes that is 0.98 MB a sample.

    Attributes:
        levels: four (N, C, h_i, w_i) bfloat16, the finest first.
        target: (N, classes, h / 4, w / 4) bfloat16, the complete logits.
        labels: (N, h, w) uint8.
    """

    levels: list[Tensor]
    target: Tensor
    labels: Tensor


class TaughtDecoder:
    """The task's loss and distillation of one combination's decoder; needs no images."""

    def __init__(
        self, context: MethodContext, combination: ModalitySet, adapter: PrivateDecoder
    ) -> None:
        self.context, self.combination = context, combination
        self.trained: nn.Module = adapter
        self.adapter = adapter
        for parameter in adapter.before_decoder():
            parameter.requires_grad_(False)
        self._cache: Cache | None = None

    @classmethod
    @contextmanager
    def of(
        cls, context: MethodContext, combination: ModalitySet, adapter: PrivateDecoder
    ) -> Iterator[TaughtDecoder]:
        """Make one that forgets its features in the end."""
        objective = cls(context, combination, adapter)
        try:
            yield objective
        finally:
            objective._cache = None

    def set_mode(self) -> None:
        """Keep the statistics of the frozen base."""
        self.context.segmenter.eval()
        self.adapter.train()

    def loss(self, step: Step) -> Tensor:
        """Return the weighted sum on samples drawn from the cache, which the first step fills."""
        cache = self._cache = self._cache or self._computed()
        recipe, count = self.context.recipe, len(cache.labels)
        drawn = step.rng.choice(count, min(recipe.batch_size, count), replace=False)
        chosen = torch.from_numpy(drawn).to(cache.labels.device)
        logits = self._decoded([level[chosen].float() for level in cache.levels])
        target = cache.target[chosen]
        divergence = softened_divergence(logits, target, recipe.ours.temperature)
        loss = self.context.criterion(logits, cache.labels[chosen])
        return loss + recipe.ours.logits_weight * divergence

    def _decoded(self, levels: list[Tensor]) -> Tensor:
        segmenter = self.context.segmenter
        overrides = self.adapter.overrides(segmenter.state_dict())
        own = {k.removeprefix(_DECODER): v for k, v in overrides.items() if k.startswith(_DECODER)}
        logits: Tensor = functional_call(segmenter.decoder, own, (levels,))
        return logits

    @torch.no_grad()
    def _computed(self) -> Cache:
        segmenter, recipe = self.context.segmenter, self.context.recipe.ours
        adapted = fold(
            segmenter, self.adapter
        )  # no gradients, so autocast keeps none of its casts
        levels, targets, labels = [], [], []
        for index in range(recipe.passes):
            for images, wanted in self.context.epoch(index):
                given = {m: images[m] for m in self.combination}
                levels.append([x.bfloat16() for x in adapted.fuse(given)])
                targets.append(taught(segmenter, images, recipe.mirror).logits.bfloat16())
                labels.append(wanted)
        if not labels:
            raise TrainingError('a private decoder has no training images to learn from')
        finest_first = [torch.cat(level) for level in zip(*levels, strict=True)]
        return Cache(finest_first, torch.cat(targets), torch.cat(labels))
