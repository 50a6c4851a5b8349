# Copyright 2026 mm_robust_seg maintainers
# SPDX-License-Identifier: Apache-2.0

"""Run the node for long under random faults, and see that nothing grows, is lost or is missed.

Rig and node are processes of their own, over DDS. Faults of all kinds hit the sensors in turn, at
random but the same for the same seed; clean phases lie between. Memory, threads and open files
of the node are sampled every second, its lifecycle state is asked for every two. At the end it
goes through a whole cycle of transitions. Exit code 1 if anything was not as wanted.

Writes soak.json and soak.png. With ``--busy 2`` two processes that never rest keep two cores busy
meanwhile: then no well sensor may be blamed, and the share of captures with a mask is only stated.

Example: python -m benchmarks.soak --minutes 5
"""

from __future__ import annotations

import argparse
from collections.abc import Callable
from dataclasses import asdict
from pathlib import Path
import shutil
import tempfile

import numpy as np
from rich.console import Console
from rich.progress import BarColumn, Progress, TextColumn, TimeRemainingColumn

from benchmarks.busy import other_work
from benchmarks.faults import plan as fault_plan
from benchmarks.faults import soak_report
from benchmarks.faults.live import add_arguments, ending_in_order, Run, running, Setup, START_UP_S
from benchmarks.faults.soak_report import Sample, Soak
from benchmarks.process_use import use
from mm_robust_seg.files import write_bytes, write_json
from mm_robust_seg.ros.processes.client import ACTIVATE, CLEANUP, CONFIGURE, DEACTIVATE

_SAMPLE_S, _ASK_S, _ANSWER_S = 1.0, 2.0, 10.0
_TRANSITION_S = 120.0
_CYCLE = (
    ('deactivate', DEACTIVATE, 'inactive'),
    ('cleanup', CLEANUP, 'unconfigured'),
    ('configure', CONFIGURE, 'inactive'),
    ('activate', ACTIVATE, 'active'),
    ('deactivate again', DEACTIVATE, 'inactive'),
)


def main() -> None:
    """Soak, print the verdicts, write the results; exit with 1 if one is bad."""
    arguments = _arguments()
    console, logs = Console(), Path(tempfile.mkdtemp(prefix='soak_'))
    rng = np.random.default_rng(arguments.seed)
    plan = fault_plan.random_faults(60 * arguments.minutes, rng)
    setup = Setup.of(arguments)
    with (
        ending_in_order(logs),
        running(plan, setup, logs) as run,
        other_work(arguments.busy),
    ):
        soak = _soak(run, plan, console)
    found = soak_report.verdicts(soak, is_alone=not arguments.busy)
    for verdict in found:
        console.print(str(verdict), markup=False, highlight=False, soft_wrap=True)
    passed = all(verdict.is_met for verdict in found)
    result = {
        'minutes': arguments.minutes,
        'seed': arguments.seed,
        'busy': arguments.busy,
        'passed': passed,
        'verdicts': [asdict(verdict) for verdict in found],
        **soak_report.figures(soak),
    }
    write_json(arguments.out / 'soak.json', result)
    write_bytes(arguments.out / 'soak.png', soak_report.picture(soak))
    open_ends = [verdict.name for verdict in found if not verdict.is_judged]
    console.print(
        ('PASSED' if passed else 'FAILED')
        + (f', not judged: {", ".join(open_ends)}' if open_ends else '')
        + f'; written to {arguments.out}/soak.json'
    )
    if not passed:
        raise SystemExit(1)
    shutil.rmtree(logs)


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument('--minutes', type=float, default=20.0, help='length (20)')
    parser.add_argument(
        '--busy', type=int, default=0, help='cores that other work keeps busy meanwhile (0)'
    )
    add_arguments(parser)
    arguments = parser.parse_args()
    if not 0 < arguments.minutes <= 24 * 60:
        parser.error(f'--minutes is {arguments.minutes:g}: expected more than 0, at most a day')
    return arguments


def _soak(run: Run, plan: fault_plan.Plan, console: Console) -> Soak:
    length_s = fault_plan.duration_s(plan)
    console.print(f'{length_s / 60:.1f} minutes, and {START_UP_S:.0f} s to begin and end')
    watch = _Watch(run, plan)
    with Progress(
        TextColumn('{task.description}'), BarColumn(), TimeRemainingColumn(), console=console
    ) as progress:
        bar = progress.add_task('soak', total=length_s)

        def tick(now_s: float) -> None:
            watch.tick(now_s)
            progress.update(bar, completed=now_s, description=watch.doing)

        record = run.play(tick).record
    return Soak(record, watch.samples, watch.states, watch.unanswered, _failed_cycle(run))


class _Watch:
    """Samples what the node uses, and asks for its state."""

    def __init__(self, run: Run, plan: fault_plan.Plan) -> None:
        self.samples: list[Sample] = []
        self.states: list[str] = []
        self.unanswered = 0
        self._run, self._plan = run, plan
        self._sample_s = self._asked_s = 0.0
        self._answer: Callable[[], str | None] | None = None

    @property
    def doing(self) -> str:
        """What is played, in a few words."""
        phase = self._plan[self._run.observer.phase]
        return ', '.join(f'{m} {fault}' for m, fault in phase.faults.items()) or phase.kind

    def tick(self, now_s: float) -> None:
        """Look whether a sample or a question is due."""
        if now_s >= self._sample_s:
            self._sample_s = now_s + _SAMPLE_S
            kind = self._plan[self._run.observer.phase].kind
            self.samples.append(Sample(now_s, kind, use(self._run.node.pid)))
        if self._answer is not None:
            self._take(self._answer(), now_s)
        elif now_s >= self._asked_s + _ASK_S:
            self._asked_s, self._answer = now_s, self._run.observer.state()

    def _take(self, state: str | None, now_s: float) -> None:
        if state is not None:
            self._answer = None
            if self.states[-1:] != [state]:
                self.states.append(state)
        elif now_s > self._asked_s + _ANSWER_S:
            self._answer = None
            self.unanswered += 1


def _failed_cycle(run: Run) -> list[str]:
    """Take the node through its states; return the transitions that failed."""
    failed = []
    for name, number, label in _CYCLE:
        slow = f'the node did not answer within {_TRANSITION_S:.0f} s: {name}'
        done = run.bring_up.wait(run.observer.transition(number), _TRANSITION_S, slow)
        state = run.bring_up.wait(run.observer.state(), _TRANSITION_S, slow)
        if not done or state != label:
            failed.append(f'{name} ({state})')
    return failed


if __name__ == '__main__':
    main()
