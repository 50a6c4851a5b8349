# Copyright 2026 mm_robust_seg maintainers
# SPDX-License-Identifier: Apache-2.0

"""What a training begins with: data that fit, a network, a place for adapters, and the facts."""

from __future__ import annotations

from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
import torch

from mm_robust_seg.datasets.samples import Dataset
from mm_robust_seg.datasets.survey import Survey
from mm_robust_seg.errors import ConfigError, TrainingError
from mm_robust_seg.network.adapters.registry import ADAPTERS
from mm_robust_seg.network.backbones.pretrained import packaged_weights, PretrainedWeights
from mm_robust_seg.network.segmenter import Segmenter, told_of_validity
from mm_robust_seg.report.progress import Progress, SILENT
from mm_robust_seg.training.base_network import fingerprint, load_base
from mm_robust_seg.training.data.objects import find_objects, object_classes, Objects
from mm_robust_seg.training.data.splits import checked_survey, divided, load
from mm_robust_seg.training.loop.process_group import ProcessGroup
from mm_robust_seg.training.methods import Command, MethodEntry
from mm_robust_seg.training.placement import as_json, Blocks, placed_blocks, read_importance
from mm_robust_seg.training.recipe import (
    NetworkRecipe,
    PACKAGE,
    portable,
    Recipe,
    RegionRecipe,
)


@dataclass(frozen=True)
class RunRequest:
    """What a command line asks for.

    Attributes:
        init: run or bundle with the trained complete-input network to build on.
        resume: go on with the run in ``out``; without it there must be none.
        importance: file by which adapters are placed.
    """

    command: Command
    method: str
    recipe: Recipe
    init: Path | None
    out: Path
    resume: bool
    device: torch.device
    importance: Path | None = None


@dataclass(frozen=True)
class Data:
    """The two splits of a training, and what a look at every sample found.

    Attributes:
        held_out: what of the split train is not trained on, if anything.
        are_objects: (classes,) bool: whose regions are objects.
        objects: of ``train``, where the recipe needs them.
    """

    train: Dataset
    val: Dataset
    survey: Survey
    held_out: Dataset | None
    are_objects: NDArray[np.bool_]
    objects: Objects | None


def checked_data(
    recipe: Recipe, entry: MethodEntry, group: ProcessGroup, progress: Progress = SILENT
) -> Data:
    """Load the splits and see that the method can be trained on them.

    Raises:
        DataError: if something is wrong with the data that would spoil training.
        ConfigError: if the method needs more sensors, or a process would have too few samples.
    """
    whole, val = load(recipe, 'train'), load(recipe, 'val')
    train, held_out = divided(whole, recipe.refinement.held_out)
    batch_size = min(recipe.batch_size, len(train))
    least = 2 if entry.command == 'train' else 1  # for the batch norms of a whole network
    if batch_size < least * group.size:
        raise ConfigError(
            f'{group.size} processes share batches of {batch_size}: expected at least {least} '
            'samples for each; raise batch_size, or add samples to the split train'
        )
    survey = checked_survey({'train': whole, 'val': val}, recipe.data.strict)
    if entry.command == 'adapt' and len(train.modalities) == 1:
        raise ConfigError(
            f'the data set has {train.modalities} alone, so nothing can be missing: expected '
            'two or three sensors for adapters'
        )
    class_pixels, bars = survey.splits['train'].class_pixels, progress if group.is_main else SILENT
    wanted = recipe.objects
    are_objects = object_classes(train.classes, class_pixels, wanted)
    objects = find_objects(train, are_objects, wanted, bars) if wanted.are_used else None
    return Data(train, val, survey, held_out, are_objects, objects)


