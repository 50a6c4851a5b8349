# Copyright 2026 mm_robust_seg maintainers
# SPDX-License-Identifier: Apache-2.0

"""Checkpoints as safetensors: data only, written beside and renamed."""

from __future__ import annotations

from collections.abc import Mapping
import json
from pathlib import Path
from typing import Any

from safetensors import safe_open, SafetensorError
from safetensors.torch import save as serialize
import torch
from torch import Tensor

from mm_robust_seg.errors import TrainingError
from mm_robust_seg.files import write_bytes
from mm_robust_seg.schema import parsed_json


def save(path: Path, tensors: Mapping[str, Tensor], facts: Mapping[str, Any]) -> None:
    """Write named tensors and a few JSON facts.

    Raises:
        TrainingError: if the file cannot be written; an older one stays as it was.
    """
    copies = {k: _own_copy(v) for k, v in tensors.items()}
    try:
        write_bytes(path, serialize(copies, {'facts': json.dumps(facts, sort_keys=True)}))
    except OSError as error:
        raise TrainingError(f'{path} cannot be written: {error}; free some space') from error


def load(path: Path) -> tuple[dict[str, Tensor], dict[str, Any]]:
    """Read what :func:`save` wrote.

    Raises:
        TrainingError: if the file is missing, truncated or not a checkpoint.
    """
    try:
        with safe_open(path, 'pt') as archive:
            tensors = {key: archive.get_tensor(key) for key in archive.keys()}  # noqa: SIM118
            facts = parsed_json((archive.metadata() or {})['facts'])
    except (OSError, SafetensorError, KeyError, ValueError) as error:
        raise TrainingError(
            f'{path} is not a usable checkpoint: {error}; delete it to start that stage again'
        ) from error
    return tensors, facts


def _own_copy(tensor: Tensor) -> Tensor:
    """Return ``tensor`` on the CPU, in memory that it shares with no other."""
    return tensor.detach().cpu().clone(memory_format=torch.contiguous_format)
