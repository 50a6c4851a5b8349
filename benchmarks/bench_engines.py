# Copyright 2026 mm_robust_seg maintainers
# SPDX-License-Identifier: Apache-2.0

"""Measure the inference engines of one bundle: switching, runtimes, memory, load time.

All figures are ratios in one run, or memory, so they compare across machines; each is a median
over rounds whose order rotates. Writes JSON and a table in Markdown. Run it on a quiet machine.
"""

from __future__ import annotations

import argparse
from collections.abc import Callable
from dataclasses import asdict, replace
import json
import os
from pathlib import Path
import platform
import subprocess
import sys
import tempfile
from typing import Any

import numpy as np

from benchmarks.engines.child import RUNTIMES
from benchmarks.engines.report import markdown, Report
from benchmarks.engines.timing import (
    flat,
    in_pairs,
    Inputs,
    random_inputs,
    ratio,
    side_by_side,
    Switches,
)
from mm_robust_seg.build import build_engine
from mm_robust_seg.bundle import Bundle, find_bundle, load_bundle
from mm_robust_seg.config import EngineConfig
from mm_robust_seg.engine.base import Engine
from mm_robust_seg.errors import EngineError, RobustSegError
from mm_robust_seg.files import write_bytes, write_json

EAGER = 'torch eager'
INT8 = 'openvino int8'
_WRAPPER_PAIRS = 60
_SHARES = {(2, 3): 0.78, (1, 3): 0.55}
"""Wanted time over that of complete input, by the number of sensors left and of all."""
_GPU = ('tensorrt', 'onnxruntime_cuda')


def main() -> None:
    """Run the benchmark and write its results."""
    arguments = _arguments()
    report = Report()
    report.note(
        f'{platform.machine()}, {os.cpu_count()} cores, Python {platform.python_version()}, '
        f'load average {os.getloadavg()[0]:.1f} at the start'
    )
    try:
        with tempfile.TemporaryDirectory() as cache:
            _measure(arguments, cache, report)
    except RobustSegError as error:
        raise SystemExit(f'error: {error}') from error
    rows = [{**asdict(figure), 'verdict': figure.verdict} for figure in report.figures]
    write_json(arguments.out, {'notes': report.notes, 'figures': rows})
    write_bytes(arguments.out.with_suffix('.md'), markdown(report).encode())
    print(f'written: {arguments.out} and {arguments.out.with_suffix(".md")}')


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument('--bundle', default='sim', help='folder or name (sim)')
    parser.add_argument('--int8-bundle', help='the same in int8, made by mm-robust-seg quantize')
    parser.add_argument('--rounds', type=int, default=9, help='rounds, at least 7 (9)')
    parser.add_argument('--threads', type=int, default=0, help='CPU threads (0: all cores)')
    parser.add_argument(
        '--out', type=Path, default=Path('out/bench/engines.json'), help='JSON; .md beside it'
    )
    arguments = parser.parse_args()
    if arguments.rounds < 7:
        parser.error(f'--rounds is {arguments.rounds}: expected at least 7 for a median')
    return arguments


def _measure(arguments: argparse.Namespace, cache: str, report: Report) -> None:
    bundle = load_bundle(find_bundle(arguments.bundle))
    int8 = load_bundle(find_bundle(arguments.int8_bundle)) if arguments.int8_bundle else None
    size = f'{bundle.inputs.width_px}x{bundle.inputs.height_px}'
    report.note(f'bundle {bundle.name}, network input {size}, {arguments.rounds} rounds')
    config = EngineConfig(threads=arguments.threads, cache=cache)
    backends = _usable(bundle, config, report)
    _progress('load time and memory, each in a process of its own')
    for backend in backends:
        _load_figures(bundle, replace(config, backend=backend), report)
    engines = {b: build_engine(replace(config, backend=b), bundle) for b in backends}
    inputs = random_inputs(bundle.inputs)
    for name, engine in engines.items():
        _progress(f'switching with {engine.description}')
        _switch_figures(name, engine, inputs, arguments.rounds, report)
        _wrapper_figure(name, engine, inputs, report)
    _progress('runtimes side by side')
    _runtime_figures(bundle, int8, engines, inputs, config, arguments.rounds, report)
    for engine in engines.values():
        engine.close()


