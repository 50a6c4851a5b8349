"""One weight-shared branch for all modalities (Saeed et al., arXiv 2408.07445).

The paper feeds embeddings of text, image or sound, made by fixed extractors, through one branch
of fully connected layers, in random order of modality; what is present is fused at the end. Here
the shared branch is the whole convolutional encoder behind a private stem, the present modalities'
features are averaged at four scales, and a step trains a random combination, complete included.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from torch import nn, Tensor

from mm_robust_seg.modality import all_combinations, Modality, ModalitySet
from mm_robust_seg.network.adapters.base import Adapter
from mm_robust_seg.network.shared_branch import SharedBranch
from mm_robust_seg.training.objectives.base import (
    Criterion,
    freeze_statistics,
    random_combination,
    Setting,
    Step,
    Task,
)
from mm_robust_seg.training.objectives.complete import keeps_rgb_statistics


class RandomlyFed:
    """The task's loss of one network on a combination drawn anew for every batch.

    A trunk that starts from weights of natural images keeps their batch-norm statistics: then
    single modalities and mixtures are normalised alike, in training as on the robot.
    """

    def __init__(self, network: SharedBranch, criterion: Criterion, keep_trunk: bool) -> None:
        self.trained: nn.Module = network
        self.network, self.criterion, self.keep_trunk = network, criterion, keep_trunk

    def set_mode(self) -> None:
        """Train everything; see the class about the trunk."""
        self.network.train()
        if self.keep_trunk:
            freeze_statistics(self.network.encoders.trunk)

    def loss(self, step: Step) -> Tensor:
        """Return the loss of the logits of a random combination."""
        inputs = step.only(random_combination(self.network.modalities, step.chance))
        return self.criterion(self.network(inputs), step.labels)


class OneBranch:
    """The method: one network for every combination, a third the size of the others.

    The trunk starts from the weights of the RGB encoder, the decoder from the decoder's.
    """

    def __init__(self, setting: Setting) -> None:
        self.setting, source = setting, setting.segmenter
        channels = source.decoder.classify.in_channels
        self.network = SharedBranch(
            source.class_count, source.modalities, source.backbone, channels
        )
        self.starts_from_rgb = Modality.RGB in source.modalities
        if self.starts_from_rgb:
            rgb = source.encoders[Modality.RGB.value]
            self.network.encoders.trunk.load_state_dict(rgb.state_dict())
        self.network.decoder.load_state_dict(source.decoder.state_dict())

    def tasks(self) -> Iterator[Task]:
        """Yield the one optimisation."""
        setting, network = self.setting, self.network
        keep_trunk = self.starts_from_rgb and keeps_rgb_statistics(setting)
        objective = RandomlyFed(network, setting.criterion, keep_trunk)
        yield Task('base', objective, setting.recipe.base, network, setting.modalities)

    def networks(self) -> dict[ModalitySet, nn.Module]:
        """Return the same network for every combination."""
        network = self.network.eval().requires_grad_(False)
        return dict.fromkeys(all_combinations(self.setting.modalities), network)

    def adapters(self) -> Mapping[ModalitySet, Adapter]:
        """Return none."""
        return {}
