"""What an adapter is: a few parameters that turn into replacements of the network's own.

Training and export use the same replacements, so what is trained is what runs, and a folded
adapter costs nothing at run time.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Protocol

from torch import nn, Tensor
from torch.func import functional_call

from mm_robust_seg.modality import Modality, ModalitySet
from mm_robust_seg.network.segmenter import Segmenter


class Adapter(Protocol):
    """Parameters for one modality combination."""

    def overrides(self, base: Mapping[str, Tensor]) -> dict[str, Tensor]:
        """Return replacements for entries of ``base``, the network's state, differentiably."""


def adapted(
    segmenter: Segmenter, adapter: Adapter | None, inputs: Mapping[Modality, Tensor]
) -> Tensor:
    """Run ``segmenter`` on ``inputs`` with the adapter's replacements in place."""
    if adapter is None:
        return segmenter(inputs)
    state = dict(segmenter.named_parameters())
    return functional_call(segmenter, adapter.overrides(state), (inputs,))


def runs_for(name: str, combination: ModalitySet) -> bool:
    """Tell whether the module or parameter ``name`` is executed for ``combination``."""
    owners = {part for part in name.split('.') if part in {m.value for m in Modality}}
    return all(Modality(owner) in combination for owner in owners)


def parameter_count(module: nn.Module) -> int:
    """Count the parameters of ``module``."""
    return sum(p.numel() for p in module.parameters())
