"""``mm-robust-seg compare``: methods side by side on one base."""

from __future__ import annotations

import argparse
from collections.abc import Sequence
import json
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.markup import escape
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn
from rich.table import Table

from mm_robust_seg.errors import ConfigError
from mm_robust_seg.experiments import trials as compare_run
from mm_robust_seg.experiments.plan import load_plan, Plan
from mm_robust_seg.experiments.report import measured, report
from mm_robust_seg.experiments.results import read_results, Results
from mm_robust_seg.experiments.scores import compare
from mm_robust_seg.experiments.trials import Options, Runner, Trial
from mm_robust_seg.files import write_json
from mm_robust_seg.report.document import write_document
from mm_robust_seg.scores import bootstrap

DESCRIPTION = """\
Train, export and evaluate every row of a comparison, each in processes of their own, and write
compare.json, table.md and compare.html. What is finished is not repeated, so a comparison goes on
where it was stopped. A row without result is printed as not run, unfinished or failed; the exit
code is 1 if one failed."""
EXAMPLE = 'mm-robust-seg compare config/compare_mm5.yaml --data MM5_FOLDER --base mm5 --only ssf'
SCHEMA_VERSION = 2
FAILED = 1


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the options."""
    parser.description = DESCRIPTION
    parser.add_argument('config', type=Path, help='YAML file, such as config/compare_mm5.yaml')
    parser.add_argument('--data', type=Path, help='folder of the data set; none for sim')
    parser.add_argument('--base', help='run or bundle to build on (as the file says, or trained)')
    parser.add_argument('--pretrained', type=Path, help='weights of the encoders (.npz)')
    parser.add_argument('--out', type=Path, help='folder of everything (out/compare/<name>)')
    parser.add_argument('--only', nargs='+', metavar='ROW', help='run these rows and no others')
    parser.add_argument('--table-only', action='store_true', help='run nothing, write the tables')
    parser.add_argument('--threads', type=int, default=0, help='CPU threads; 0 means all')
    parser.add_argument('--device', choices=('auto', 'cpu', 'cuda'), default='auto')
    parser.add_argument('--json', action='store_true', help='print compare.json')


def run(args: argparse.Namespace) -> int:
    """Run what is missing, write the tables, and tell whether a row failed.

    Raises:
        RobustSegError: if the plan is wrong or the base cannot be had.
    """
    plan = load_plan(args.config)
    out = args.out or Path('out/compare') / plan.name
    options = Options(out, args.data, args.base, args.pretrained, args.threads, args.device)
    unknown = set(args.only or ()) - {row.name for row in plan.rows}
    if unknown:
        known = ', '.join(row.name for row in plan.rows)
        raise ConfigError(f'--only names {", ".join(sorted(unknown))}: expected rows of {known}')
    if not args.table_only:
        run_plan(plan, options, args.only, compare_run.run_command, Console(stderr=True))
    comparison = write_tables(plan, out)
    console = Console(soft_wrap=args.json, highlight=False)
    if args.json:
        console.print_json(json.dumps(comparison))
    else:
        console.print(_summary(comparison), f'Results: {escape(str(out))}')
    return FAILED if any(r['status'] == 'failed' for r in comparison['rows'].values()) else 0


def run_plan(
    plan: Plan, options: Options, only: Sequence[str] | None, runner: Runner, console: Console
) -> None:
    """Run the trials of the chosen rows; a failed one does not keep the others from running."""
    chosen = [
        t for t in compare_run.trials(plan, options.out) if t.row.name in (only or [t.row.name])
    ]
    columns = (TextColumn('{task.description}'), BarColumn(), MofNCompleteColumn())
    with Progress(*columns, TimeElapsedColumn(), console=console, transient=True) as progress:
        bar = progress.add_task('base', total=len(chosen))
        base = compare_run.base_of(plan, options, runner)
        write_json(options.out / 'base.json', _base_facts(base))
        for trial in chosen:
            for step in compare_run.run_trial(trial, plan, options, base, runner):
                progress.update(bar, description=f'{trial.row.name}, seed {trial.seed}: {step}')
            console.print(f'{trial.row.name}, seed {trial.seed}: {_end(trial)}', markup=False)
            progress.advance(bar)


def write_tables(plan: Plan, out: Path) -> dict[str, Any]:
    """Write ``compare.json``, ``table.md`` and ``compare.html`` from what is there."""
    results = read_results(plan, compare_run.trials(plan, out))
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
    write_document(title, report(comparison), out / 'table.md', out / 'compare.html')
    write_json(out / 'compare.json', comparison)
    return comparison


def _samples(results: Sequence[Results]) -> int | None:
    found = [outcome.scores['samples'] for r in results for outcome in r.outcomes]
    return found[0] if found else None


def _end(trial: Trial) -> str:
    failure = trial.failure()
    return 'done' if failure is None else f'failed: {failure}'


def _base_facts(base: Path) -> dict[str, Any]:
    run = base / compare_run.RUN
    facts = json.loads(run.read_text(encoding='utf-8')) if run.is_file() else {}
    name = base.parent.name if facts and base.name == 'run' else base.name
    return {'name': name, 'steps': facts.get('steps'), 'seconds': facts.get('seconds')}


def _read_base(out: Path) -> dict[str, Any]:
    path = out / 'base.json'
    if not path.is_file():
        return {'name': 'none yet', 'steps': None, 'seconds': None}
    return dict(json.loads(path.read_text(encoding='utf-8')))


def _summary(comparison: dict[str, Any]) -> Table:
    table = Table('method', 'status', title=comparison['name'], title_justify='left')
    for column in ('complete', 'mean of incomplete', 'gain over ssf', 'seconds'):
        table.add_column(column, justify='right')
    for name, row in comparison['rows'].items():
        cells = ['-'] * 4
        if 'combinations' in row:
            complete = next(iter(row['combinations'].values()))
            gain = measured(row['gain_over_plain'], sign=True)
            cells = [measured(complete), measured(row['mean_incomplete']), gain]
            cells.append(f'{row["seconds"]:.0f}')
        table.add_row(name, row['status'], *map(escape, cells))
    return table
