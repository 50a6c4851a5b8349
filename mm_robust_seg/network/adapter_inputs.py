# Copyright 2026 mm_robust_seg maintainers
# SPDX-License-Identifier: Apache-2.0

"""One network for every combination: what the adapters change is an input, like the images.

The encoders of absent sensors run on zeros and their gates are closed, so an image of an absent
sensor has no effect at all. That costs the time of the complete network whatever is missing, and
saves the memory of all graphs but one.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
import copy

import torch
from torch import nn, Tensor
from torch.nn import functional

from mm_robust_seg.errors import TrainingError
from mm_robust_seg.modality import Modality, ModalitySet
from mm_robust_seg.network.fusion import CLOSED
from mm_robust_seg.network.segmenter import labelled, Segmenter
from mm_robust_seg.network.validity import by_level, of_image, Shares

LARGEST_SHARE = 0.25


class SharedNetwork(nn.Module):
    """A complete network whose combination is chosen by two further inputs.

    Attributes:
        changed: names and shapes of the entries of the network's state that are an input.
    """

    def __init__(self, networks: Mapping[ModalitySet, nn.Module]) -> None:
        """Find what differs between ``networks``, each for one combination.

        Raises:
            TrainingError: if they are no adaptations of one network, or differ in too much.
        """
        super().__init__()
        complete = max(networks, key=len)
        self.combination, base = complete, networks[complete]
        if not isinstance(base, Segmenter):
            raise TrainingError(
                f'a {type(base).__name__} cannot be shared by all combinations: expected a '
                'Segmenter with adapters that fold; export one graph per combination'
            )
        self.changed = _changed(base, networks)
        self.segmenter = _freed(base, self.changed)

    def adapted(self, network: nn.Module) -> Tensor:
        """Return the entries that are an input, of one of the networks: (P,) float32."""
        state = network.state_dict()
        return torch.cat([state[name].flatten() for name in self.changed])

    def presence(self, combination: ModalitySet) -> Tensor:
        """Return what is added to the gates for ``combination``: (1, M, 1, 1) float32."""
        added = [0.0 if m in combination else CLOSED for m in self.combination]
        return torch.tensor(added).reshape(1, -1, 1, 1)

    def forward(self, adapted: Tensor, presence: Tensor, *images: Tensor) -> Tensor:
        """Return logits, for (P,) adapted parameters, (1, M, 1, 1) presence and all images.

        Raises:
            RuntimeError: if ``adapted`` has another length.
        """
        self._install(adapted)
        pyramids = {
            m: self.segmenter.encoders[m.value](image)
            for m, image in zip(self.combination, images, strict=True)
        }
        valid = self.valid(presence, images)
        shares: Sequence[Shares | None] = (
            by_level(valid) if valid else [None] * len(self.segmenter.fusion)
        )
        levels = [
            fuse.blend(
                fuse.projected({m: pyramid[level] for m, pyramid in pyramids.items()}),
                None if valid else presence,
                shares[level],
            )
            for level, fuse in enumerate(self.segmenter.fusion)
        ]
        logits: Tensor = self.segmenter.decoder(levels)
        return logits

    def valid(self, presence: Tensor, images: Sequence[Tensor]) -> dict[Modality, Tensor]:
        """Return where images are valid, absent ones nowhere; nothing without validity."""
        if not self.segmenter.validity:
            return {}
        shown = 1 - presence / CLOSED
        return {
            m: of_image(image) * shown[:, number : number + 1]
            for number, (m, image) in enumerate(zip(self.combination, images, strict=True))
        }

    def _install(self, adapted: Tensor) -> None:
        sizes = [shape.numel() for shape in self.changed.values()]
        for (name, shape), part in zip(self.changed.items(), adapted.split(sizes), strict=True):
            owner, _, leaf = name.rpartition('.')
            setattr(self.segmenter.get_submodule(owner), leaf, part.reshape(shape))


class SharedLabeler(nn.Module):
    """The graph that is exported: labels and confidence of a network that all share."""

    def __init__(self, shared: SharedNetwork) -> None:
        super().__init__()
        self.shared = shared

    def forward(self, adapted: Tensor, presence: Tensor, *images: Tensor) -> tuple[Tensor, Tensor]:
        """Map parameters, presence and (1, C_m, h, w) images to two (1, h, w) uint8 images."""
        valid = list(self.shared.valid(presence, images).values())
        logits = self.shared(adapted, presence, *images)
        return labelled(logits, images[0].shape[-2:], valid or None)


class _FreeNorm(nn.Module):
    """A batch norm whose scale and shift are apart from it, as runtimes want it for inputs."""

    def __init__(self, norm: nn.BatchNorm2d) -> None:
        super().__init__()
        self.register_buffer('running_mean', norm.running_mean)
        self.register_buffer('running_var', norm.running_var)
        self.weight, self.bias, self.eps = norm.weight, norm.bias, norm.eps

    def forward(self, x: Tensor) -> Tensor:
        x = functional.batch_norm(x, self.running_mean, self.running_var, eps=self.eps)
        return x * self.weight[:, None, None] + self.bias[:, None, None]


def _changed(base: Segmenter, networks: Mapping[ModalitySet, nn.Module]) -> dict[str, torch.Size]:
    """Return the entries of the state that some network has otherwise, with their shapes."""
    reference, names = base.state_dict(), set()
    for combination, network in networks.items():
        state = network.state_dict()
        if state.keys() != reference.keys():
            raise TrainingError(
                f'the network of {combination} is not the base with a folded adapter: export one '
                'graph per combination'
            )
        names |= {name for name in state if not torch.equal(state[name], reference[name])}
    changed = {name: value.shape for name, value in reference.items() if name in names}
    share = sum(shape.numel() for shape in changed.values()) / sum(
        value.numel() for value in reference.values()
    )
    if not changed:
        raise TrainingError(
            'the networks of all combinations are the same, so there is nothing to switch: export '
            'one graph per combination'
        )
    if share > LARGEST_SHARE:
        raise TrainingError(
            f'{share:.0%} of the network differ between the combinations: at most '
            f'{LARGEST_SHARE:.0%} can be inputs; export one graph per combination'
        )
    return changed


def _freed(base: Segmenter, changed: Mapping[str, torch.Size]) -> Segmenter:
    """Return a copy of ``base`` in which the entries ``changed`` are plain attributes."""
    network = copy.deepcopy(base).eval().requires_grad_(False)
    for name in changed:
        owner, _, leaf = name.rpartition('.')
        module = network.get_submodule(owner)
        if isinstance(module, nn.BatchNorm2d):
            parent, _, child = owner.rpartition('.')
            module = _FreeNorm(module)
            setattr(network.get_submodule(parent), child, module)
        delattr(module, leaf)
    return network
