# Copyright 2026 mm_robust_seg maintainers
# SPDX-License-Identifier: Apache-2.0

"""What an adapter is: a few parameters that change the frozen network for one combination.

An adapter replaces entries of the network's state (``overrides``) and, if that is not enough,
changes the output of modules (``hooks``). Training and export use the same two, so what is
trained is what runs. One that only replaces tensors by tensors of the same shape *folds*: the
adapted network has the operators of the unadapted one and costs nothing at run time.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Mapping
from contextlib import contextmanager
import copy
from functools import partial

from torch import nn, Tensor
from torch.func import functional_call

from mm_robust_seg.modality import Modality, ModalitySet
from mm_robust_seg.network.segmenter import Segmenter

Hook = Callable[[Tensor], Tensor]
Blocks = Collection[str] | None
"""Names of the modules that an adapter may change, with all inside them; None means all."""


class Adapter(nn.Module):
    """Parameters for one modality combination; a new one changes nothing."""

    def overrides(self, base: Mapping[str, Tensor]) -> dict[str, Tensor]:
        """Return replacements for entries of ``base``, the network's state, differentiably."""
        return {}

    def hooks(self) -> dict[str, Hook]:
        """Return, by module name, how outputs are changed: modules, so that copies copy them."""
        return {}


class Adapted(nn.Module):
    """A frozen network with an adapter in place, differentiable in the adapter."""

    def __init__(self, segmenter: Segmenter, adapter: Adapter) -> None:
        super().__init__()
        self.segmenter, self.adapter = segmenter, adapter

    def forward(self, inputs: Mapping[Modality, Tensor]) -> Tensor:
        """Map inputs to logits as ``Segmenter.forward``."""
        return adapted(self.segmenter, self.adapter, inputs)


def adapted(
    segmenter: Segmenter, adapter: Adapter | None, inputs: Mapping[Modality, Tensor]
) -> Tensor:
    """Run ``segmenter`` on ``inputs`` with the adapter's changes in place."""
    if adapter is None:
        return segmenter(inputs)
    with _attached(segmenter, adapter):
        return functional_call(segmenter, adapter.overrides(_state(segmenter)), (inputs,))


def fold(segmenter: Segmenter, adapter: Adapter | None) -> Segmenter:
    """Return a copy of ``segmenter`` that has the adapter built in; the original stays."""
    folded = copy.deepcopy(segmenter).eval().requires_grad_(False)
    if adapter is None:
        return folded
    adapter = copy.deepcopy(adapter).requires_grad_(False)
    for name, value in adapter.overrides(_state(folded)).items():
        owner, _, leaf = name.rpartition('.')
        module = folded.get_submodule(owner)
        entries = module._parameters if leaf in module._parameters else module._buffers
        entries[leaf] = (
            nn.Parameter(value, requires_grad=False) if entries is module._parameters else value
        )
    hooks = adapter.hooks()
    if hooks:
        folded.add_module('adapter', adapter)  # so that it moves with the network
    for name, hook in hooks.items():
        folded.get_submodule(name).register_forward_hook(partial(_replaced, hook))
    return folded


def runs_for(name: str, combination: ModalitySet) -> bool:
    """Tell whether the module or parameter ``name`` is executed for ``combination``.

    What belongs to a modality runs when it is there; a gate only when there is a choice.
    """
    parts = set(name.split('.'))
    if 'gate' in parts and len(combination) == 1:
        return False
    return all(m in combination for m in Modality if m.value in parts)


def sites(
    segmenter: Segmenter,
    combination: ModalitySet,
    kinds: tuple[type[nn.Module], ...],
    blocks: Blocks,
) -> Iterator[tuple[str, nn.Module]]:
    """Yield name and module of what an adapter may change: executed, and inside ``blocks``."""
    for name, module in segmenter.named_modules():
        if is_within(name, blocks) and isinstance(module, kinds) and runs_for(name, combination):
            yield name, module


def is_within(name: str, blocks: Blocks) -> bool:
    """Tell whether ``name`` is one of ``blocks`` or inside one."""
    return blocks is None or any(f'{name}.'.startswith(f'{block}.') for block in blocks)


def key_of(site: str) -> str:
    """Return the key of a module or parameter in a ``ParameterDict``: no dots are allowed."""
    return site.replace('.', '/')


def parameter_count(module: nn.Module) -> int:
    """Count the parameters of ``module``."""
    return sum(p.numel() for p in module.parameters())


def _state(segmenter: Segmenter) -> dict[str, Tensor]:
    return {**dict(segmenter.named_parameters()), **dict(segmenter.named_buffers())}


@contextmanager
def _attached(segmenter: Segmenter, adapter: Adapter) -> Iterator[None]:
    handles = [
        segmenter.get_submodule(name).register_forward_hook(partial(_replaced, hook))
        for name, hook in adapter.hooks().items()
    ]
    try:
        yield
    finally:
        for handle in handles:
            handle.remove()


def _replaced(hook: Hook, _module: nn.Module, _inputs: object, output: Tensor) -> Tensor:
    return hook(output)
