# Copyright 2026 mm_robust_seg maintainers
# SPDX-License-Identifier: Apache-2.0

"""Give the commands hostile bundles, bags, recipes and scenarios, and see how each run ends.

Every case is a good input with one thing changed, made anew from its number and the seed. It is
to end within 5 s of computing and 500 MB, with exit code 2 and one sentence for people: no
traceback, nothing that acts on a terminal, no endless quotation. A case runs in a process of its
own, forked from one that has imported everything; its memory is the most that was resident. One
that has not ended after two minutes hangs, and is ended.
"""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import asdict, dataclass
from importlib import import_module
import os
from pathlib import Path
from random import Random
import shutil
import signal
import sys
import tempfile
import time
import traceback
from typing import Any

from benchmarks.hostile import bags, bundles
from benchmarks.hostile.files import write_yaml
from mm_robust_seg import build, cli
from mm_robust_seg.bundle import find_bundle
from mm_robust_seg.files import shipped, write_json
from mm_robust_seg.report.progress import watched
from mm_robust_seg.report.terminal import TerminalProgress

MOST_S, MOST_MB, LONGEST_SENTENCE = 5.0, 500.0, 2000
KINDS = ('bundle', 'bag', 'recipe', 'scenario')
_SHARES = {'bundle': 3, 'bag': 1, 'recipe': 1, 'scenario': 1}
_BUNDLE = 'nyuv2_13'
_BACKENDS = ('onnxruntime', 'openvino')
_PATIENCE_S = 120.0


@dataclass(frozen=True)
class Ending:
    """How a case ended.

    Attributes:
        seconds: of computing, by all threads.
        faults: what was not as it should be.
    """

    kind: str
    number: int
    change: str
    code: int
    seconds: float
    megabytes: float
    said: str
    faults: tuple[str, ...]