def initial_network(request: RunRequest, dataset: Dataset) -> Segmenter:
    """Return the network that training starts from.

    Raises:
        TrainingError: if the one that is asked for was not trained on such data.
    """
    recipe, classes = request.recipe, len(dataset.classes)
    if request.init is None:
        torch.manual_seed(recipe.seed)
        network = recipe.network
        segmenter = Segmenter(
            classes,
            dataset.modalities,
            network.backbone,
            network.channels,
            recipe.inputs.validity,
        )
        if recipe.pretrained:
            weights = pretrained_weights(recipe)
            for encoder in segmenter.encoders.values():
                encoder.load_pretrained(weights.path)
        return segmenter
    segmenter = load_base(request.init)
    found = (segmenter.class_count, segmenter.modalities)
    if found != (classes, dataset.modalities):
        raise TrainingError(
            f'{request.init} is a network of {found[0]} classes from {found[1]}; the data set '
            f'has {classes} classes and {dataset.modalities}: give a network trained on this data'
        )
    if request.command == 'train' and recipe.inputs.validity != segmenter.validity:
        if segmenter.validity:
            raise TrainingError(
                f'{request.init} is a network that is told which pixels are valid, and '
                'inputs.validity is false: set it to true'
            )
        return told_of_validity(segmenter)
    return segmenter


def pretrained_weights(recipe: Recipe) -> PretrainedWeights:
    """Return the weights that the recipe names, or those that a package holds.

    Raises:
        ConfigError: if no installed package holds any.
    """
    if recipe.pretrained == PACKAGE:
        return packaged_weights(recipe.network.backbone)
    path = Path(recipe.pretrained)
    return PretrainedWeights(path, path.name)


def followed(recipe: Recipe, segmenter: Segmenter) -> Recipe:
    """Return the recipe with the network that training starts from, whatever it asked for.

    A base that is not told which pixels are valid has no adapters that are.
    """
    network = NetworkRecipe(segmenter.backbone, segmenter.channels)
    inputs = replace(recipe.inputs, validity=segmenter.validity)
    regions = recipe.regions if segmenter.validity else RegionRecipe()
    return replace(recipe, network=network, inputs=inputs, regions=regions)


def chosen_blocks(request: RunRequest, entry: MethodEntry, segmenter: Segmenter) -> Blocks:
    """Return where adapters may change the network; nothing where they may anywhere.

    Raises:
        ConfigError: if an importance file is given and does not fit method or network.
    """
    if request.importance is None:
        return {}
    if entry.adapter is None:
        raise ConfigError(f'{request.method} is not placed by importance: leave out --importance')
    importance = read_importance(request.importance)
    make = ADAPTERS[request.recipe.ours.adapter] if request.method == 'ours' else entry.adapter
    return placed_blocks(make, segmenter, importance, request.recipe.placement.budget)


def initial_facts(
    request: RunRequest, recipe: Recipe, data: Data, segmenter: Segmenter, blocks: Blocks
) -> dict[str, Any]:
    """Return what ``run.json`` says before the first step.

    Args:
        recipe: with the network that it became.
    """
    start = 'pretrained encoders' if recipe.pretrained else 'random weights'
    encoders = {'encoders': pretrained_weights(recipe).source} if recipe.pretrained else {}
    return {
        'command': request.command,
        'method': request.method,
        'recipe': portable(recipe),
        'classes': [asdict(c) | {'color': list(c.color)} for c in data.train.classes],
        'modalities': str(data.train.modalities),
        'start': f'network {fingerprint(segmenter)}' if request.init else start,
        'licence': data.train.licence,
        'provenance': {
            'train': dict(data.train.provenance),
            'val': dict(data.val.provenance),
            'untrained_classes': _untrained(data),
            'torch': torch.__version__,
            **encoders,
        },
        'seconds': 0.0,
        'steps': 0,
        'finished': False,
        'parameters': None,
        'blocks': as_json(blocks),
    }


def _untrained(data: Data) -> list[str]:
    """Return the classes that the training labels never show."""
    pixels = data.survey.splits['train'].class_pixels
    return [c.name for c, count in zip(data.train.classes, pixels, strict=True) if not count]
