# Copyright 2026 mm_robust_seg maintainers
# SPDX-License-Identifier: Apache-2.0

"""Evaluate a bundle on a labelled split, through the engine that a robot would use."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from mm_robust_seg.build import build_engine
from mm_robust_seg.bundle import Bundle
from mm_robust_seg.config import EngineConfig
from mm_robust_seg.datasets.samples import Dataset, evenly_spaced
from mm_robust_seg.engine.base import Engine
from mm_robust_seg.errors import DataError
from mm_robust_seg.evaluation.damage import benchmark_damages
from mm_robust_seg.evaluation.pictures import sample_picture
from mm_robust_seg.evaluation.run import DatasetRun, Predictor, run_dataset
from mm_robust_seg.evaluation.scores import SCHEMA_VERSION, Scores, summarize
from mm_robust_seg.modality import all_combinations, ModalitySet
from mm_robust_seg.report.document import Picture
from mm_robust_seg.report.progress import Progress, SILENT

UNTRAINED = 'untrained_classes'
"""Where the provenance of a bundle names the classes that its training labels never showed."""

_PICTURED = 3


@dataclass(frozen=True)
class Evaluation:
    """What an evaluation found.

    Attributes:
        scores: the content of ``evaluation.json``.
        run: the confusion counts behind them.
        samples: pictures of some samples.
    """

    scores: Scores
    run: DatasetRun
    samples: Sequence[Picture]


def evaluate(
    bundle: Bundle,
    dataset: Dataset,
    engine_config: EngineConfig,
    limit: int | None = None,
    damage: bool = True,
    progress: Progress = SILENT,
) -> Evaluation:
    """Measure every combination that ``bundle`` serves and ``dataset`` can feed.

    Args:
        limit: use only so many samples, evenly spaced; None means all.
        damage: also measure damaged inputs (RMM and NM).

    Raises:
        DataError: if the split is empty, has other classes than the bundle, or lacks the
            modalities of every combination; or a label is outside the classes.
        EngineError: if the engine cannot be built or fails.
    """
    modalities = _require_match(bundle, dataset)
    indices = evenly_spaced(len(dataset), limit)
    engine = build_engine(engine_config, bundle, modalities)
    try:
        damages = benchmark_damages(engine.combinations[0]) if damage else ()
        advance = progress.bar('evaluating', len(indices)).advance
        run = run_dataset(engine, bundle.inputs, dataset, indices, damages, advance)
        samples = _pictures(engine, bundle, dataset, indices)
        description = engine.description
    finally:
        engine.close()
    named = bundle.provenance.get(UNTRAINED)
    untrained = named if isinstance(named, list) else []
    scores = summarize(run, [c.name for c in bundle.classes], untrained)
    head = {'schema': SCHEMA_VERSION, 'bundle': bundle.name, 'engine': description}
    notes = _notes(bundle, modalities, scores, len(dataset))
    return Evaluation({**head, **scores, 'notes': notes}, run, samples)


def _require_match(bundle: Bundle, dataset: Dataset) -> ModalitySet:
    """Return the modalities of ``dataset``, once it is known to fit ``bundle``."""
    if len(dataset) == 0:
        raise DataError('the split is empty: expected at least one sample; name another split')
    ours, theirs = [[c.name for c in item.classes] for item in (bundle, dataset)]
    if ours != theirs:
        raise DataError(
            f'bundle {bundle.name} has {len(ours)} classes ({", ".join(ours)}), the data set '
            f'{len(theirs)} ({", ".join(theirs)}): expected the same in the same order; choose '
            'the data set, or its class map, that the bundle was trained on'
        )
    modalities = dataset.modalities
    if not any(combination <= modalities for combination in bundle.combinations):
        raise DataError(
            f'the data set has {modalities}, bundle {bundle.name} serves '
            f'{", ".join(map(str, bundle.combinations))}: expected the images of at least one of '
            'these combinations'
        )
    return modalities


def _pictures(
    engine: Engine, bundle: Bundle, dataset: Dataset, indices: Sequence[int]
) -> list[Picture]:
    predictor, pictures = Predictor(engine, bundle.inputs), []
    for number, place in enumerate(evenly_spaced(len(indices), _PICTURED)):
        sample = dataset[indices[place]]
        inputs = predictor.inputs(sample)
        masks = {c: predictor.labels(inputs, c, *sample.labels.shape) for c in engine.combinations}
        pictures.append(sample_picture(sample, masks, bundle.classes, number + 1))
    return pictures


def _notes(bundle: Bundle, modalities: ModalitySet, scores: Scores, available: int) -> list[str]:
    """Say what a reader must know to compare the figures with others."""
    served = [ModalitySet.parse(name) for name in scores['combinations']]
    notes = [
        f'Label maps are made at {bundle.inputs.width_px}x{bundle.inputs.height_px} and enlarged '
        'by nearest neighbour to the size of the labels.',
        'The branch of an absent sensor is not executed, so there is no fill value; the missing '
        'elements of RMM are 0 after normalisation. RMM Avg and E(p) are over what was damaged: '
        'from no sensor to all but one.',
        'A class that is neither in the labels nor predicted is left out of the mean.',
    ]
    if scores['absent_classes']:
        notes.append(f'Never in these labels: {", ".join(scores["absent_classes"])}.')
    if scores['untrained_classes']:
        notes.append(
            'The training labels of the bundle never showed '
            f'{", ".join(scores["untrained_classes"])}: where it is in these labels, it is always '
            'missed. The mIoU of the trained classes takes its pixels as unlabeled.'
        )
    if scores['samples'] < available:
        notes.append(f'Only {scores["samples"]} of {available} samples were used, evenly spaced.')
    unfed = [str(c) for c in bundle.combinations if c not in served]
    if unfed:
        notes.append(
            f'The data set has {modalities} alone, so these combinations of the bundle were not '
            f'evaluated: {", ".join(unfed)}; "complete" means {served[0]} here.'
        )
    unserved = [str(c) for c in all_combinations(served[0]) if c not in served]
    if unserved:
        notes.append(
            f'The bundle does not serve {", ".join(unserved)}, so EMM and E(p) are not defined.'
        )
    return notes
