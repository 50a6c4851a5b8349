# Copyright 2026 mm_robust_seg maintainers
# SPDX-License-Identifier: Apache-2.0

"""Several GPUs, or several CPU processes, started by ``torchrun``.

Every process holds all weights and computes the gradient of its part of each batch; the gradients
are averaged, and every process takes the same step. That is what DistributedDataParallel does,
but not by wrapping the module: adapters run the frozen network through ``functional_call``, and
objectives of several losses free their gradients of conflicts between backward and step; neither
passes through the wrapper's forward and its hooks. Gradients are sent in one piece after backward,
which costs the overlap with it, little at this size of network. All processes see one file system;
number 0 writes, the others read its checkpoints when a run is resumed.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
import os

import torch
from torch import distributed, Tensor


@dataclass(frozen=True)
class ProcessGroup:
    """The processes of one training; a group of one needs no communication.

    Attributes:
        rank: of this process, from 0; that of the main one, which alone writes files.
    """

    rank: int = 0
    size: int = 1

    @property
    def is_main(self) -> bool:
        """Whether this process writes, validates and reports."""
        return self.rank == 0

    def average(self, tensors: Iterable[Tensor]) -> None:
        """Replace each tensor by its mean over the group."""
        if self.size == 1:
            return
        members = list(tensors)
        flat = torch.cat([t.reshape(-1) for t in members])
        distributed.all_reduce(flat)
        flat /= self.size
        for tensor, mean in zip(members, flat.split([t.numel() for t in members]), strict=True):
            tensor.copy_(mean.view(tensor.shape))

    def broadcast(self, tensors: Iterable[Tensor]) -> None:
        """Replace each tensor by that of the main process."""
        if self.size > 1:
            for tensor in tensors:
                distributed.broadcast(tensor, 0)

    def barrier(self) -> None:
        """Return when all have come here."""
        if self.size > 1:
            distributed.barrier()


@contextmanager
def joined_group(device: torch.device) -> Iterator[ProcessGroup]:
    """Join the processes that ``torchrun`` started; without it, be a group of one."""
    size = int(os.environ.get('WORLD_SIZE', '1'))
    if size == 1:
        yield ProcessGroup()
        return
    distributed.init_process_group('nccl' if device.type == 'cuda' else 'gloo')
    try:
        yield ProcessGroup(distributed.get_rank(), size)
    finally:
        distributed.destroy_process_group()


def local_rank() -> int:
    """Return which of this machine's GPUs is this process's."""
    return int(os.environ.get('LOCAL_RANK', '0'))
