# Copyright 2026 mm_robust_seg maintainers
# SPDX-License-Identifier: Apache-2.0

"""The figures of the table: each row against the unadapted base, dedicated networks, plain SSF."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
import math
from typing import Any

import numpy as np

from mm_robust_seg.evaluation.scores import rounded
from mm_robust_seg.experiments.plan import DEDICATED, PLAIN, UNADAPTED
from mm_robust_seg.experiments.results import Outcome, Results
from mm_robust_seg.modality import ModalitySet
from mm_robust_seg.scores import bootstrap
from mm_robust_seg.scores.bootstrap import Float
from mm_robust_seg.scores.robustness import emm_average, emm_expected, has_all_subsets

Scores = dict[str, Any]
_QUOTED_RATE = 0.1


@dataclass(frozen=True)
class _Measured:
    """A score of a row: by seed, and in every resample of the images, averaged over seeds."""

    names: tuple[int, ...]
    seeds: Float
    draws: Float

    @property
    def mean(self) -> float:
        return float(self.seeds.mean())

    def __sub__(self, other: _Measured) -> _Measured:
        """Compare paired by image; seeds are paired where both rows have the same."""
        paired = self.names == other.names
        seeds = self.seeds - (other.seeds if paired else other.mean)
        return _Measured(self.names, seeds, self.draws - other.draws)

    def facts(self) -> Scores:
        """Return the mean over seeds, its interval, and the spread where there is one."""
        spread = float(self.seeds.std(ddof=1)) if len(self.seeds) > 1 else float('nan')
        bounds = bootstrap.interval(self.draws, self.mean)
        return {
            'value': rounded(self.mean),
            'interval': [rounded(bound) for bound in bounds],
            'spread': rounded(spread),
        }


Row = Mapping[ModalitySet, _Measured]


def compare(results: Sequence[Results]) -> dict[str, Scores]:
    """Return every row of ``compare.json``; a row without outcome has ``problems`` alone."""
    measured = {r.row.name: _by_combination(r.outcomes) for r in results if r.outcomes}
    return {
        r.row.name: {
            'command': r.row.command,
            'method': r.row.method,
            'status': _status(r),
            'problems': list(r.problems),
            **(_figures(r, measured) if r.outcomes else {}),
        }
        for r in results
    }


def _status(results: Results) -> str:
    if results.failed:
        return 'failed'
    if not results.outcomes:
        return 'not run' if all(p.endswith('not run') for p in results.problems) else 'unfinished'
    return 'incomplete' if results.problems else 'done'


def _by_combination(outcomes: Sequence[Outcome]) -> Row:
    return {
        combination: _Measured(
            tuple(outcome.seed for outcome in outcomes),
            np.array([_miou(outcome, combination) for outcome in outcomes]),
            np.mean([outcome.draws[combination] for outcome in outcomes], axis=0),
        )
        for combination in outcomes[0].draws
    }


def _miou(outcome: Outcome, combination: ModalitySet) -> float:
    """Return the score; NaN where no class had one."""
    miou = outcome.scores['combinations'][str(combination)]['miou']
    return math.nan if miou is None else float(miou)


def _figures(results: Results, measured: Mapping[str, Row]) -> Scores:
    row = measured[results.row.name]
    unadapted, dedicated = measured.get(UNADAPTED), measured.get(DEDICATED)
    plain = measured.get(PLAIN)
    complete = max(row, key=len)
    incomplete, plain_incomplete = _incomplete(row), _incomplete(plain) if plain else None
    return {
        'seeds': [outcome.seed for outcome in results.outcomes],
        'combinations': {str(c): score.facts() for c, score in row.items()},
        'mean_incomplete': incomplete.facts() if incomplete else None,
        'clean_delta': (row[complete] - unadapted[complete]).facts() if unadapted else None,
        'recovery': {
            str(c): _recovery(c, row, unadapted, dedicated) for c in row if c != complete
        },
        'gain_over_plain': (incomplete - plain_incomplete).facts()
        if incomplete and plain_incomplete and results.row.name != PLAIN
        else None,
        **_missing(row),
        **_damaged(results.outcomes),
        **_costs(results.outcomes),
    }


def _incomplete(row: Row) -> _Measured | None:
    """Return the mean over the incomplete combinations."""
    parts = [score for c, score in row.items() if c != max(row, key=len)]
    if not parts:
        return None
    return _Measured(
        parts[0].names,
        np.mean([part.seeds for part in parts], axis=0),
        np.mean([part.draws for part in parts], axis=0),
    )


def _recovery(
    combination: ModalitySet, row: Row, unadapted: Row | None, dedicated: Row | None
) -> float | None:
    """Return the share of the way from unadapted to dedicated; None where there is no way up."""
    if not unadapted or not dedicated:
        return None
    low, high = unadapted[combination].mean, dedicated[combination].mean
    if not high > low:
        return None
    return rounded((row[combination].mean - low) / (high - low))


def _missing(row: Row) -> Scores:
    if not has_all_subsets({c: score.seeds for c, score in row.items()}):
        return {'emm_avg': None, 'emm_e': {f'{_QUOTED_RATE:g}': None}}
    seeds = {c: score.seeds for c, score in row.items()}
    draws = {c: score.draws for c, score in row.items()}
    names = next(iter(row.values())).names
    average = _Measured(names, emm_average(seeds), emm_average(draws))
    expected = _Measured(
        names, emm_expected(seeds, _QUOTED_RATE), emm_expected(draws, _QUOTED_RATE)
    )
    return {'emm_avg': average.facts(), 'emm_e': {f'{_QUOTED_RATE:g}': expected.facts()}}


def _damaged(outcomes: Sequence[Outcome]) -> Scores:
    """Return RMM Avg by rate and NM by level of noise; empty where they were not measured."""
    rmm = [outcome.scores['rmm'] or {} for outcome in outcomes]
    nm = [(outcome.scores['nm'] or {'levels': []})['levels'] for outcome in outcomes]
    return {
        'rmm_avg': {rate: _over_seeds([levels[rate]['avg'] for levels in rmm]) for rate in rmm[0]},
        'nm': {
            f'{level["salt_pepper"]:g}/{level["sigma"]:g}': _over_seeds(
                [levels[number]['miou'] for levels in nm]
            )
            for number, level in enumerate(nm[0])
        },
    }


def _over_seeds(values: Sequence[float | None]) -> Scores:
    """Return the mean over seeds and its spread; the images are not resampled."""
    known = np.array([value for value in values if value is not None])
    spread = float(known.std(ddof=1)) if known.size > 1 else math.nan
    return {
        'value': rounded(float(known.mean())) if known.size else None,
        'interval': [None, None],
        'spread': rounded(spread),
    }


def _costs(outcomes: Sequence[Outcome]) -> Scores:
    """Return what the row stores and what its training took, means over seeds."""
    rates = [outcome.scores['counter_intuitive_rate'] for outcome in outcomes]
    parameters = outcomes[0].run['parameters']
    return {
        'counter_intuitive_rate': _over_seeds(rates)['value'],
        'parameters': parameters,
        'largest_share': rounded(max(parameters['per_combination'].values()) / parameters['base']),
        'steps': round(float(np.mean([outcome.run['steps'] for outcome in outcomes]))),
        'seconds': round(float(np.mean([outcome.run['seconds'] for outcome in outcomes])), 1),
    }
