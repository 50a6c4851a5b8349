"""From a request to a finished run folder: data, start, every task, and what came of it."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import asdict, dataclass, replace
from itertools import count
from pathlib import Path
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray
import torch

from mm_robust_seg.datasets.samples import Dataset
from mm_robust_seg.datasets.survey import lines
from mm_robust_seg.errors import ConfigError, TrainingError
from mm_robust_seg.network.segmenter import Segmenter
from mm_robust_seg.report.progress import Progress, SILENT
from mm_robust_seg.training.base_network import BASE, fingerprint, load_base, save_network, START
from mm_robust_seg.training.costs import parameter_costs
from mm_robust_seg.training.data.augment import class_weights
from mm_robust_seg.training.data.batches import training_batches
from mm_robust_seg.training.data.splits import checked_survey, load
from mm_robust_seg.training.loop.liveness import constant_features
from mm_robust_seg.training.loop.optimize import optimize, Training
from mm_robust_seg.training.loop.process_group import joined_group, ProcessGroup
from mm_robust_seg.training.loop.training_log import TrainingLog
from mm_robust_seg.training.methods import Kind, method_entry, MethodEntry
from mm_robust_seg.training.objectives.base import (
    Inputs,
    Method,
    MethodContext,
    SegmentationLoss,
    Task,
)
from mm_robust_seg.training.placement import as_json, Blocks, placed_blocks, read_importance
from mm_robust_seg.training.recipe import NetworkRecipe, portable, Recipe
from mm_robust_seg.training.run_folder import claim, read_run, write_run

Command = Literal['train', 'adapt']
_KINDS: dict[Command, Kind] = {'train': 'network', 'adapt': 'adapters'}
_CALIBRATION_IMAGES = 64


@dataclass(frozen=True)
class RunRequest:
    """What a command line asks for.

    Attributes:
        start: run or bundle with the trained complete-input network to build on.
        resume: go on with the run in ``out``; without it there must be none.
        importance: file by which adapters are placed.
    """

    command: Command
    method: str
    recipe: Recipe
    start: Path | None
    out: Path
    resume: bool
    device: torch.device
    importance: Path | None = None


def run_method(request: RunRequest, progress: Progress = SILENT) -> dict[str, Any] | None:
    """Run or resume a whole training.

    Returns:
        What ``run.json`` holds in the end; None in processes that do not lead.

    Raises:
        TrainingError, DataError, ConfigError, BundleError: before the first step wherever
            possible.
    """
    entry = method_entry(request.method, _KINDS[request.command])
    with joined_group(request.device) as group:
        train, val = load(request.recipe, 'train'), load(request.recipe, 'val')
        _check_share(group, entry.kind, min(request.recipe.batch_size, len(train)))
        found = checked_survey({'train': train, 'val': val}, request.recipe.data.strict)
        if entry.kind == 'adapters' and len(train.modalities) == 1:
            raise ConfigError(
                f'the data set has {train.modalities} alone, so nothing can be missing: expected '
                'two or three sensors for adapters'
            )
        segmenter = _start(request, train)
        recipe = replace(request.recipe, network=_network_recipe(segmenter))
        blocks = _blocks(request, entry, segmenter)
        facts = _facts(request, recipe, train, val, segmenter) | {'blocks': as_json(blocks)}
        if group.leads:
            _claim(request, facts, segmenter)
        group.wait()
        with TrainingLog(request.out, progress, group.leads) as log:
            for line in lines(found):
                log.say(line)
            training = Training(recipe, train, val, request.out, request.device, group, log)
            weights = class_weights(found.splits['train'].class_pixels)
            context = _context(training, segmenter, request.start is not None, weights, blocks)
            torch.manual_seed(recipe.seed)
            method = entry.make(context)
            states = [optimize(task, training) for task in _seeded(method.tasks(), recipe.seed)]
            facts |= {
                'seconds': round(sum(state.seconds for state in states), 1),
                'steps': sum(state.steps for state in states),
                'finished': True,
                'parameters': parameter_costs(method),
            }
            if group.leads:
                _look_over(method, context, log)
                _finish(request.out, method, facts)
    return read_run(request.out) if group.leads else None


def _check_share(group: ProcessGroup, kind: Kind, batch_size: int) -> None:
    """Refuse shares of a batch that are empty, or too small for the batch norms of a network."""
    least = 2 if kind == 'network' else 1
    if batch_size < least * group.size:
        raise ConfigError(
            f'{group.size} processes share batches of {batch_size}: expected at least {least} '
            'samples for each; raise batch_size, or add samples to the split train'
        )


def _start(request: RunRequest, dataset: Dataset) -> Segmenter:
    """Return the network that training starts from."""
    recipe, classes = request.recipe, len(dataset.classes)
    if request.start is None:
        torch.manual_seed(recipe.seed)
        network = recipe.network
        segmenter = Segmenter(classes, dataset.modalities, network.backbone, network.channels)
        if recipe.pretrained:
            for encoder in segmenter.encoders.values():
                encoder.load_pretrained(Path(recipe.pretrained))
        return segmenter
    segmenter = load_base(request.start)
    found = (segmenter.class_count, segmenter.modalities)
    if found != (classes, dataset.modalities):
        raise TrainingError(
            f'{request.start} is a network of {found[0]} classes from {found[1]}; the data set '
            f'has {classes} classes and {dataset.modalities}: give a network trained on this data'
        )
    return segmenter


def _network_recipe(segmenter: Segmenter) -> NetworkRecipe:
    return NetworkRecipe(segmenter.backbone, segmenter.decoder.classify.in_channels)


def _facts(
    request: RunRequest, recipe: Recipe, train: Dataset, val: Dataset, segmenter: Segmenter
) -> dict[str, Any]:
    start = 'pretrained encoders' if recipe.pretrained else 'random weights'
    return {
        'command': request.command,
        'method': request.method,
        'recipe': portable(recipe),
        'classes': [asdict(c) | {'color': list(c.color)} for c in train.classes],
        'modalities': str(train.modalities),
        'start': f'network {fingerprint(segmenter)}' if request.start else start,
        'licence': train.licence,
        'provenance': {
            'train': dict(train.provenance),
            'val': dict(val.provenance),
            'torch': torch.__version__,
        },
        'seconds': 0.0,
        'steps': 0,
        'finished': False,
        'parameters': None,
    }


def _claim(request: RunRequest, facts: dict[str, Any], segmenter: Segmenter) -> None:
    claim(request.out, facts, request.resume)
    if request.start:
        save_network(request.out / (BASE if request.command == 'adapt' else START), segmenter)


def _blocks(request: RunRequest, entry: MethodEntry, segmenter: Segmenter) -> Blocks:
    if request.importance is None:
        return {}
    if entry.adapter is None:
        raise ConfigError(f'{request.method} is not placed by importance: leave out --importance')
    importance = read_importance(request.importance)
    return placed_blocks(entry.adapter, segmenter, importance, request.recipe.placement.budget)


def _context(
    training: Training,
    segmenter: Segmenter,
    trained: bool,
    weights: NDArray[np.float32],
    blocks: Blocks,
) -> MethodContext:
    return MethodContext(
        training.recipe,
        segmenter.to(device=training.device, memory_format=torch.channels_last),
        trained,
        SegmentationLoss(torch.from_numpy(weights).to(training.device)),
        _calibration(training),
        blocks,
    )


def _calibration(training: Training) -> Callable[[], Iterable[Inputs]]:
    """Return what gives the same few training images at every call."""

    def batches() -> Iterator[Inputs]:
        seen = 0
        for epoch in count():
            for images, labels in training_batches(training.train, training.recipe, epoch):
                if seen >= _CALIBRATION_IMAGES:
                    return
                seen += len(labels)
                yield {m: x.to(training.device) for m, x in images.items()}

    return batches


def _seeded(tasks: Iterator[Task], seed: int) -> Iterator[Task]:
    """Yield the tasks; what one starts from does not depend on what was trained before it."""
    while True:
        torch.manual_seed(seed)
        task = next(tasks, None)
        if task is None:
            return
        yield task


def _look_over(method: Method, context: MethodContext, log: TrainingLog) -> None:
    networks = method.networks()
    complete = networks[max(networks, key=len)]
    if isinstance(complete, Segmenter) and not method.adapters():
        dead = constant_features(complete, list(context.calibration()))
        if dead:
            log.say(
                f'warning: the feature of {", ".join(dead)} is the same for all images, so that '
                'stage learned nothing; lower base.learning_rate'
            )


def _finish(folder: Path, method: Method, facts: dict[str, Any]) -> None:
    networks = method.networks()
    complete = networks[max(networks, key=len)]
    if isinstance(complete, Segmenter):
        save_network(folder / BASE, complete)
    write_run(folder, facts)
