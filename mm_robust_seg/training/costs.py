# Copyright 2026 mm_robust_seg maintainers
# SPDX-License-Identifier: Apache-2.0

"""What a method has to store."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from torch import Tensor

from mm_robust_seg.network.adapters.base import parameter_count
from mm_robust_seg.training.objectives.base import Method


def parameter_costs(method: Method) -> dict[str, Any]:
    """Count parameters.

    Returns:
        ``base``: of the complete-input network; ``per_combination``: what each combination needs
        besides, its adapter or whatever differs from the base; ``total_stored``: all that, what
        combinations share counted once.
    """
    networks, adapters = method.networks(), method.adapters()
    complete = networks[max(networks, key=len)]
    shared = dict(complete.named_parameters())
    own = {
        combination: list(adapters[combination].parameters())
        if combination in adapters
        else [p for name, p in network.named_parameters() if _differs(p, shared.get(name))]
        for combination, network in networks.items()
    }
    distinct = {id(p): p for parameters in own.values() for p in parameters}
    base = parameter_count(complete)
    return {
        'base': base,
        'per_combination': {str(c): _size(parameters) for c, parameters in own.items()},
        'total_stored': base + _size(distinct.values()),
    }


def _differs(parameter: Tensor, shared: Tensor | None) -> bool:
    return shared is None or parameter.shape != shared.shape or bool((parameter != shared).any())


def _size(parameters: Iterable[Tensor]) -> int:
    return sum(p.numel() for p in parameters)
