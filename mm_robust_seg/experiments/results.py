# Copyright 2026 mm_robust_seg maintainers
# SPDX-License-Identifier: Apache-2.0

"""Read back what the trials of a comparison left."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from mm_robust_seg.errors import DataError
from mm_robust_seg.evaluation.scores import SCHEMA_VERSION
from mm_robust_seg.experiments.plan import Plan, Row
from mm_robust_seg.experiments.trials import difference, identity_of, RUN, Trial
from mm_robust_seg.files.archives import read_npz
from mm_robust_seg.modality import ModalitySet
from mm_robust_seg.schema import read_json, shown
from mm_robust_seg.scores import bootstrap
from mm_robust_seg.scores.bootstrap import Float

_MOST_BYTES = 1 << 26


@dataclass(frozen=True)
class Outcome:
    """What one finished trial measured.

    Attributes:
        scores: the content of its ``evaluation.json``.
        run: the content of its ``run.json``.
        draws: mIoU of every combination in the resamples that all outcomes share.
    """

    seed: int
    scores: Mapping[str, Any]
    run: Mapping[str, Any]
    draws: Mapping[ModalitySet, Float]


@dataclass(frozen=True)
class Results:
    """The outcomes of one row, and what keeps the others from having one.

    Attributes:
        problems: of the trials without outcome, such as ``seed 1: not run``.
        failed: whether a trial failed.
    """

    row: Row
    outcomes: Sequence[Outcome]
    problems: Sequence[str]
    failed: bool


def read_results(plan: Plan, trials: Sequence[Trial]) -> list[Results]:
    """Collect the outcomes of every row.

    Raises:
        DataError: if two were measured on different samples, so that they cannot be compared.
    """
    rows = {row.name: ([], [], []) for row in plan.rows}  # type: ignore[var-annotated]
    measured: dict[str, Any] = {}
    for trial in trials:
        outcomes, problems, failures = rows[trial.row.name]
        failure, changed = trial.failure(), difference(trial, identity_of(trial, plan))
        if failure or changed:
            failures.append(failure or f'made before with another {changed}')
            problems.append(f'seed {trial.seed} failed: {failures[-1]}')
        elif not trial.evaluation.is_file():
            started = (trial.folder / 'trial.json').is_file()
            problems.append(f'seed {trial.seed}: {"not finished" if started else "not run"}')
        else:
            outcomes.append(_outcome(trial))
            names = outcomes[-1].scores['sample_names']
            if measured.setdefault('names', names) != names:
                raise DataError(
                    f'{trial.evaluation} is of other samples than the rows before: remove '
                    f'{trial.evaluation.parent} and run the comparison again'
                )
    return [Results(row, *rows[row.name][:2], failed=bool(rows[row.name][2])) for row in plan.rows]


def _outcome(trial: Trial) -> Outcome:
    scores = read_json(trial.evaluation, 'an evaluation', _MOST_BYTES)
    schema = scores.get('schema') if isinstance(scores, dict) else None
    if schema != SCHEMA_VERSION:
        raise DataError(
            f'{trial.evaluation} has schema {shown(schema)}, this version reads '
            f'{SCHEMA_VERSION}: remove {trial.evaluation.parent} and run the comparison again'
        )
    run = read_json(trial.run / RUN, 'the file of a run')
    confusion = read_npz(trial.evaluation.parent / 'confusion.npz')
    counts = {ModalitySet.parse(name): array.astype(np.int32) for name, array in confusion.items()}
    weights = bootstrap.multiplicities(scores['samples'])
    draws = {c: bootstrap.resampled_miou(array, weights) for c, array in counts.items()}
    return Outcome(trial.seed, scores, run, draws)
