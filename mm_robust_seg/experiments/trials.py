# Copyright 2026 mm_robust_seg maintainers
# SPDX-License-Identifier: Apache-2.0

"""Run the trainings of a comparison as processes of the command line, one after the other.

A trial is one row with one seed, in a folder of its own::

    <out>/<row>/seed0/
    |- trial.json               what was asked for, and how it failed if it did
    |- log.txt                  what the commands said
    |- importance/              as importance made it, where the row asks for it
    |- run/  bundle/            as train or adapt, and export, made them
    `- evaluation/              as evaluate made it

What is finished is not repeated, so a comparison goes on where it was stopped.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
import subprocess
import sys
from typing import Any

from mm_robust_seg.bundle import find_bundle, MANIFEST
from mm_robust_seg.bundle_files import sha256
from mm_robust_seg.errors import ConfigError, RobustSegError, TrainingError
from mm_robust_seg.experiments.plan import Plan, Row
from mm_robust_seg.files import write_json
from mm_robust_seg.schema import read_json

Runner = Callable[[Sequence[str], Path], int]
"""Runs a command (its words after ``mm-robust-seg``), adds what it says to a log file, and
returns its exit code."""

_WEIGHED = 64
"""Training samples by which importance is measured."""
RUN, BASE = 'run.json', 'base.safetensors'


@dataclass(frozen=True)
class Request:
    """What the command line adds to a plan.

    Attributes:
        base: run or bundle that replaces the plan's.
        pretrained: encoder weights for networks that do not start from the base.
        threads, device: as in train.
    """

    out: Path
    data: Path | None = None
    base: str | None = None
    pretrained: Path | None = None
    threads: int = 0
    device: str = 'auto'


@dataclass(frozen=True)
class Trial:
    """One row with one seed, and its folder."""

    row: Row
    seed: int
    folder: Path

    @property
    def evaluation(self) -> Path:
        """The file that exists when all is done."""
        return self.folder / 'evaluation' / 'evaluation.json'

    @property
    def run(self) -> Path:
        """The run folder."""
        return self.folder / 'run'

    def failure(self) -> str | None:
        """Return how the last attempt failed, if it did."""
        return _read(self.folder / 'trial.json').get('failed')


def trials(plan: Plan, out: Path) -> list[Trial]:
    """List all trials, row by row."""
    return [Trial(row, s, out / row.name / f'seed{s}') for row in plan.rows for s in row.seeds]


def run_command(words: Sequence[str], log: Path) -> int:
    """Run a command of this package in a process of its own; stop it when this one is stopped."""
    log.parent.mkdir(parents=True, exist_ok=True)
    with log.open('ab') as stream:
        stream.write(f'$ mm-robust-seg {" ".join(words)}\n'.encode())
        stream.flush()
        command = [sys.executable, '-m', 'mm_robust_seg.cli', *words]
        process = subprocess.Popen(command, stdout=stream, stderr=subprocess.STDOUT)
        try:
            return process.wait()
        except BaseException:
            process.terminate()
            process.wait()
            raise


def base_of(plan: Plan, request: Request, runner: Runner) -> Path:
    """Return the folder of the base, after training it where the plan names none.

    Raises:
        TrainingError: if its training fails.
        ConfigError: if it holds no network.
    """
    given = request.base or plan.base
    if given is None:
        run, log = request.out / 'base' / 'run', request.out / 'base' / 'log.txt'
        words = _training(plan, request, 'complete', plan.base_settings, run)
        pretrained = ['--pretrained', str(request.pretrained)] if request.pretrained else []
        if not _is_finished(run) and runner([*words, *pretrained], log) != 0:
            raise TrainingError(f'the base cannot be trained: {last_words(log)}; see {log}')
        return run
    folder = Path(given) if (Path(given) / RUN).is_file() else find_bundle(given)
    if not (folder / BASE).is_file():
        raise ConfigError(f'{folder} has no {BASE}: expected a finished run, or a bundle')
    return folder


def run_trial(
    trial: Trial, plan: Plan, request: Request, base: Path, runner: Runner
) -> Iterator[str]:
    """Run what is missing of a trial; yield the name of each step before it starts.

    A step that fails ends the trial: ``trial.failure`` says how.
    """
    identity = _identity(trial, plan, base)
    if changed := difference(trial, identity):
        _note(trial, f'made before with another {changed}: remove {trial.folder}')
        return
    write_json(trial.folder / 'trial.json', {'identity': identity, 'failed': None})
    for name, is_done, words in _steps(trial, plan, request, base):
        if is_done:
            continue
        yield name
        log = trial.folder / 'log.txt'
        code = runner(words, log)
        if code != 0:
            _note(trial, f'{name}: {last_words(log) or f"exit code {code}"}')
            return


def identity_of(trial: Trial, plan: Plan) -> dict[str, Any]:
    """Return what decides the result of a trial, but for the base."""
    row = trial.row
    return {
        'command': row.command,
        'method': row.method,
        'settings': list(row.settings),
        'seed': trial.seed,
        'recipe': plan.digest,
        'noise': plan.noise,
        **({'importance': True} if row.importance else {}),
    }


def difference(trial: Trial, identity: Mapping[str, Any]) -> str:
    """Name what was otherwise when the folder of the trial was made; empty if nothing was."""
    before = _read(trial.folder / 'trial.json').get('identity', identity)
    return ', '.join(key for key in identity if before.get(key) != identity[key])


def last_words(log: Path) -> str:
    """Return the error that ended a log, or its last line."""
    text = log.read_text(encoding='utf-8', errors='replace') if log.is_file() else ''
    lines = [line.strip() for line in text.rpartition('$ mm-robust-seg ')[2].splitlines()[1:]]
    errors = [line for line in lines if line.startswith('mm-robust-seg: ')]
    return (errors or [line for line in lines if line] or [''])[-1]


def _steps(
    trial: Trial, plan: Plan, request: Request, base: Path
) -> list[tuple[str, bool, list[str]]]:
    """Return name, whether it is done, and command of each step."""
    row, bundle = trial.row, trial.folder / 'bundle'
    words = _training(plan, request, row.method, row.settings, trial.run, row.command)
    words += ['--seed', str(trial.seed)]
    if row.starts_from_base:
        words += ['--base' if row.command == 'adapt' else '--init', str(base)]
    elif request.pretrained:
        words += ['--pretrained', str(request.pretrained)]
    threads = ['--threads', str(request.threads)]
    where = trial.folder / 'importance' / 'importance.json'
    if row.importance:
        words += ['--importance', str(where)]
    measure = ['evaluate', '--bundle', str(bundle), '--dataset', plan.dataset, '--split', 'val']
    measure += ['--out', str(trial.evaluation.parent), *_data(plan, request), *threads]
    measure += [] if plan.val_count is None else ['--samples', str(plan.val_count)]
    measure += [] if plan.noise else ['--skip-noise']
    export = ['export', str(trial.run), '--out', str(bundle), '--no-scores', *threads]
    weigh = ['importance', str(base), '--dataset', plan.dataset, '--split', 'train']
    weigh += [
        '--samples',
        str(_WEIGHED),
        '--out',
        str(where.parent),
        *_data(plan, request),
        *threads,
    ]
    return [
        ('importance', where.is_file() or not row.importance, weigh),
        (row.command, _is_finished(trial.run), words),
        ('export', (bundle / MANIFEST).is_file(), export),
        ('evaluate', trial.evaluation.is_file(), measure),
    ]


def _training(
    plan: Plan,
    request: Request,
    method: str,
    settings: Sequence[str],
    run: Path,
    command: str = 'train',
) -> list[str]:
    words = [command, str(plan.recipe), '--method', method, '--out', str(run)]
    words += [*_data(plan, request), '--device', request.device]
    words += ['--threads', str(request.threads)]
    words += [word for setting in settings for word in ('--set', setting)]
    return [*words, '--resume'] if (run / RUN).is_file() else words


def _data(plan: Plan, request: Request) -> list[str]:
    folder = request.data or plan.folder
    return ['--data', str(folder)] if folder else []


def _identity(trial: Trial, plan: Plan, base: Path) -> dict[str, Any]:
    """Return what decides the result of a trial."""
    digest = sha256(base / BASE)[:16] if trial.row.starts_from_base else None
    return {**identity_of(trial, plan), 'base': digest}


def _is_finished(run: Path) -> bool:
    return _read(run / RUN).get('finished') is True


def _note(trial: Trial, failure: str) -> None:
    path = trial.folder / 'trial.json'
    write_json(path, {**_read(path), 'failed': failure})


def _read(path: Path) -> dict[str, Any]:
    """Return a JSON file's content; nothing where it does not exist.

    Raises:
        RobustSegError: if it is not JSON.
    """
    if not path.is_file():
        return {}
    try:
        return dict(read_json(path, 'what a comparison wrote'))
    except (ConfigError, TypeError, ValueError) as error:
        raise RobustSegError(f'{error}; remove the folder of {path}') from error
