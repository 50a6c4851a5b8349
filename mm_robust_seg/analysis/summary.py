# Copyright 2026 mm_robust_seg maintainers
# SPDX-License-Identifier: Apache-2.0

"""Count what a network and its adapters cost, without running them."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
import copy
from typing import Any

import torch
from torch import nn
from torch.utils.flop_counter import FlopCounterMode

from mm_robust_seg.errors import ConfigError
from mm_robust_seg.modalities import KINDS
from mm_robust_seg.modality import all_combinations, ModalitySet
from mm_robust_seg.network.adapters.base import is_within, parameter_count, runs_for
from mm_robust_seg.network.adapters.placement import MakeAdapter
from mm_robust_seg.network.adapters.registry import ADAPTERS
from mm_robust_seg.network.segmenter import Segmenter

META = torch.device('meta')
"""Tensors there have a shape and no values, so that nothing is computed."""


def summarized(segmenter: Segmenter, size_px: tuple[int, int]) -> dict[str, Any]:
    """Count parameters, and multiply-accumulates for one image of ``size_px`` (height, width).

    Multiply-accumulates are those of convolutions, linear layers and the two products of
    attention. Norms, activations, interpolation and sums are not counted: they are limited by
    memory, not by arithmetic.

    Returns:
        ``parts``: of the complete network; ``combinations``: what is executed for each;
        ``adapters``: by method and combination, the parameters of an adapter, or None where the
        method does not suit the network.
    """
    with META:
        network = copy.deepcopy(segmenter).to(META).eval()
        channels = {m: KINDS[m].input_channels(network.validity) for m in network.modalities}
        images = {m: torch.zeros(1, count, *size_px) for m, count in channels.items()}
        macs = macs_of(network, images)
        combinations = all_combinations(network.modalities)
        return {
            'backbone': network.backbone,
            'modalities': str(network.modalities),
            'class_count': network.class_count,
            'height_px': size_px[0],
            'width_px': size_px[1],
            'parameters': parameter_count(network),
            'parts': _parts(network, macs),
            'combinations': {str(c): _executed(network, macs, c) for c in combinations},
            'adapters': {
                name: _adapter_sizes(make, network, combinations[1:])
                for name, make in ADAPTERS.items()
            },
        }


def macs_of(module: nn.Module, given: Any) -> dict[str, int]:
    """Count multiply-accumulates of a module on ``META``.

    Returns:
        By name of the module that executes them itself, those of its parts not included.
    """
    counter = FlopCounterMode(display=False)
    with torch.no_grad(), counter:
        module(given)
    whole = {
        name.partition('.')[2]: sum(operations.values()) // 2
        for name, operations in counter.get_flop_counts().items()
        if name != 'Global'
    }
    own = dict(whole)
    for name, macs in whole.items():
        if name:
            own[_caller(name, whole)] -= macs
    return own


def _caller(name: str, counted: Collection[str]) -> str:
    """Return the innermost counted module around ``name``; lists of modules are not called."""
    parent = name.rpartition('.')[0]
    return parent if parent in counted else _caller(parent, counted)


def _parts(network: Segmenter, macs: Mapping[str, int]) -> dict[str, dict[str, int]]:
    modules = {
        **{f'encoder {m}': f'encoders.{m}' for m in network.modalities},
        'fusion': 'fusion',
        'decoder': 'decoder',
    }
    return {
        part: {
            'parameters': parameter_count(network.get_submodule(module)),
            'macs': sum(count for name, count in macs.items() if is_within(name, (module,))),
        }
        for part, module in modules.items()
    }


def _executed(
    network: Segmenter, macs: Mapping[str, int], combination: ModalitySet
) -> dict[str, int]:
    parameters = network.named_parameters()
    return {
        'parameters': sum(p.numel() for name, p in parameters if runs_for(name, combination)),
        'macs': sum(count for name, count in macs.items() if runs_for(name, combination)),
    }


def _adapter_sizes(
    make: MakeAdapter, network: Segmenter, combinations: Iterable[ModalitySet]
) -> dict[str, int] | None:
    try:
        return {str(c): parameter_count(make(network, c, None)) for c in combinations}
    except ConfigError:
        return None
