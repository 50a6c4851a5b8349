# Copyright 2026 mm_robust_seg maintainers
# SPDX-License-Identifier: Apache-2.0

"""Published Mix Transformer weights by the names of ``mit.py``.

Two namings are in use: that of NVIDIA's code and that of the transformers package, which also
holds keys and values in two matrices.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import torch
from torch import Tensor

from mm_robust_seg.errors import TrainingError
from mm_robust_seg.network.backbones.pretrained import for_channels, read_weights

_STEM = 'stages.0.embed.project.weight'
_PREFIXES = ('backbone.', 'segformer.', 'encoder.')

# ours: (NVIDIA's, transformers'); the stage is {1} from one or {0} from zero
_PARTS = {
    'embed.project': ('patch_embed{1}.proj', 'patch_embeddings.{0}.proj'),
    'embed.norm': ('patch_embed{1}.norm', 'patch_embeddings.{0}.layer_norm'),
    'norm': ('norm{1}', 'layer_norm.{0}'),
}
_BLOCK = ('block{1}.', 'block.{0}.')
_BLOCK_PARTS = {
    'norm1': ('norm1', 'layer_norm_1'),
    'attention.query': ('attn.q', 'attention.self.query'),
    'attention.key_value': ('attn.kv', 'attention.self.kv'),
    'attention.project': ('attn.proj', 'attention.output.dense'),
    'attention.reduce': ('attn.sr', 'attention.self.sr'),
    'attention.norm': ('attn.norm', 'attention.self.layer_norm'),
    'norm2': ('norm2', 'layer_norm_2'),
    'mix.expand': ('mlp.fc1', 'mlp.dense1'),
    'mix.filter': ('mlp.dwconv.dwconv', 'mlp.dwconv.dwconv'),
    'mix.contract': ('mlp.fc2', 'mlp.dense2'),
}


def read_published(path: Path, own: Mapping[str, Tensor], size: str) -> dict[str, Tensor]:
    """Read a state with the names and shapes of ``own``; what else the file holds is ignored.

    Args:
        path: ``.npz`` or ``.safetensors``, of the encoder or of a segmenter with one.
        size: name of the architecture, for the message.

    Raises:
        TrainingError: if the file cannot be read, or a tensor is missing or of another shape.
    """
    published = {_bare(name): value for name, value in read_weights(path).items()}
    known = _with_joined_keys_and_values(published)
    found = {name: known[alias] for name in own for alias in _aliases(name) if alias in known}
    if _STEM in found:
        found[_STEM] = for_channels(found[_STEM], own[_STEM].shape[1])
    wrong = [name for name in own if name not in found or found[name].shape != own[name].shape]
    if wrong:
        raise TrainingError(
            f'{path} is not a {size}: {len(wrong)} of {len(own)} tensors are missing or of '
            f'another shape, {_aliases(wrong[0])[0]} the first'
        )
    return found


def _aliases(name: str) -> tuple[str, ...]:
    """Return both published names of a tensor."""
    _, stage, rest = name.split('.', 2)
    part, _, leaf = rest.rpartition('.')
    if part.startswith('blocks.'):
        _, index, part = part.split('.', 2)
        parts = zip(_BLOCK, _BLOCK_PARTS[part], strict=True)
        patterns = [f'{block}{index}.{inside}' for block, inside in parts]
    else:
        patterns = list(_PARTS[part])
    return tuple(f'{p.format(int(stage), int(stage) + 1)}.{leaf}' for p in patterns)


def _bare(name: str) -> str:
    for prefix in _PREFIXES:
        name = name.removeprefix(prefix)
    return name


def _with_joined_keys_and_values(weights: dict[str, Tensor]) -> dict[str, Tensor]:
    joined = dict(weights)
    for name, key in weights.items():
        value = weights.get(name.replace('.self.key.', '.self.value.'))
        if '.self.key.' in name and value is not None:
            joined[name.replace('.self.key.', '.self.kv.')] = torch.cat([key, value])
    return joined
