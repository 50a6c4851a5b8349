# Copyright 2026 mm_robust_seg maintainers
# SPDX-License-Identifier: Apache-2.0

"""From a finished run to a bundle: the method built again, its scores, its files."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from torch import nn

from mm_robust_seg.bundle import check_name
from mm_robust_seg.bundling.merging import read_merging
from mm_robust_seg.bundling.writer import write_bundle
from mm_robust_seg.errors import TrainingError
from mm_robust_seg.modality import ModalitySet
from mm_robust_seg.network.merging import merge_classes
from mm_robust_seg.network.refinement import refined
from mm_robust_seg.network.segmenter import Segmenter
from mm_robust_seg.report.progress import Progress, SILENT
from mm_robust_seg.training.data.scores import confusion_of
from mm_robust_seg.training.data.splits import load
from mm_robust_seg.training.recipe import Recipe
from mm_robust_seg.training.refinement import load as load_refinements
from mm_robust_seg.training.restore import restored_method
from mm_robust_seg.training.run_folder import read_run, recipe_of

Scores = dict[str, dict[str, float]]


@dataclass(frozen=True)
class ExportRequest:
    """What to export, and how.

    Attributes:
        run: folder that train or adapt made.
        out: folder of the bundle.
        data: folder of the data set to measure on.
        is_scored: whether the mIoU on val is measured.
        weights: ``'last'`` or ``'best'`` checkpoint.
        merging: file with coarser classes; see ``read_merging``.
        design: as in ``write_bundle``.
    """

    run: Path
    out: Path
    data: Path | None = None
    is_scored: bool = True
    weights: str = 'last'
    merging: Path | None = None
    design: str = 'folded'


def export(request: ExportRequest, progress: Progress = SILENT) -> dict[str, Any]:
    """Build the method of the run again, score every combination and write the bundle.

    Returns:
        The manifest, but for what ``write_bundle`` adds.

    Raises:
        RobustSegError: if the run is not finished or the data set does not fit, the classes cannot
            be merged, or the bundle cannot be written.
    """
    facts = read_run(request.run)
    recipe = recipe_of(facts)
    recipe = replace(recipe, data=replace(recipe.data, folder=str(request.data or '')))
    method = restored_method(request.run, facts, request.weights)
    found = load_refinements(request.run) if request.weights == 'last' else {}
    networks = {c: refined(x, found[c]) if c in found else x for c, x in method.networks().items()}
    if request.merging:
        merged = read_merging(request.merging, len(facts['classes']))
        for network in set(networks.values()):
            merge_classes(network, merged.places)
        facts['classes'] = merged.classes
        recipe = replace(
            recipe,
            name=request.out.resolve().name,
            description=merged.description or recipe.description,
            data=replace(recipe.data, classes=len(merged.classes)),
        )
    check_name(recipe.name)
    scores = _scores(networks, recipe, facts, progress) if request.is_scored else {}
    manifest = _manifest(facts, recipe, scores, request.weights)
    temperatures = {combination: one.temperature for combination, one in found.items()}
    inputs, adapters = recipe.input_spec, method.adapters()
    write_bundle(networks, adapters, inputs, manifest, request.out, request.design, temperatures)
    return manifest


def _scores(
    networks: Mapping[ModalitySet, nn.Module],
    recipe: Recipe,
    facts: Mapping[str, Any],
    progress: Progress,
) -> Scores:
    """Measure mIoU on the split val.

    Returns:
        ``{combination: {'unadapted': mIoU, 'adapted': mIoU}}``: of the complete-input network on
        that combination, where it can be run on it, and of the combination's own network.
    """
    val = load(recipe, 'val')
    if [c.name for c in val.classes] != [c['name'] for c in facts['classes']]:
        raise TrainingError(
            'the data set has other classes than the run: give its own with --data'
        )
    advance = progress.bar('validation', len(val)).advance
    complete = networks[max(networks, key=len)]
    runs = [(own, combination) for combination, own in networks.items()]
    if isinstance(complete, Segmenter):
        runs += [(complete, combination) for combination in networks]
    confusion = confusion_of(runs, val, recipe.input_spec, advance=advance)
    return {
        str(combination): {
            name: confusion[network, combination].miou()
            for name, network in (('unadapted', complete), ('adapted', own))
            if (network, combination) in confusion
        }
        for combination, own in networks.items()
    }


def _manifest(
    facts: Mapping[str, Any], recipe: Recipe, scores: Scores, weights: str
) -> dict[str, Any]:
    own = facts['parameters']['per_combination']
    return {
        'name': recipe.name,
        'description': recipe.description,
        'licence': facts['licence'],
        'classes': facts['classes'],
        'scores': scores,
        'provenance': {
            'network': f'{recipe.network.backbone} encoder per sensor, gated fusion, sum decoder',
            'method': facts['method'],
            'weights': weights,
            'refinement': facts.get('refinement', {}) if weights == 'last' else {},
            'start': facts['start'],
            'parameters': facts['parameters']['base'],
            'adapter_parameters': {name: number for name, number in own.items() if number},
            **facts['provenance'],
            'scores': 'mIoU on val, float32, at the size of the labels',
            'seed': recipe.seed,
            'epochs': {'base': recipe.base.epochs, 'adapters': recipe.adapters.epochs},
            'steps': facts['steps'],
            'seconds': facts['seconds'],
        },
    }
