# Copyright 2026 mm_robust_seg maintainers
# SPDX-License-Identifier: Apache-2.0

"""Run the trials of a comparison, and write its tables from what there is."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from mm_robust_seg.experiments import trials
from mm_robust_seg.experiments.plan import Plan
from mm_robust_seg.experiments.report import report
from mm_robust_seg.experiments.results import read_results, Results
from mm_robust_seg.experiments.scores import compare
from mm_robust_seg.experiments.trials import Request, Runner, Trial
from mm_robust_seg.files import claimed, renewing, write_json
from mm_robust_seg.report.document import write_document
from mm_robust_seg.report.progress import Progress, SILENT
from mm_robust_seg.schema import read_json
from mm_robust_seg.scores import bootstrap

SCHEMA_VERSION = 3
_COMPARISON = 'compare.json'


def run_plan(
    plan: Plan,
    request: Request,
    only: Sequence[str] | None,
    runner: Runner,
    progress: Progress = SILENT,
) -> None:
    """Run the trials of the chosen rows; a failed one does not keep the others from running.

    Raises:
        ConfigError: if another comparison runs in the folder.
        RobustSegError: if the base cannot be had.
    """
    chosen = [t for t in trials.trials(plan, request.out) if t.row.name in (only or [t.row.name])]
    bar = progress.bar('trials', len(chosen))
    bar.reach(0, 'base')
    with claimed(request.out):
        base = trials.base_of(plan, request, runner)
        write_json(request.out / 'base.json', _base_facts(base))
        for done, trial in enumerate(chosen):
            name = f'{trial.row.name}, seed {trial.seed}'
            with claimed(trial.folder):
                for step in trials.run_trial(trial, plan, request, base, runner):
                    bar.reach(done, f'{name}: {step}')
            progress.say(f'{name}: {_end(trial)}')
            bar.advance()


def write_tables(plan: Plan, out: Path) -> dict[str, Any]:
    """Write ``compare.json``, ``table.md`` and ``compare.html`` from what is there."""
    results = read_results(plan, trials.trials(plan, out))
    rows = compare(results)
    for row in plan.rows:
        rows[row.name]['starts_from_base'] = row.starts_from_base
    comparison = {
        'schema': SCHEMA_VERSION,
        'name': plan.name,
        'recipe': plan.recipe.name,
        'dataset': plan.dataset,
        'samples': _samples(results),
        'interval': f'{bootstrap.LEVEL:.0%} bootstrap over images, {bootstrap.DRAWS} draws',
        'base': _read_base(out),
        'rows': rows,
    }
    title = f'Methods on {plan.dataset}: {plan.name}'
    with renewing(out, _COMPARISON) as folder:
        write_document(title, report(comparison), folder / 'table.md', folder / 'compare.html')
        write_json(folder / _COMPARISON, comparison)
    return comparison


def _samples(results: Sequence[Results]) -> int | None:
    found = [outcome.scores['samples'] for r in results for outcome in r.outcomes]
    return found[0] if found else None


def _end(trial: Trial) -> str:
    failure = trial.failure()
    return 'done' if failure is None else f'failed: {failure}'


def _base_facts(base: Path) -> dict[str, Any]:
    run = base / trials.RUN
    facts = read_json(run, 'the file of a run') if run.is_file() else {}
    name = base.parent.name if facts and base.name == 'run' else base.name
    return {'name': name, 'steps': facts.get('steps'), 'seconds': facts.get('seconds')}


def _read_base(out: Path) -> dict[str, Any]:
    path = out / 'base.json'
    if not path.is_file():
        return {'name': 'none yet', 'steps': None, 'seconds': None}
    return dict(read_json(path, 'what a comparison wrote'))
