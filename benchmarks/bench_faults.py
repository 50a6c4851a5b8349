# Copyright 2026 mm_robust_seg maintainers
# SPDX-License-Identifier: Apache-2.0

"""Measure over DDS how fast faults are found, and how rightly, beside the usual synchroniser.

Simulated cameras and node are processes of their own. Every fault of the vocabulary is tried
again and again, the sensors in turn, at random times. Latency counts from the stamp of the first
missing or wrong image to the arrival of the state message. The same images feed an approximate
synchroniser; what it would serve stands beside the masks. In one run only the clock jumps: nobody
is to blame, and masks go on. Two clean runs count false alarms, and masks: 20 % jitter with 1 %
loss, and thermal at 9 Hz.

Writes faults.json, faults.md and faults.png.

Example: python -m benchmarks.bench_faults --trials 3 --clean-s 30
"""

from __future__ import annotations

import argparse
from dataclasses import asdict, replace
from pathlib import Path
import shutil
import tempfile
from typing import Any

import numpy as np
from rich.console import Console
from rich.progress import BarColumn, Progress, TextColumn, TimeRemainingColumn

from benchmarks.faults import plan as fault_plan
from benchmarks.faults import report as fault_report
from benchmarks.faults.live import add_arguments, ending_in_order, Run, running, Setup, START_UP_S
from benchmarks.faults.plan import CLEAN, COMPARE, Plan, TRIAL
from benchmarks.faults.shares import clean_share, compared_shares, Measured, trial_shares
from benchmarks.process_use import use
from mm_robust_seg.files import write_bytes, write_json
from mm_robust_seg.observation.detection import false_alarms, outcomes, SETTLE_S

_IDLE_SETTLE_S, _IDLE_S = 2.0, 8.0


def main() -> None:
    """Run everything, print tables and verdicts, write the results."""
    arguments = _arguments()
    console = Console()
    logs = Path(tempfile.mkdtemp(prefix='bench_faults_'))
    with ending_in_order(logs):
        result = Benchmark(arguments, console, logs).run()
    table = fault_report.markdown(result)
    write_json(arguments.out / 'faults.json', result)
    write_bytes(arguments.out / 'faults.md', table.encode())
    image = fault_report.picture(result['faults'])
    write_bytes(arguments.out / 'faults.png', image)
    shutil.rmtree(logs)
    console.print(table, markup=False, highlight=False, soft_wrap=True)
    console.print(f'written to {arguments.out}/faults.json, faults.md, faults.png')


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument('--trials', type=int, default=20, help='trials per fault (20)')
    parser.add_argument(
        '--clean-s', type=float, default=600.0, help='length of each clean run (600)'
    )
    add_arguments(parser)
    arguments = parser.parse_args()
    if arguments.trials < 1 or arguments.clean_s < 1:
        parser.error('--trials and --clean-s must be at least 1')
    return arguments


