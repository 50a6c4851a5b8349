# Copyright 2026 mm_robust_seg maintainers
# SPDX-License-Identifier: Apache-2.0

"""Build a bundle's TensorRT engines here, compare them with ONNX Runtime and measure them.

Prints a table in Markdown, to be pasted into a report. Figures are of one run; the order of the
combinations rotates from round to round. Where TensorRT cannot run, it says why and ends well.
"""

from __future__ import annotations

import argparse
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
import platform
import time

import numpy as np
from numpy.typing import NDArray

from mm_robust_seg.bundle import Bundle, find_bundle, load_bundle
from mm_robust_seg.config import EngineConfig
from mm_robust_seg.datasets.samples import Sample
from mm_robust_seg.datasets.simulated import Simulated
from mm_robust_seg.engine.base import Engine
from mm_robust_seg.engine.onnxruntime import OnnxRuntimeEngine
from mm_robust_seg.engine.tensorrt.availability import tensorrt_version, why_unusable
from mm_robust_seg.engine.tensorrt.device_memory import DeviceFacts, find_device
from mm_robust_seg.engine.tensorrt.plans import PlanFolder, Target
from mm_robust_seg.errors import RobustSegError
from mm_robust_seg.modality import COMPLETE, Modality, ModalitySet
from mm_robust_seg.stages.preprocess import network_input

_RUNS_PER_TURN = 20
_SCENES, _SEED = 5, 1

Inputs = Mapping[Modality, NDArray[np.float32]]


@dataclass
class Samples:
    """What was measured of one combination, in seconds and ratios."""

    steady_s: list[float] = field(default_factory=list)
    first_s: list[float] = field(default_factory=list)
    activate_s: list[float] = field(default_factory=list)
    wrapper: list[float] = field(default_factory=list)
    labels: list[float] = field(default_factory=list)
    confidence: list[float] = field(default_factory=list)


def main() -> None:
    """Run the benchmark and print the table."""
    arguments = _arguments()
    config = EngineConfig(plans=arguments.plans, device_id=arguments.device_id)
    try:
        bundle = load_bundle(find_bundle(arguments.bundle))
        building = EngineConfig(
            plans=arguments.plans, device_id=arguments.device_id, on_mismatch='rebuild'
        )
        reason = why_unusable(bundle, building)
        if reason:
            print(f'TensorRT was not measured: {reason}')
            return
        _run(bundle, config, arguments.rounds)
    except RobustSegError as error:
        raise SystemExit(f'error: {error}') from error


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument('bundle', nargs='?', default='sim', help='folder or name (sim)')
    parser.add_argument('--plans', default='', help='folder of engines (that of the user)')
    parser.add_argument('--device-id', type=int, default=0, help='GPU, as CUDA counts (0)')
    parser.add_argument('--rounds', type=int, default=50, help='rounds (50)')
    return parser.parse_args()


def _run(bundle: Bundle, config: EngineConfig, rounds: int) -> None:
    from mm_robust_seg.engine.tensorrt.engine import TensorRtEngine  # noqa: PLC0415
    from mm_robust_seg.engine.tensorrt.plan_builder import build_plans  # noqa: PLC0415

    facts = find_device(config.device_id)
    folder = PlanFolder(bundle, config.plans)
    target = Target.on(facts, tensorrt_version(), folder.precision)
    start_s = time.perf_counter()
    built = build_plans(folder, target, config.device_id)
    build_s = time.perf_counter() - start_s
    start_s = time.perf_counter()
    engine = TensorRtEngine(bundle, config)
    load_s = time.perf_counter() - start_s
    samples: dict[ModalitySet, Samples] = defaultdict(Samples)
    world = Simulated(_SCENES, _SEED, bundle.inputs.width_px, bundle.inputs.height_px)
    scenes = [world[number] for number in range(len(world))]
    try:
        reference = OnnxRuntimeEngine(bundle, EngineConfig(warmup_iterations=1))
        _compare(engine, reference, bundle, scenes, samples)
        for turn in range(rounds):
            _measure(engine, bundle, scenes, turn, samples)
    finally:
        engine.close()
    sizes = sum(folder.plan_of(source).stat().st_size for source in folder.sources)
    print(_machine(facts, target, bundle, engine))
    print(
        f'- {len(built)} engines built in {build_s:.0f} s, {sizes / 1e6:.0f} MB together; loaded '
        f'and warmed in {load_s:.2f} s; {rounds} rounds of {_RUNS_PER_TURN}'
    )
    print(_table(samples))


