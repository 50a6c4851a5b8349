# Copyright 2026 mm_robust_seg maintainers
# SPDX-License-Identifier: Apache-2.0

"""One optimisation, from the first step to the last, through any number of interruptions."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import repeat
import math
from pathlib import Path
import time

import numpy as np
import torch
from torch import nn, Tensor

from mm_robust_seg.datasets.samples import Dataset
from mm_robust_seg.errors import TrainingError
from mm_robust_seg.report.progress import Bar
from mm_robust_seg.training.data.batches import Batch, batch_count, training_batches
from mm_robust_seg.training.data.objects import Objects
from mm_robust_seg.training.data.samples_picture import samples_picture
from mm_robust_seg.training.data.scores import confusion_of, Run
from mm_robust_seg.training.loop.gradients import conflict_free
from mm_robust_seg.training.loop.process_group import ProcessGroup
from mm_robust_seg.training.loop.task_state import TaskState
from mm_robust_seg.training.loop.training_log import TrainingLog
from mm_robust_seg.training.objectives.base import Step, Task
from mm_robust_seg.training.recipe import Recipe

NO_BATCH: Batch = ({}, torch.empty(0, dtype=torch.uint8))
"""For a task that reads none."""


@dataclass(frozen=True)
class Training:
    """What every task of a run is trained with.

    Attributes:
        folder: of the checkpoints.
        objects: of ``train``, where the recipe needs them.
        held_out: training samples that are kept back, by which tasks with patience end.
    """

    recipe: Recipe
    train: Dataset
    val: Dataset
    folder: Path
    device: torch.device
    group: ProcessGroup
    log: TrainingLog
    objects: Objects | None = None
    held_out: Dataset | None = None

    def batches(self, epoch: int) -> Iterator[Batch]:
        """Yield the training batches of an epoch."""
        return training_batches(self.train, self.recipe, epoch, self.group, self.objects)


def optimize(task: Task, training: Training) -> TaskState:
    """Train ``task``, leaving the averaged weights in what it trains and its network in eval mode.

    A checkpoint is written after every epoch and picked up again; since batches and all chance
    depend on (seed, epoch, step) alone, an interrupted run ends with the result of an
    uninterrupted one. A finished task is loaded.

    Raises:
        TrainingError: if the checkpoint is of another run or the loss is not finite.
    """
    for module in (task.network, task.objective.trained):
        module.to(device=training.device, memory_format=torch.channels_last)
    steps = batch_count(training.train, training.recipe)
    state = TaskState(task, training.folder, steps)
    bar = training.log.progress.bar(task.name, task.stage.epochs * steps, state.steps)
    if not task.stage.epochs and training.group.is_main:
        state.save()
    _train(state, training, steps, bar)
    state.use_average()
    task.network.eval()
    return state


def rate_factor(done: float, warmup: float, falls: bool = True) -> float:
    """Return the share of the peak learning rate: linear warm-up, then half a cosine.

    Where the end is not known it stays at the peak, and the averaged weights settle.
    """
    if done < warmup:
        return done / warmup
    if not falls:
        return 1.0
    return 0.5 + 0.5 * math.cos(math.pi * (done - warmup) / (1 - warmup))


def _train(state: TaskState, training: Training, steps: int, bar: Bar) -> None:
    task, epochs, group = state.task, state.task.stage.epochs, training.group
    while not state.finished:
        started_s = time.monotonic()
        loss = _epoch(state, training, steps, bar)
        group.broadcast(state.statistics())
        state.epoch += 1
        if _stops(task, training):
            _judge(state, training)
        state.seconds += time.monotonic() - started_s
        line = f'{task.name}: epoch {state.epoch}/{epochs}, loss {loss:.4f}'
        if group.is_main and _validation_is_due(state, training.recipe):
            line += f', val mIoU {100 * _validate(state, training):.2f}'
        training.log.say(f'{line}, {state.seconds:.0f} s')
        if group.is_main:
            state.save()
        group.barrier()


def _epoch(state: TaskState, training: Training, steps: int, bar: Bar) -> float:
    """Train for one epoch and return the mean loss."""
    task, recipe, device = state.task, training.recipe, training.device
    total, last = 0.0, task.stage.epochs * steps
    task.objective.set_mode()
    batches = training.batches(state.epoch) if task.reads else repeat(NO_BATCH, steps)
    for index, batch in enumerate(batches):
        done = state.steps + index
        rate = rate_factor(done / last, task.stage.warmup, falls=not _stops(task, training))
        for group in state.optimizer.param_groups:
            group['lr'] = group['peak'] * rate
        step = _step(batch, state, training, index)
        with torch.autocast(device.type, torch.bfloat16, enabled=_is_mixed(recipe, device)):
            losses = task.objective.loss(step)
        loss = float(losses.detach().mean())
        if not math.isfinite(loss):
            raise TrainingError(
                f'{task.name}: the loss became {loss} in epoch {state.epoch}; lower '
                'learning_rate, or look at the data'
            )
        _descend(losses, state, training.group, step.rng)
        state.update_average()
        total += loss
        bar.advance()
        curves = {'loss': loss, 'learning_rate': rate * task.stage.learning_rate}
        training.log.scalars(task.name, done, curves)
    return total / steps


def _step(batch: Batch, state: TaskState, training: Training, index: int) -> Step:
    images, labels = batch
    given = {
        m: x.to(training.device, non_blocking=True, memory_format=torch.channels_last)
        for m, x in images.items()
    }
    moment = (training.recipe.seed, state.epoch, index)
    noise = np.random.SeedSequence((*moment, 1 + training.group.rank))
    torch.manual_seed(int(noise.generate_state(1)[0]))
    return Step(
        images=given,
        labels=labels.to(training.device, non_blocking=True),
        rng=np.random.default_rng((*moment, 0, 1)),
        epoch=state.epoch,
        epochs=state.task.stage.epochs,
    )


def _descend(
    losses: Tensor, state: TaskState, group: ProcessGroup, rng: np.random.Generator
) -> None:
    task, optimizer = state.task, state.optimizer
    parameters = [p for p in task.objective.trained.parameters() if p.requires_grad]
    optimizer.zero_grad(set_to_none=True)
    if losses.ndim:
        conflict_free(losses, parameters, rng)
    else:
        losses.backward()
    group.average(p.grad for p in parameters if p.grad is not None)
    nn.utils.clip_grad_norm_(parameters, task.stage.clip)
    optimizer.step()


def _is_mixed(recipe: Recipe, device: torch.device) -> bool:
    if recipe.precision == 'auto':
        if device.type == 'cuda':
            return torch.cuda.is_bf16_supported()
        return torch.ops.mkldnn._is_mkldnn_bf16_supported()
    return recipe.precision == 'bfloat16'


def _validation_is_due(state: TaskState, recipe: Recipe) -> bool:
    every = recipe.validate_every
    return every > 0 and (state.epoch % every == 0 or state.finished)


def _validate(state: TaskState, training: Training) -> float:
    """Score the averaged weights, keep them if they are the best, show what they make."""
    task, done, spec = state.task, state.steps, training.recipe.input_spec
    with _averaged(state) as run:
        miou = confusion_of([run], training.val, spec)[run].miou()
        if not _stops(task, training):
            state.save_if_best(miou)
        picture = samples_picture(*run, training.val, spec)
    training.log.scalars(task.name, done, {'val_miou': miou})
    training.log.picture(task.name, done, picture)
    return miou


def _stops(task: Task, training: Training) -> bool:
    """Tell whether the task may end before its last epoch."""
    return task.patience > 0 and training.held_out is not None


def _judge(state: TaskState, training: Training) -> None:
    """Score the averaged weights on what is kept back; at the end, go back to the best."""
    if training.group.is_main and training.held_out is not None:
        with _averaged(state) as run:
            spec = training.recipe.input_spec
            miou = confusion_of([run], training.held_out, spec)[run].miou()
        state.judge(miou)
        training.log.scalars(state.task.name, state.steps, {'held_out_miou': miou})
    training.group.broadcast([state.stale])
    if state.finished:
        if training.group.is_main:
            state.return_to_best()
        training.group.broadcast(state.average.values())


@contextmanager
def _averaged(state: TaskState) -> Iterator[Run]:
    """Let the network have the averaged weights for a while."""
    task, trained = state.task, state.task.objective.trained
    present = {k: v.detach().clone() for k, v in trained.state_dict().items()}
    state.use_average()
    task.network.eval()
    yield task.network, task.combination
    trained.load_state_dict(present)
