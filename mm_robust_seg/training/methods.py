# Copyright 2026 mm_robust_seg maintainers
# SPDX-License-Identifier: Apache-2.0

"""Every method by name, and where packages add theirs."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial
from typing import Literal

from mm_robust_seg import plugins
from mm_robust_seg.errors import ConfigError, PluginError
from mm_robust_seg.network.adapters.placement import MakeAdapter
from mm_robust_seg.network.adapters.registry import ADAPTERS
from mm_robust_seg.training.objectives.adapters import PlainAdapters
from mm_robust_seg.training.objectives.base import Method, MethodContext
from mm_robust_seg.training.objectives.complete import CompleteInput
from mm_robust_seg.training.objectives.dedicated import DedicatedNetworks
from mm_robust_seg.training.objectives.distillation import DistilledAdapters
from mm_robust_seg.training.objectives.dmrnet import DMRNet
from mm_robust_seg.training.objectives.feature_prediction import PredictedFeatures
from mm_robust_seg.training.objectives.gmd import DecoupledSharing
from mm_robust_seg.training.objectives.hypernetwork import HyperNetworkAdapters
from mm_robust_seg.training.objectives.modality_dropout import ModalityDropout
from mm_robust_seg.training.objectives.reconstruction import ReconstructedModalities
from mm_robust_seg.training.objectives.self_distillation import SelfDistilled
from mm_robust_seg.training.objectives.shared_branch import OneBranch
from mm_robust_seg.training.objectives.unadapted import Unadapted

Command = Literal['train', 'adapt']


@dataclass(frozen=True)
class MethodEntry:
    """One way of coping with missing modalities.

    Attributes:
        summary: what is trained, in one line.
        source: the publication, or where the idea is from.
        command: ``train`` trains a whole network, ``adapt`` a few parameters on a frozen one.
        adapter: how one is made, if they can be placed by importance.
        shares_statistics: whether the norms of the decoder hold one running average over all
            combinations, so that each is better off with its own.
    """

    summary: str
    source: str
    command: Command
    make: Callable[[MethodContext], Method]
    adapter: MakeAdapter | None = None
    shares_statistics: bool = False


def adapter_method(adapter: MakeAdapter, summary: str, source: str) -> MethodEntry:
    """Return the method that trains an adapter for every incomplete combination."""
    make = partial(PlainAdapters, make_adapter=adapter)
    return MethodEntry(summary, source, 'adapt', make, adapter)


def _adapter(name: str, summary: str, source: str) -> MethodEntry:
    return adapter_method(ADAPTERS[name], summary, source)


_SSF = 'Lian et al., NeurIPS 2022; per combination: arXiv 2310.03986'
_TOKENS = 'Lee et al., CVPR 2023, arXiv 2303.03369'
_PROMPTS = f'{_TOKENS}, on a convolutional network'

METHODS: Mapping[str, MethodEntry] = {
    'complete': MethodEntry(
        'one network on complete input, the base of all adapters', '', 'train', CompleteInput
    ),
    'modality_dropout': MethodEntry(
        'one network on random combinations',
        'Neverova et al., TPAMI 2016, arXiv 1501.00102',
        'train',
        ModalityDropout,
        shares_statistics=True,
    ),
    'self_distillation': MethodEntry(
        'one network on complete and smaller input in every step, taught by the complete',
        'Yu and Huang, ICCV 2019, arXiv 1903.05134, with sensors in place of channels',
        'train',
        SelfDistilled,
        shares_statistics=True,
    ),
    'dedicated': MethodEntry(
        'a network of its own for every combination', '', 'train', DedicatedNetworks
    ),
    'none': MethodEntry('no adapters, the base as it is', '', 'adapt', Unadapted),
    'ssf': _adapter('ssf', 'scale and shift of features', _SSF),
    'scale': _adapter('scale', 'scale of features', _SSF),
    'shift': _adapter('shift', 'shift of features', _SSF),
    'norm': _adapter('norm', 'affine parameters of the norms', 'arXiv 2310.03986'),
    'bitfit': _adapter('bitfit', 'biases', 'Ben Zaken et al., ACL 2022, arXiv 2106.10199'),
    'lora': _adapter('lora', 'low-rank updates', 'Hu et al., ICLR 2022, arXiv 2106.09685'),
    'prompt_add': _adapter(
        'prompt_add', 'prompts added in six blocks, and the classifier', _PROMPTS
    ),
    'prompt_concat': _adapter(
        'prompt_concat', 'prompt maps beside features, and the classifier', _PROMPTS
    ),
    'prompt_input': _adapter(
        'prompt_input', 'prompt tokens, and the classifier; a transformer only', _TOKENS
    ),
    'prompt_attention': _adapter(
        'prompt_attention',
        'prompts as keys and values, and the classifier; a transformer only',
        _TOKENS,
    ),
    'combined': _adapter('combined', 'scale and shift, and low-rank updates', _SSF),
    'private_decoder': _adapter(
        'private_decoder', 'a decoder per combination, and scale and shift before it', ''
    ),
    'ours': MethodEntry(
        'adapters taught by the complete-input network, no worse than with fewer sensors',
        'Hinton et al., arXiv 1503.02531; More-vs-Fewer of arXiv 2507.19264; on private_decoder',
        'adapt',
        DistilledAdapters,
        ADAPTERS['private_decoder'],
    ),
    'dmrnet': MethodEntry(
        'one network with a sampled embedding, on random combinations',
        'Wei et al., ECCV 2024, arXiv 2407.04458',
        'train',
        DMRNet,
        shares_statistics=True,
    ),
    'gmd': MethodEntry(
        'one encoder for all sensors, private norms, conflicts between gradients removed',
        'Wang et al., AAAI 2024, arXiv 2402.16318',
        'train',
        DecoupledSharing,
    ),
    'shared_branch': MethodEntry(
        'one encoder for all sensors behind private stems, on random combinations',
        'Saeed et al., arXiv 2408.07445',
        'train',
        OneBranch,
        shares_statistics=True,
    ),
    'reconstruction': MethodEntry(
        'one network on masked random combinations that also makes up the missing images',
        'Zhao et al., arXiv 2406.01987',
        'train',
        ReconstructedModalities,
        shares_statistics=True,
    ),
    'feature_prediction': MethodEntry(
        'biases, and predictors of the missing features from the present ones',
        'Kim and Kim, arXiv 2407.12616; VICReg of arXiv 2105.04906',
        'adapt',
        PredictedFeatures,
    ),
    'hypernetwork': MethodEntry(
        'a small network that makes scale and shift from the set of sensors',
        'Zhao et al., arXiv 2406.01987; Ha et al., arXiv 1609.09106',
        'adapt',
        HyperNetworkAdapters,
    ),
}


def find_method(name: str) -> MethodEntry:
    """Return the method of that name, which may be a plug-in.

    Raises:
        PluginError: if there is none, or two, or its package cannot be imported.
    """
    entry = plugins.METHODS.find(name, METHODS) or METHODS[name]
    if not isinstance(entry, MethodEntry):
        raise PluginError(
            f'method {name!r} of a package is a {type(entry).__name__}: expected a MethodEntry'
        )
    return entry


def method_entry(name: str, command: Command) -> MethodEntry:
    """Return the method of that name.

    Raises:
        ConfigError: if there is none, or another command trains it.
        PluginError: if there are two, or its package cannot be imported.
    """
    known = '\n'.join(
        f'  {key:18} {e.summary}' for key, e in METHODS.items() if e.command == command
    )
    if name not in METHODS and name not in plugins.METHODS.names:
        raise ConfigError(
            f'there is no method {name!r}: expected one of\n{known}\nor {plugins.METHODS.known()}'
        )
    entry = find_method(name)
    if entry.command == command:
        return entry
    raise ConfigError(
        f'{name} is trained by "mm-robust-seg {entry.command}": expected one of\n{known}'
    )
