"""From data to bundle: the base on complete input, an adapter per combination, scores, export."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import asdict, replace
import json
from pathlib import Path

import numpy as np
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn
import torch
from torch import nn, Tensor

from mm_robust_seg.datasets.mm5 import MM5
from mm_robust_seg.datasets.samples import Dataset
from mm_robust_seg.datasets.simulated import Simulated
from mm_robust_seg.errors import DataError, TrainingError
from mm_robust_seg.files import write_json
from mm_robust_seg.modality import all_combinations, COMPLETE, Modality, ModalitySet
from mm_robust_seg.network.adapters.base import adapted
from mm_robust_seg.network.adapters.ssf import ScaleShift
from mm_robust_seg.network.segmenter import Segmenter
from mm_robust_seg.training.augment import class_weights, label_counts
from mm_robust_seg.training.export import export_bundle
from mm_robust_seg.training.optimize import optimize, Task
from mm_robust_seg.training.recipe import Recipe
from mm_robust_seg.training.scores import scores_of

INCOMPLETE = all_combinations()[1:]


def train(recipe: Recipe, out: Path, bundle: Path, resume: bool, console: Console) -> None:
    """Run or resume a whole training and write the bundle.

    Args:
        out: folder of the checkpoints and ``log.txt``.
        bundle: folder of the finished bundle.
        resume: go on with the checkpoints in ``out``; without it they must not exist.

    Raises:
        TrainingError, DataError, ConfigError: before the first step wherever possible.
    """
    _claim(out, recipe, resume)
    splits = load_splits(recipe)
    weights = _survey(splits[0], console)
    torch.manual_seed(recipe.seed)
    segmenter = Segmenter(len(splits[0].classes))
    if recipe.pretrained:
        for encoder in segmenter.encoders.values():
            encoder.load_pretrained(Path(recipe.pretrained))
    segmenter = segmenter.to(memory_format=torch.channels_last)

    def report(line: str) -> None:
        console.print(line, highlight=False)
        with (out / 'log.txt').open('a', encoding='utf-8') as log:
            log.write(line + '\n')

    with _progress(console) as progress:

        def run(task: Task) -> None:
            optimize(task, splits[0], recipe, weights, out, progress, report)

        run(base_task(segmenter, recipe))
        segmenter.eval().requires_grad_(False)
        adapters: dict[ModalitySet, ScaleShift] = {}
        for combination in INCOMPLETE:
            adapters[combination] = ScaleShift(segmenter, combination)
            run(adapter_task(segmenter, adapters[combination], combination, recipe))

        scores = scores_of(segmenter, adapters, splits[1], recipe, progress)
    for name, row in scores.items():
        report(f'{name}: ' + ', '.join(f'{k} {v:.2f}' for k, v in row.items()))
    export_bundle(segmenter, adapters, recipe, splits, scores, bundle)
    console.print(f'bundle written to {bundle}', highlight=False)


def load_splits(recipe: Recipe) -> tuple[Dataset, Dataset]:
    """Load the training and validation split."""
    data, size = recipe.data, (recipe.inputs.width_px, recipe.inputs.height_px)
    if data.kind == 'mm5':
        folder = Path(data.folder)
        return MM5(folder, 'train'), MM5(folder, 'val')
    train_seed, val_seed = 2 * recipe.seed + 1_000_000, 2 * recipe.seed + 1_000_001
    return (
        Simulated(data.train_count, train_seed, *size),
        Simulated(data.val_count, val_seed, *size),
    )


def base_task(segmenter: Segmenter, recipe: Recipe) -> Task:
    """Train everything on complete input; the RGB encoder keeps its pretrained statistics."""

    def set_mode() -> None:
        segmenter.train()
        if recipe.pretrained:
            _freeze_statistics(segmenter.encoders[Modality.RGB.value])

    return Task('base', COMPLETE, segmenter, segmenter, set_mode, recipe.base)


def adapter_task(
    segmenter: Segmenter, adapter: ScaleShift, combination: ModalitySet, recipe: Recipe
) -> Task:
    """Train one adapter on the frozen base, with the absent branches not executed."""

    def logits(images: dict[Modality, Tensor]) -> Tensor:
        return adapted(segmenter, adapter, images)

    set_mode: Callable[[], object] = segmenter.eval
    return Task(str(combination), combination, adapter, logits, set_mode, recipe.adapters)


def _freeze_statistics(module: nn.Module) -> None:
    for child in module.modules():
        if isinstance(child, nn.BatchNorm2d):
            child.eval()


def _survey(dataset: Dataset, console: Console) -> Tensor:
    if len(dataset) == 0:
        raise DataError('the training split is empty: expected at least one sample')
    count = len(dataset.classes)
    totals = np.zeros(count, np.int64)
    for index in range(len(dataset)):
        totals += label_counts(dataset[index].labels, count)
    absent = [c.name for c, total in zip(dataset.classes, totals, strict=True) if total == 0]
    console.print(f'{len(dataset)} training samples, {count} classes', highlight=False)
    if absent:
        console.print(f'never present, so not learned: {", ".join(absent)}', highlight=False)
    return torch.from_numpy(class_weights(totals))


def _claim(out: Path, recipe: Recipe, resume: bool) -> None:
    facts, path = json.loads(json.dumps(asdict(_portable(recipe)))), out / 'recipe.json'
    if path.is_file():
        if not resume:
            raise TrainingError(f'{out} holds a run already: give --resume or another folder')
        if json.loads(path.read_text(encoding='utf-8')) != facts:
            raise TrainingError(f'{out} was started with another recipe: give another folder')
    out.mkdir(parents=True, exist_ok=True)
    write_json(path, facts)


def _portable(recipe: Recipe) -> Recipe:
    return replace(recipe, pretrained='', data=replace(recipe.data, folder=''))


def _progress(console: Console) -> Progress:
    columns = (TextColumn('{task.description:>14}'), BarColumn(), MofNCompleteColumn())
    return Progress(*columns, TimeRemainingColumn(), console=console)
