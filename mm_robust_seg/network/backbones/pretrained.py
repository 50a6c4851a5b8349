"""Read published weights from a file that cannot run code."""

from __future__ import annotations

from pathlib import Path
import zipfile

import numpy as np
from safetensors import SafetensorError
from safetensors.torch import load_file
import torch
from torch import Tensor

from mm_robust_seg.errors import TrainingError


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
        if path.suffix == '.npz' and path.is_file() and not zipfile.is_zipfile(path):
            raise ValueError('it is incomplete, or no .npz archive')
        if path.suffix == '.safetensors':
            return {name: value.float() for name, value in load_file(path).items()}
        with np.load(path, allow_pickle=False) as archive:
            return {k: torch.from_numpy(archive[k].astype(np.float32)) for k in archive}
    except (OSError, ValueError, zipfile.BadZipFile, SafetensorError) as error:
        raise TrainingError(f'{path} cannot be read as weights: {error}') from error


def for_channels(kernel: Tensor, count: int) -> Tensor:
    """Turn a (C_out, 3, k, k) kernel for colours into one for ``count`` channels.

    It takes the mean over the colours, scaled so that the response keeps its size.
    """
    if kernel.shape[1] == count:
        return kernel
    return kernel.mean(1, keepdim=True).repeat(1, count, 1, 1) * kernel.shape[1] / count