def _usable(bundle: Bundle, config: EngineConfig, report: Report) -> list[str]:
    """List the backends that can be measured here; note why the others cannot."""
    usable = []
    for backend in RUNTIMES:
        try:
            engine = build_engine(replace(config, backend=backend), bundle)
        except EngineError as error:
            report.note(f'not measured: {error}')
        else:
            report.note(f'{backend}: {engine.description}')
            engine.close()
            usable.append(backend)
    return usable


def _load_figures(bundle: Bundle, config: EngineConfig, report: Report) -> None:
    """Configure in processes of their own: all combinations, and one to compare with."""
    name, count = config.backend, len(bundle.graphs)
    with tempfile.TemporaryDirectory() as empty:
        results = {n: _in_child(bundle, config, n) for n in sorted({1, 5, count}) if n <= count}
        if name == 'openvino':
            cold = _in_child(bundle, replace(config, cache=empty), count)
            report.add(f'{name}: configure, cold cache', cold['configure_s'], 's')
    for number, result in results.items():
        report.add(
            f'{name}: memory, {number} of {count} combinations', result['engine_mib'], 'MiB'
        )
    wanted = None if name in _GPU else 3.0
    report.add(f'{name}: configure, warm', results[count]['configure_s'], 's', wanted)
    for number in sorted(results)[1:]:
        share = results[number]['engine_mib'] / results[1]['engine_mib']
        bound = 1.6 if (name, number) == ('onnxruntime', 5) else None
        report.add(f'{name}: memory, {number} combinations over one', share, '', bound)


def _in_child(bundle: Bundle, config: EngineConfig, count: int) -> dict[str, Any]:
    command = [sys.executable, '-m', 'benchmarks.engines.child', str(bundle.path)]
    done = subprocess.run(
        [*command, json.dumps(asdict(config)), str(count)],
        capture_output=True,
        text=True,
        check=False,
    )
    if done.returncode:
        raise EngineError(f'{config.backend} failed in a process of its own: {done.stderr}')
    result: dict[str, Any] = json.loads(done.stdout)
    return result


def _switch_figures(
    name: str, engine: Engine, inputs: Inputs, rounds: int, report: Report
) -> None:
    switches = Switches()
    for turn in range(rounds):
        switches.walk(engine, inputs, turn)
        _progress(f'  walk {turn + 1} of {rounds}')
    ratios = flat(switches.first.values())
    worst = max(float(np.median(values)) for values in switches.first.values())
    steady_ms = 1e3 * float(np.median(switches.steady_s))
    report.add(f'{name}: complete input', steady_ms, 'ms')
    report.add(f'{name}: first frame after a switch, median', float(np.median(ratios)), '', 1.05)
    report.add(f'{name}: the same, p90', float(np.percentile(ratios, 90)), '', 1.20)
    report.add(f'{name}: the same, median of the worst pair', worst, '', 1.05)
    activate_us = 1e6 * float(np.median(switches.activate_s))
    report.add(f'{name}: activate()', activate_us, 'us', 100.0)
    total = len(engine.combinations[0])
    for count in range(total - 1, 0, -1):
        shares = [float(np.median(v)) for c, v in switches.share.items() if len(c) == count]
        if shares:
            title = f'{name}: {count} of {total} sensors over complete, worst'
            report.add(title, max(shares), '', _SHARES.get((count, total)))


