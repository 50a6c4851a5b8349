# Copyright 2026 mm_robust_seg maintainers
# SPDX-License-Identifier: Apache-2.0

"""``mm-robust-seg compare``: methods side by side on one base."""

from __future__ import annotations

import argparse
from pathlib import Path

from mm_robust_seg.commands.options import add_computing, add_pretrained
from mm_robust_seg.errors import ConfigError
from mm_robust_seg.experiments import trials
from mm_robust_seg.experiments.comparison import run_plan, write_tables
from mm_robust_seg.experiments.plan import load_plan
from mm_robust_seg.experiments.report import summary_blocks
from mm_robust_seg.report.terminal import Result, TerminalProgress

DESCRIPTION = """\
Train, export and evaluate every row of a comparison, each in processes of their own, and write
compare.json, table.md and compare.html. What is finished is not repeated, so a comparison goes on
where it was stopped. A row without result is printed as not run, unfinished or failed; the exit
code is 1 if one failed."""
EXAMPLE = 'mm-robust-seg compare config/compare_mm5.yaml --data MM5_FOLDER --base mm5 --only ssf'
FAILED = 1


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the options."""
    parser.add_argument('config', type=Path, help='YAML file, such as config/compare_mm5.yaml')
    parser.add_argument('--data', type=Path, help='folder of the data set; none for sim')
    parser.add_argument('--base', help='run or bundle to build on (as the file says, or trained)')
    add_pretrained(parser)
    parser.add_argument('--out', type=Path, help='folder of everything (out/compare/<name>)')
    parser.add_argument('--only', nargs='+', metavar='ROW', help='run these rows and no others')
    parser.add_argument('--table-only', action='store_true', help='run nothing, write the tables')
    add_computing(parser)


def run(args: argparse.Namespace) -> Result:
    """Run what is missing, write the tables, and tell whether a row failed.

    Raises:
        RobustSegError: if the plan is wrong or the base cannot be had.
    """
    plan = load_plan(args.config)
    out = args.out or Path('out/compare') / plan.name
    request = trials.Request(out, args.data, args.base, args.pretrained, args.threads, args.device)
    unknown = set(args.only or ()) - {row.name for row in plan.rows}
    if unknown:
        known = ', '.join(row.name for row in plan.rows)
        raise ConfigError(f'--only names {", ".join(sorted(unknown))}: expected rows of {known}')
    if not args.table_only:
        with TerminalProgress() as progress:
            run_plan(plan, request, args.only, trials.run_command, progress)
    comparison = write_tables(plan, out)
    states = {row['status'] for row in comparison['rows'].values()}
    return Result(
        comparison,
        summary_blocks(comparison),
        f'open {out}/compare.html'
        if states == {'done'}
        else f'mm-robust-seg compare {args.config} goes on with the rows without result; so far '
        f'{out}/compare.html',
        code=FAILED if 'failed' in states else 0,
    )