class Benchmark:
    """The four runs of the benchmark, one after the other."""

    def __init__(self, arguments: argparse.Namespace, console: Console, logs: Path) -> None:
        self._arguments, self._console, self._logs = arguments, console, logs
        self._setup = Setup.of(arguments)
        self._idle: float | None = None

    def run(self) -> dict[str, Any]:
        """Play all runs; return the result for the files."""
        arguments, rng = self._arguments, np.random.default_rng(self._arguments.seed)
        clean, rates = fault_plan.clean(arguments.clean_s), self._setup.sensor_rates_hz
        runs: dict[str, tuple[Plan, Setup]] = {
            'faults': (
                [*fault_plan.trials(arguments.trials, rng, rates), *fault_plan.comparison()],
                self._setup,
            ),
            'clock': (
                fault_plan.clock_trials(arguments.trials, rng),
                replace(self._setup, has_clock=True),
            ),
            'jitter 20 %, loss 1 %': (
                clean,
                replace(self._setup, jitter_ratio=0.2, loss_ratio=0.01),
            ),
            'thermal at 9 Hz': (
                clean,
                replace(self._setup, rates_hz={**self._setup.rates_hz, 'thermal': 9.0}),
            ),
        }
        return self._result(self._play(runs))

    def _play(self, runs: dict[str, tuple[Plan, Setup]]) -> dict[str, Measured]:
        lengths_s = {
            name: fault_plan.duration_s(plan) + START_UP_S for name, (plan, _) in runs.items()
        }
        total_s, done_s = sum(lengths_s.values()) + _IDLE_SETTLE_S + _IDLE_S, 0.0
        self._console.print(f'{len(runs)} runs, about {total_s / 60:.0f} minutes in all')
        measured = {}
        with Progress(
            TextColumn('{task.description}'),
            BarColumn(),
            TextColumn('{task.percentage:3.0f} %'),
            TimeRemainingColumn(),
            console=self._console,
        ) as progress:
            bar = progress.add_task('', total=total_s)
            for number, (name, (plan, setup)) in enumerate(runs.items()):
                progress.update(bar, description=name, completed=done_s)
                with running(plan, setup, self._logs / str(number)) as run:
                    if self._idle is None:
                        self._idle = _idle_share(run)
                    measured[name] = run.play(
                        lambda now_s, base=done_s: progress.update(bar, completed=base + now_s)  # type: ignore[misc]
                    )
                done_s += lengths_s[name]
        return measured

    def _result(self, measured: dict[str, Measured]) -> dict[str, Any]:
        arguments, records = self._arguments, {name: m.record for name, m in measured.items()}
        trials = [o for name in ('faults', 'clock') for o in outcomes(records[name])]
        faults = fault_report.by_fault(
            [o for o in trials if o.episode.phase == TRIAL], self._setup.sensor_rates_hz
        )
        clean = {n: [p for p in r.phases if p.name == CLEAN] for n, r in records.items()}
        false = {n: list(false_alarms(p, records[n].states)) for n, p in clean.items() if p}
        made = {name: clean_share(run) for name, run in measured.items() if name != 'faults'}
        compared = compared_shares(measured['faults'])
        served = {COMPARE: compared, TRIAL: trial_shares(measured['faults']), 'clean': made}
        idle = self._idle or 0.0
        # Masks are counted by the captures, of which a slower sensor sees a part only.
        shares = [] if self._setup.rates_hz else fault_report.share_verdicts(compared)
        judged = {} if self._setup.rates_hz else made
        verdicts = [
            *fault_report.detection_verdicts(faults),
            *(
                fault_report.alarm_verdict(self._title(name), found)
                for name, found in false.items()
            ),
            *(fault_report.mask_verdict(self._title(name), s) for name, s in judged.items()),
            *shares,
            fault_report.idle_verdict(idle),
        ]
        return {
            'rates_hz': {str(m): hz for m, hz in self._setup.sensor_rates_hz.items()},
            'image': f'{arguments.width_px}x{arguments.height_px}',
            'bundle': arguments.bundle,
            'seed': arguments.seed,
            'idle_cpu_share': round(idle, 4),
            'faults': faults,
            'availability': {
                kind: {name: asdict(share) for name, share in found.items()}
                for kind, found in served.items()
            },
            'clean_s': arguments.clean_s,
            'false_alarms': false,
            'rig': {name: dict(record.rig) for name, record in records.items()},
            'verdicts': [asdict(verdict) for verdict in verdicts],
        }

    def _title(self, run: str) -> str:
        if run == 'clock':
            return f'{run}, but {SETTLE_S:g} s after a jump'
        return f'{self._arguments.clean_s:g} s, {run}'


def _idle_share(run: Run) -> float:
    """Return the CPU seconds per second of the active node before any image comes."""
    run.rest(_IDLE_SETTLE_S)
    before = use(run.node.pid)
    run.rest(_IDLE_S)
    return (use(run.node.pid).cpu_s - before.cpu_s) / _IDLE_S


if __name__ == '__main__':
    main()