def _wrapper_figure(name: str, engine: Engine, inputs: Inputs, report: Report) -> None:
    """Compare ``infer`` with the call of the runtime itself, on the same loaded graph."""
    engine.activate(engine.combinations[0])
    given = {m: inputs[m] for m in engine.active}
    prediction = engine.infer(given)
    size = prediction.labels.nbytes + prediction.confidence.nbytes
    report.add(f'{name}: output, bytes a pixel', size / prediction.labels.size, '', 2.0)
    bare = _bare(name, engine, {str(m): array for m, array in given.items()})
    if bare is None:
        report.note(f'{name}: the wrapper was not compared: bound memory has no bare call')
        return
    share = in_pairs(lambda: engine.infer(given), bare, _WRAPPER_PAIRS)
    report.add(f'{name}: engine over bare runtime call', share, '', 1.05)


def _bare(name: str, engine: Any, named: dict[str, Any]) -> Callable[[], object] | None:
    graph = engine._graphs[engine.active]
    if name == 'openvino':
        return lambda: graph._request.infer(named, share_inputs=True, share_outputs=True)
    if name == 'onnxruntime':
        return lambda: graph._session.run(None, named)
    return None


def _runtime_figures(
    bundle: Bundle,
    int8: Bundle | None,
    engines: dict[str, Engine],
    inputs: Inputs,
    config: EngineConfig,
    rounds: int,
    report: Report,
) -> None:
    """Run the complete input through every runtime and precision in turns."""
    measured = {f'{name} f32': engine for name, engine in engines.items()}
    for name, model, precision in (('openvino bf16', bundle, 'bf16'), (INT8, int8, 'f32')):
        if model is None:
            report.note(f'{name} was not measured: give --int8-bundle')
            continue
        try:
            chosen = replace(config, backend='openvino', precision=precision)
            measured[name] = build_engine(chosen, model)
        except EngineError as error:
            report.note(f'{name} was not measured: {error}')
    runners = {name: _complete(engine, inputs) for name, engine in measured.items()}
    eager = _eager(bundle, inputs, config.threads, report)
    if eager is not None:
        runners[EAGER] = eager
    samples = side_by_side(runners, rounds)
    for name in runners:
        report.add(
            f'{name}: complete input, in turns', 1e3 * float(np.median(samples[name])), 'ms'
        )
    low = [name for name in ('openvino bf16', INT8) if name in runners]
    if EAGER in runners:
        wanted = {'openvino f32': 0.5, 'onnxruntime f32': 0.75}
        for name in measured:
            report.add(f'{name} over {EAGER}', ratio(samples, name, EAGER), '', wanted.get(name))
        if low:
            best = min(ratio(samples, name, EAGER) for name in low)
            report.add(f'the faster of {" and ".join(low)} over {EAGER}', best, '', 0.32)
    for name in low:
        report.add(f'{name} over openvino f32', ratio(samples, name, 'openvino f32'), '', 0.70)
    for name in set(measured) - {f'{name} f32' for name in engines}:
        measured[name].close()


def _complete(engine: Engine, inputs: Inputs) -> Callable[[], object]:
    engine.activate(engine.combinations[0])
    given = {m: inputs[m] for m in engine.active}
    return lambda: engine.infer(given)


def _eager(
    bundle: Bundle, inputs: Inputs, threads: int, report: Report
) -> Callable[[], object] | None:
    """Return the exported network as PyTorch runs it, if PyTorch is there."""
    try:
        import torch  # noqa: PLC0415

        from mm_robust_seg.network.segmenter import Labeler  # noqa: PLC0415
        from mm_robust_seg.training.trained import load_trained  # noqa: PLC0415

        network = load_trained(bundle.path)[0]
    except (ImportError, RobustSegError) as error:
        report.note(f'{EAGER} was not measured: {error}')
        return None
    torch.set_num_threads(threads or os.cpu_count() or 1)
    images = [torch.from_numpy(inputs[m]) for m in network.modalities]
    labeler = Labeler(network, network.modalities).eval()

    def run() -> object:
        with torch.inference_mode():
            return labeler(*images)

    return run


def _progress(text: str) -> None:
    print(text, file=sys.stderr, flush=True)


if __name__ == '__main__':
    main()