def _inputs(bundle: Bundle, combination: ModalitySet, scene: Sample) -> Inputs:
    return {m: network_input(m, scene.images[m], bundle.inputs)[np.newaxis] for m in combination}


def _compare(
    engine: Engine,
    reference: Engine,
    bundle: Bundle,
    scenes: Sequence[Sample],
    samples: dict[ModalitySet, Samples],
) -> None:
    """Take the share of equal labels, and of confidences at most one of 255 steps apart.

    On simulated scenes, since in noise even correct half precision changes more labels.
    """
    for combination in engine.combinations:
        engine.activate(combination)
        reference.activate(combination)
        for scene in scenes:
            inputs = _inputs(bundle, combination, scene)
            ours, theirs = engine.infer(inputs), reference.infer(inputs)
            steps = np.abs(ours.confidence.astype(int) - theirs.confidence.astype(int))
            samples[combination].labels.append(float((ours.labels == theirs.labels).mean()))
            samples[combination].confidence.append(float((steps <= 1).mean()))
    reference.close()


def _measure(
    engine: Engine,
    bundle: Bundle,
    scenes: Sequence[Sample],
    turn: int,
    samples: dict[ModalitySet, Samples],
) -> None:
    """Switch through all combinations, each time a first run and then steady ones."""
    order = engine.combinations
    start = turn % len(order)
    for combination in order[start:] + order[:start]:
        inputs = _inputs(bundle, combination, scenes[turn % len(scenes)])
        found = samples[combination]
        start_s = time.perf_counter()
        engine.activate(combination)
        found.activate_s.append(time.perf_counter() - start_s)
        found.first_s.append(engine.infer(inputs).duration_s)
        for _ in range(_RUNS_PER_TURN):
            start_s = time.perf_counter()
            duration_s = engine.infer(inputs).duration_s
            found.steady_s.append(duration_s)
            found.wrapper.append((time.perf_counter() - start_s) / duration_s)


def _machine(facts: DeviceFacts, target: Target, bundle: Bundle, engine: Engine) -> str:
    size = f'{bundle.inputs.width_px}x{bundle.inputs.height_px}'
    release = Path('/etc/nv_tegra_release')
    board = release.read_text().splitlines()[0].strip('# ') if release.is_file() else ''
    lines = [
        f'{engine.description}',
        f'bundle {bundle.name}, {size}, {target.precision}',
        f'{platform.platform()}, Python {platform.python_version()}'
        + (f', {board}' if board else ''),
        f'driver {facts.driver}, CUDA {facts.cuda}, '
        f'{"memory shared with the CPU" if facts.is_integrated else "memory of its own"}',
    ]
    return '\n'.join(f'- {line}' for line in lines)


def _table(samples: Mapping[ModalitySet, Samples]) -> str:
    whole = samples.get(COMPLETE) or next(iter(samples.values()))
    lines = [
        '',
        '| combination | p50 ms | p99 ms | of complete | after switch: p50 | p90 | activate us '
        '| wrapper | labels as ONNX Runtime | confidence |',
        '|---|---|---|---|---|---|---|---|---|---|',
    ]
    for combination, found in samples.items():
        steady_s = float(np.median(found.steady_s))
        first = np.array(found.first_s) / steady_s
        cells = [
            str(combination),
            f'{1e3 * steady_s:.2f}',
            f'{1e3 * np.percentile(found.steady_s, 99):.2f}',
            f'{steady_s / np.median(whole.steady_s):.2f}',
            f'{np.median(first):.2f}',
            f'{np.percentile(first, 90):.2f}',
            f'{1e6 * np.median(found.activate_s):.1f}',
            f'{np.median(found.wrapper):.3f}',
            f'{100 * np.mean(found.labels):.2f} %',
            f'{100 * np.mean(found.confidence):.2f} %',
        ]
        lines.append(f'| {" | ".join(cells)} |')
    return '\n'.join(lines)


if __name__ == '__main__':
    main()
