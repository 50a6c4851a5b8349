# Copyright 2026 mm_robust_seg maintainers
# SPDX-License-Identifier: Apache-2.0

"""What single methods take: parts of a recipe, each in a field named after its method."""

from __future__ import annotations

from dataclasses import dataclass

from mm_robust_seg.schema import parameter

OURS = ('combined', 'ssf', 'private_decoder')


@dataclass(frozen=True)
class CombinationsRecipe:
    """Methods that draw one random combination in a step."""

    complete: float = parameter(0.5, 'Share of the steps that have complete input.', 0.0, 1.0)


@dataclass(frozen=True)
class SelfDistillationRecipe:
    """Method ``self_distillation``."""

    incomplete_weight: float = parameter(0.5, 'Of each incomplete combination.', 0.0, 1e3)
    distillation_weight: float = parameter(1.0, 'In it, of the complete logits.', 0.0, 1e3)
    temperature: float = parameter(2.0, 'Of the softmax that distillation compares.', 0.1, 100.0)


@dataclass(frozen=True)
class DedicatedRecipe:
    """Method ``dedicated``: each network is trained until it stops gaining."""

    patience: int = parameter(
        6, 'Epochs without a gain on what refinement.held_out keeps back; 0: train all.', 0, 1000
    )


@dataclass(frozen=True)
class OursRecipe:
    """Method ``ours``; a weight of 0 leaves an ingredient out, and its cost."""

    adapter: str = parameter('private_decoder', 'What is trained.', choices=OURS)
    recalibrate: bool = parameter(True, 'Start from the statistics of the combination.')
    mirror: bool = parameter(True, 'Learn from the mean answer to image and mirror image.')
    passes: int = parameter(3, 'Over the split, that a private decoder learns from.', 1, 1000)
    temperature: float = parameter(2.0, 'Of the softmax that distillation compares.', 0.1, 100.0)
    logits_weight: float = parameter(1.0, 'Of distilling the logits.', 0.0, 1e3)
    features_weight: float = parameter(0.5, 'Of distilling the fused features.', 0.0, 1e3)
    order_weight: float = parameter(0.1, 'Of being no worse than fewer modalities.', 0.0, 1e3)


@dataclass(frozen=True)
class DMRNetRecipe:
    """Method ``dmrnet``."""

    divergence_weight: float = parameter(1e-3, 'Of the embedding from N(0, 1).', 0.0, 1e3)
    hard_weight: float = parameter(0.5, 'Of the second decoder.', 0.0, 1e3)
    hard_from: float = parameter(0.04, 'Share of the epochs before it counts.', 0.0, 1.0)


@dataclass(frozen=True)
class FeaturePredictionRecipe:
    """Method ``feature_prediction``; the weights of the three terms are VICReg's, by 1 / 25."""

    hidden: int = parameter(32, 'Channels a predictor passes through.', 1, 4096)
    invariance_weight: float = parameter(1.0, 'Of the error of the prediction.', 0.0, 1e3)
    variance_weight: float = parameter(1.0, 'Of a channel that varies too little.', 0.0, 1e3)
    covariance_weight: float = parameter(0.04, 'Of channels that say the same.', 0.0, 1e3)


@dataclass(frozen=True)
class ReconstructionRecipe:
    """Method ``reconstruction``."""

    patch_px: int = parameter(32, 'Side of what is masked at once.', 4, 1024)
    masked: float = parameter(0.25, 'Share of the patches that are masked.', 0.0, 1.0)
    reconstruction_weight: float = parameter(0.2, 'Of the images made up.', 0.0, 1e3)
    distillation_weight: float = parameter(0.5, 'Of learning from complete input.', 0.0, 1e3)
    temperature: float = parameter(2.0, 'Of the softmax that distillation compares.', 0.1, 100.0)


@dataclass(frozen=True)
class HypernetworkRecipe:
    """Method ``hypernetwork``."""

    chunk: int = parameter(8, 'Channels whose scales and shifts are generated together.', 1, 4096)
    embedding: int = parameter(12, 'Learned numbers that tell chunks apart.', 1, 4096)
    hidden: int = parameter(64, 'Width of the hidden layer.', 1, 4096)
