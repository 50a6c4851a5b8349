# Copyright 2026 mm_robust_seg maintainers
# SPDX-License-Identifier: Apache-2.0

"""How far an optimisation has come, and its checkpoints.

``<task>.last.safetensors`` holds, while the task goes on, everything the next epoch depends on;
when it is finished, the averaged weights alone. ``<task>.best.safetensors`` holds the averaged
weights of the epoch with the best validation.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import torch
from torch import nn, Tensor

from mm_robust_seg.errors import TrainingError
from mm_robust_seg.training.loop import checkpoint
from mm_robust_seg.training.objectives.base import Task


class TaskState:
    """Weights, their running average and the optimiser of one task.

    Attributes:
        epoch: how many are done.
        seconds: spent on them, over all interruptions.
        best: highest validation mIoU so far, or of what is kept back if the task has patience; -1
            before the first.
        stale: () int64, epochs since the best, of a task with patience.
    """

    def __init__(self, task: Task, folder: Path, epoch_steps: int) -> None:
        self.task, self._folder, self._epoch_steps = task, folder, epoch_steps
        self.optimizer = _optimizer(task)
        self.average = {
            k: v.detach().clone() for k, v in task.objective.trained.state_dict().items()
        }
        self.epoch, self.seconds, self.best = 0, 0.0, -1.0
        self.stale = torch.zeros((), dtype=torch.int64, device=_device_of(task))
        if last_path(folder, task.name).is_file():
            self._restore(last_path(folder, task.name))

    @property
    def finished(self) -> bool:
        """Whether all epochs are done, or its patience is at an end."""
        patience = self.task.patience
        return self.epoch >= self.task.stage.epochs or 0 < patience <= int(self.stale)

    @property
    def steps(self) -> int:
        """How many are done."""
        return self.epoch * self._epoch_steps

    def update_average(self) -> None:
        """Move the averaged weights towards the present ones; in the first epoch, onto them.

        It reaches back over a share of the run, so that it never lags behind the falling learning
        rate, and over no more than ``average_steps``.
        """
        stage = self.task.stage
        reach = stage.average * stage.epochs * self._epoch_steps
        if stage.average_steps:
            reach = min(stage.average_steps, reach)
        keep = 1 - 1 / max(1.0, reach) if self.epoch else 0.0
        with torch.no_grad():
            for name, value in self.task.objective.trained.state_dict().items():
                if value.is_floating_point():
                    self.average[name].lerp_(value, 1 - keep)
                else:
                    self.average[name].copy_(value)

    def statistics(self) -> Iterator[Tensor]:
        """Yield the buffers of what is trained, with their averages: batch-norm statistics."""
        for name, buffer in self.task.objective.trained.named_buffers():
            yield buffer
            if name in self.average:
                yield self.average[name]

    def use_average(self) -> None:
        """Put the averaged weights into what is trained."""
        self.task.objective.trained.load_state_dict(self.average)

    def save(self) -> None:
        """Write the last checkpoint."""
        tensors = {f'average/{k}': v for k, v in self.average.items()}
        if not self.finished:
            trained = self.task.objective.trained.state_dict()
            tensors |= {f'trained/{k}': v for k, v in trained.items()}
            for index, state in self.optimizer.state_dict()['state'].items():
                tensors |= {f'optimizer/{index}/{key}': value for key, value in state.items()}
        checkpoint.save(last_path(self._folder, self.task.name), tensors, self._facts())

    def save_if_best(self, miou: float) -> None:
        """Write the best checkpoint if no epoch before was as good."""
        if miou > self.best:
            self.best = miou
            tensors = {f'average/{k}': v for k, v in self.average.items()}
            checkpoint.save(best_path(self._folder, self.task.name), tensors, self._facts())

    def judge(self, miou: float) -> None:
        """Note the score of an epoch on what is kept back, and keep the weights if it is best."""
        self.stale += 1
        if miou > self.best:
            self.stale.zero_()
        self.save_if_best(miou)

    def return_to_best(self) -> None:
        """Put the averaged weights of the best epoch in place of the present ones."""
        path = best_path(self._folder, self.task.name)
        if not path.is_file():  # nothing that is kept back could be scored
            return
        parts, _ = _read(path)
        self.average.update({k: v.to(self.average[k].device) for k, v in parts['average'].items()})

    def _facts(self) -> dict[str, Any]:
        return {
            'task': self.task.name,
            'epoch': self.epoch,
            'finished': self.finished,
            'seconds': round(self.seconds, 1),
            'best': self.best,
            'stale': int(self.stale),
        }

    def _restore(self, path: Path) -> None:
        parts, facts = _read(path)
        self.epoch, self.seconds = int(facts['epoch']), float(facts['seconds'])
        self.best = float(facts['best'])
        self.stale.fill_(int(facts.get('stale', 0)))
        _load_into(self.task.objective.trained, parts.get('trained', parts['average']), path)
        self.average.update({k: v.to(self.average[k].device) for k, v in parts['average'].items()})
        moments: dict[int, dict[str, Tensor]] = {}
        for key, value in parts.get('optimizer', {}).items():
            index, _, field = key.partition('/')
            moments.setdefault(int(index), {})[field] = value
        groups = self.optimizer.state_dict()['param_groups']
        self.optimizer.load_state_dict({'state': moments, 'param_groups': groups})


def _device_of(task: Task) -> torch.device:
    return next(task.objective.trained.parameters()).device


def last_path(folder: Path, task: str) -> Path:
    """Return where the last checkpoint of a task is."""
    return folder / f'{task}.last.safetensors'


def best_path(folder: Path, task: str) -> Path:
    """Return where the best checkpoint of a task is."""
    return folder / f'{task}.best.safetensors'


def load_weights(trained: nn.Module, path: Path) -> None:
    """Put the averaged weights of a finished task, or of its best epoch, into ``trained``.

    Raises:
        TrainingError: if the checkpoint is missing, damaged or of another network.
    """
    parts, _ = _read(path)
    _load_into(trained, parts['average'], path)


def _read(path: Path) -> tuple[dict[str, dict[str, Tensor]], dict[str, Any]]:
    tensors, facts = checkpoint.load(path)
    parts: dict[str, dict[str, Tensor]] = {}
    for key, value in tensors.items():
        part, _, rest = key.partition('/')
        parts.setdefault(part, {})[rest] = value
    if 'average' not in parts:
        raise TrainingError(f'{path} holds no averaged weights: expected a checkpoint of a task')
    return parts, facts


def _load_into(trained: nn.Module, state: dict[str, Tensor], path: Path) -> None:
    try:
        trained.load_state_dict(state)
    except RuntimeError as error:
        raise TrainingError(
            f'{path} belongs to another network: {error}; give another output folder'
        ) from error


def _optimizer(task: Task) -> torch.optim.AdamW:
    named = [(k, p) for k, p in task.objective.trained.named_parameters() if p.requires_grad]
    encoders = [p for k, p in named if 'encoders' in k.split('.')]
    others = [p for k, p in named if 'encoders' not in k.split('.')]
    peak = task.stage.learning_rate
    return torch.optim.AdamW(
        [
            {'params': encoders, 'peak': peak * task.stage.encoder_ratio},
            {'params': others, 'peak': peak},
        ],
        lr=peak,
        weight_decay=task.stage.weight_decay,
    )