def main() -> int:
    """Run all cases, print what ended otherwise, write the results."""
    arguments = _arguments()
    _import_everything()
    count = {kind: arguments.count * share // 6 for kind, share in _SHARES.items()}
    cases = [(kind, number) for kind in arguments.kinds for number in range(count[kind])]
    cases = [case for case in cases if arguments.only in (None, case[1])]
    endings = []
    with tempfile.TemporaryDirectory() as scratch, TerminalProgress() as progress:
        good = bags.write_good(Path(scratch) / 'good')
        for kind, number in watched(cases, progress, 'cases', len(cases)):
            folder = Path(scratch) / f'{kind}-{number}'
            folder.mkdir()
            ending = _run(kind, number, arguments.seed, folder, good)
            endings.append(ending)
            if ending.faults:
                progress.say(f'{kind} {number} ({ending.change}): {"; ".join(ending.faults)}')
                progress.say(f'    {ending.said[-300:]}')
            shutil.rmtree(folder, ignore_errors=True)
    summary = _summary(endings)
    print('\n'.join(f'{name}: {value}' for name, value in summary.items()))
    results = {'seed': arguments.seed, **summary, 'cases': [asdict(ending) for ending in endings]}
    write_json(arguments.out / 'hostile.json', results)
    return 1 if summary['otherwise'] else 0


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument('--count', type=int, default=600, help='cases, half of them bundles (600)')
    parser.add_argument('--seed', type=int, default=0, help='of all cases (0)')
    parser.add_argument('--kinds', nargs='+', choices=KINDS, default=KINDS, help='only these')
    parser.add_argument('--only', type=int, help='one number of each kind, to look into it')
    parser.add_argument('--out', type=Path, default=Path('out/bench'), help='folder (out/bench)')
    return parser.parse_args()


def _import_everything() -> None:
    """Import what the commands import when they are used, before any process is forked.

    OpenVINO is left to the processes: it does not survive a fork.
    """
    build.find_engine('onnxruntime')
    for name in ('break_bag', 'replay', 'train'):
        import_module(f'mm_robust_seg.commands.{name}')


def _run(kind: str, number: int, seed: int, folder: Path, good: Path) -> Ending:
    random = Random(f'{seed} {kind} {number}')
    change, words = _case(kind, random, folder, good)
    child = os.fork()
    if child == 0:
        _play(words, folder)
    code, seconds, megabytes = _waited(child, time.monotonic() + _PATIENCE_S)
    said = (folder / 'stderr').read_text(errors='replace')
    faults = _faults(code, seconds, megabytes, said)
    return Ending(kind, number, change, code, round(seconds, 2), megabytes, said[-2000:], faults)


def _case(kind: str, random: Random, folder: Path, good: Path) -> tuple[str, list[str]]:
    """Write a case; return what is wrong with it, and the command that it is given to."""
    out = ['--out', str(folder / 'out')]
    engine = ['--backend', random.choice(_BACKENDS), '--set', 'engine.cache=off']
    replay = [*out, '--no-pictures', '--limit', '2', *engine]
    if kind == 'bundle':
        change = bundles.write(find_bundle(_BUNDLE), folder / 'bundle', random)
        return change, ['replay', str(good), '--bundle', str(folder / 'bundle'), *replay]
    if kind == 'bag':
        change, path = bags.write(folder, random)
        return change, ['replay', str(path), '--bundle', _BUNDLE, *replay]
    given = 'config/train_sim.yaml' if kind == 'recipe' else 'config/demo_scenario.yaml'
    write_yaml(shipped(given), folder / 'given.yaml', random)
    if kind == 'recipe':
        return 'YAML', ['train', str(folder / 'given.yaml'), *out]
    return 'YAML', ['break-bag', str(good), '--scenario', str(folder / 'given.yaml'), *out]


def _play(words: Sequence[str], folder: Path) -> None:
    """Be the process of a command."""
    code = 1
    try:
        for name, number in (('stdout', 1), ('stderr', 2)):
            os.dup2(os.open(folder / name, os.O_WRONLY | os.O_CREAT), number)
        code = cli.main(words)
    except BaseException:
        traceback.print_exc()
    finally:
        with suppress(Exception):
            sys.stdout.flush()
            sys.stderr.flush()
        os._exit(code)


def _waited(child: int, end_s: float) -> tuple[int, float, float]:
    """Wait for a process, or end it; return its code, its seconds and the most megabytes."""
    while True:
        ended, status, usage = os.wait4(child, os.WNOHANG)
        if ended:
            seconds = usage.ru_utime + usage.ru_stime
            return os.waitstatus_to_exitcode(status), seconds, round(usage.ru_maxrss / 1024, 1)
        if time.monotonic() > end_s:
            os.kill(child, signal.SIGKILL)
            end_s = float('inf')
        time.sleep(0.01)


def _faults(code: int, seconds: float, megabytes: float, said: str) -> tuple[str, ...]:
    lines = [line for line in said.splitlines() if line]
    sentences = [line for line in lines if line.startswith(f'{cli.PROGRAM}: ')]
    faults = {
        f'exit code {code}': code != cli.WRONG_INPUT,
        f'{seconds:.1f} s': seconds > MOST_S,
        f'{megabytes:.0f} MB': megabytes > MOST_MB,
        f'{len(sentences)} sentences': len(sentences) != 1,
        'a traceback': 'Traceback' in said,
        f'{len(said)} characters': len(said) > LONGEST_SENTENCE,
        'control characters': not all(line.isprintable() for line in lines),
    }
    return tuple(name for name, is_so in faults.items() if is_so)


def _summary(endings: Sequence[Ending]) -> dict[str, Any]:
    return {
        'endings': len(endings),
        'otherwise': sum(bool(ending.faults) for ending in endings),
        'longest_s': max((ending.seconds for ending in endings), default=0.0),
        'most_mb': max((ending.megabytes for ending in endings), default=0.0),
    }


if __name__ == '__main__':
    sys.exit(main())
