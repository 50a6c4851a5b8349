# Copyright 2026 mm_robust_seg maintainers
# SPDX-License-Identifier: Apache-2.0

"""A training from the request to the finished run folder, step by step."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, nullcontext
from dataclasses import replace
from functools import partial
import itertools
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
import torch

from mm_robust_seg.datasets.survey import lines
from mm_robust_seg.files import claimed
from mm_robust_seg.modality import ModalitySet
from mm_robust_seg.network.segmenter import Segmenter
from mm_robust_seg.report.progress import Progress, SILENT
from mm_robust_seg.training.base_network import BASE, save_network, START
from mm_robust_seg.training.costs import parameter_costs
from mm_robust_seg.training.data.augment import class_weights
from mm_robust_seg.training.data.batches import Batch
from mm_robust_seg.training.loop.liveness import constant_features
from mm_robust_seg.training.loop.optimize import optimize, Training
from mm_robust_seg.training.loop.process_group import joined_group, ProcessGroup
from mm_robust_seg.training.loop.task_state import TaskState
from mm_robust_seg.training.loop.training_log import TrainingLog
from mm_robust_seg.training.methods import method_entry, MethodEntry
from mm_robust_seg.training.objectives.base import (
    Inputs,
    Method,
    MethodContext,
    SegmentationLoss,
    Task,
)
from mm_robust_seg.training.placement import Blocks
from mm_robust_seg.training.preparation import (
    checked_data,
    chosen_blocks,
    Data,
    followed,
    initial_facts,
    initial_network,
    RunRequest,
)
from mm_robust_seg.training.refinement import adjustment, fit, Fitting, Refined, save
from mm_robust_seg.training.run_folder import open_run, read_run, write_run

_CALIBRATION_IMAGES = 64


def run_method(request: RunRequest, progress: Progress = SILENT) -> dict[str, Any] | None:
    """Run or resume a whole training.

    Returns:
        What ``run.json`` holds in the end; None in all processes but the main one.

    Raises:
        TrainingError, DataError, ConfigError, BundleError: before the first step wherever
            possible.
    """
    entry = method_entry(request.method, request.command)
    with joined_group(request.device) as group, _held(request.out, group.is_main):
        data = checked_data(request.recipe, entry, group, progress)
        segmenter = initial_network(request, data.train)
        recipe = followed(request.recipe, segmenter)
        blocks = chosen_blocks(request, entry, segmenter)
        facts = initial_facts(request, recipe, data, segmenter, blocks)
        if group.is_main:
            _open(request, facts, segmenter)
        group.barrier()
        with TrainingLog(request.out, progress, group.is_main) as log:
            for line in lines(data.survey):
                log.say(line)
            if recipe.inputs.validity != request.recipe.inputs.validity:
                log.say(
                    f'inputs.validity is {recipe.inputs.validity}, as of the network in '
                    f'{request.init}'
                )
            training = Training(
                recipe,
                data.train,
                data.val,
                request.out,
                request.device,
                group,
                log,
                data.objects,
                data.held_out,
            )
            weights = class_weights(data.survey.splits['train'].class_pixels)
            loss = SegmentationLoss(torch.from_numpy(weights).to(request.device))
            context = _context(training, segmenter, request.init is not None, loss, blocks)
            torch.manual_seed(recipe.seed)
            method = entry.make(context)
            states = [optimize(task, training) for task in _seeded(method.tasks(), recipe.seed)]
            if group.is_main:
                _warn_of_constant_features(method, context, log)
                found = _refined(method, entry, data, training, weights)
                _finish(request.out, method, facts, states, found)
    return read_run(request.out) if group.is_main else None


def _held(folder: Path, is_main: bool) -> AbstractContextManager[object]:
    """Keep other runs out of the folder; of several processes, the main one does."""
    return claimed(folder) if is_main else nullcontext()


def _open(request: RunRequest, facts: dict[str, Any], segmenter: Segmenter) -> None:
    open_run(request.out, facts, request.resume)
    if request.init:
        save_network(request.out / (BASE if request.command == 'adapt' else START), segmenter)


def _context(
    training: Training,
    segmenter: Segmenter,
    trained: bool,
    loss: SegmentationLoss,
    blocks: Blocks,
) -> MethodContext:
    network = segmenter.to(device=training.device, memory_format=torch.channels_last)
    return MethodContext(
        recipe=training.recipe,
        segmenter=network,
        trained=trained,
        criterion=loss,
        calibration=partial(_first, training, _CALIBRATION_IMAGES),
        epoch=partial(_on_device, training),
        blocks=blocks,
    )


def _on_device(training: Training, epoch: int) -> Iterator[Batch]:
    for images, labels in training.batches(epoch):
        yield {m: x.to(training.device) for m, x in images.items()}, labels.to(training.device)


def _first(training: Training, count: int) -> Iterator[Inputs]:
    """Yield the same first few training images at every call, in every process."""
    whole, seen = replace(training, group=ProcessGroup()), 0
    for epoch in itertools.count():
        for images, labels in _on_device(whole, epoch):
            if seen >= count:
                return
            seen += len(labels)
            yield images


def _seeded(tasks: Iterator[Task], seed: int) -> Iterator[Task]:
    """Yield the tasks; what one starts from does not depend on what was trained before it."""
    while True:
        torch.manual_seed(seed)
        task = next(tasks, None)
        if task is None:
            return
        yield task


def _warn_of_constant_features(method: Method, context: MethodContext, log: TrainingLog) -> None:
    networks = method.networks()
    complete = networks[max(networks, key=len)]
    if isinstance(complete, Segmenter) and not method.adapters():
        dead = constant_features(complete, list(context.calibration()))
        if dead:
            log.say(
                f'warning: the feature of {", ".join(dead)} is the same for all images, so that '
                'stage learned nothing; lower base.learning_rate'
            )


def _refined(
    method: Method,
    entry: MethodEntry,
    data: Data,
    training: Training,
    weights: NDArray[np.float32],
) -> dict[ModalitySet, Refined]:
    """Fit what the recipe asks for to every combination's network."""
    recipe = training.recipe
    crops = recipe.refinement.crops if entry.shares_statistics else 0
    if not crops and data.held_out is None:
        return {}
    fitting = Fitting(
        list(_first(training, crops)),
        data.held_out,
        recipe.input_spec,
        adjustment(weights),
        torch.from_numpy(data.are_objects),
    )
    return fit(method.networks(), fitting, training.log.progress)


def _finish(
    folder: Path,
    method: Method,
    facts: dict[str, Any],
    states: Sequence[TaskState],
    found: Mapping[ModalitySet, Refined],
) -> None:
    networks = method.networks()
    complete = networks[max(networks, key=len)]
    if isinstance(complete, Segmenter):
        save_network(folder / BASE, complete)
    done = {
        'seconds': round(sum(state.seconds for state in states), 1),
        'steps': sum(state.steps for state in states),
        'finished': True,
        'parameters': parameter_costs(method),
        'refinement': {str(combination): dict(one.facts) for combination, one in found.items()},
    }
    if found:
        save(folder, found)
    write_run(folder, facts | done)
