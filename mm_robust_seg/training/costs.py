"""What a method has to store."""

from __future__ import annotations

from typing import Any

from mm_robust_seg.network.adapters.base import parameter_count
from mm_robust_seg.training.objectives.base import Method


def parameter_costs(method: Method) -> dict[str, Any]:
    """Count parameters.

    Returns:
        ``base``: of the complete-input network; ``per_combination``: what each combination needs
        besides, its adapter or whatever differs from the base; ``total_stored``: the sum.
    """
    networks, adapters = method.networks(), method.adapters()
    complete = networks[max(networks, key=len)]
    shared = dict(complete.named_parameters())
    own = {}
    for combination, network in networks.items():
        if combination in adapters:
            own[str(combination)] = parameter_count(adapters[combination])
        else:
            own[str(combination)] = sum(
                p.numel()
                for name, p in network.named_parameters()
                if name not in shared or p.shape != shared[name].shape or (p != shared[name]).any()
            )
    base = parameter_count(complete)
    return {'base': base, 'per_combination': own, 'total_stored': base + sum(own.values())}
