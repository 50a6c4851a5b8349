# Copyright 2026 mm_robust_seg maintainers
# SPDX-License-Identifier: Apache-2.0

"""Measure what a mask costs: inference by combination, switching, and everything around it.

Images of 640x480 from the simulated rig go through the pipeline of a bundle. All figures come
from one run, and those that matter are ratios, so they compare across machines; each is the
median over rounds in which the order of the combinations rotates.
"""

from __future__ import annotations

import argparse
from collections import defaultdict
from collections.abc import Callable, Iterator, Mapping
from dataclasses import replace
from pathlib import Path
import time
from typing import Any, TypeVar

import numpy as np
from numpy.typing import NDArray

from mm_robust_seg.build import build_pipeline
from mm_robust_seg.bundle import Bundle, find_bundle, load_bundle
from mm_robust_seg.config import Config
from mm_robust_seg.dataflow import Frame, RawImage
from mm_robust_seg.engine.base import Engine
from mm_robust_seg.errors import RobustSegError
from mm_robust_seg.files import write_json
from mm_robust_seg.modality import COMPLETE, Modality, ModalitySet
from mm_robust_seg.pipeline import Pipeline
from mm_robust_seg.schema import with_values
from mm_robust_seg.simulation import Conditions, SimulatedCameras, World
from mm_robust_seg.stages.health import HealthMonitor
from mm_robust_seg.stages.mask import to_reference
from mm_robust_seg.stages.preprocess import prepare
from mm_robust_seg.stages.sensors import decode
from mm_robust_seg.stages.synchronizer import Synchronizer

_PERIOD_NS = 33_333_333
_SETS_PER_ROUND = 8
_STEADY_RUNS = 4

T = TypeVar('T')
Samples = dict[str, list[float]]


def main() -> None:
    """Run the benchmark, print the figures and write them as JSON."""
    arguments = _arguments()
    values: dict[str, Any] = {
        'engine.backend': arguments.backend,
        'engine.precision': arguments.precision,
        'engine.threads': arguments.threads,
    }
    try:
        config = with_values(Config(), values)
        bundle = load_bundle(find_bundle(arguments.bundle))
        pipeline, engine = build_pipeline(config, bundle, 0)
    except RobustSegError as error:
        raise SystemExit(f'error: {error}') from error
    captures = _captures(arguments.width, arguments.height)
    samples: Samples = defaultdict(list)
    sets = _sets(captures)
    stages = _Stages(config, bundle, engine, samples)
    for number in range(arguments.rounds):
        for _ in range(_SETS_PER_ROUND):
            images, now_ns = next(sets)
            _time_pipeline(pipeline, images, now_ns, samples)
            stages.time(images, now_ns)
        _time_combinations(engine, bundle, number, samples)
    result: dict[str, Any] = {
        'bundle': bundle.name,
        'engine': engine.description,
        'input': f'{arguments.width}x{arguments.height}',
        'network': f'{bundle.inputs.width_px}x{bundle.inputs.height_px}',
        'rounds': arguments.rounds,
        **_figures(samples),
    }
    for key, value in result.items():
        print(f'{key}: {value}')
    write_json(arguments.out, result)


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument('bundle', nargs='?', default='sim', help='folder or name (sim)')
    parser.add_argument('--backend', default='auto', help='engine.backend (auto)')
    parser.add_argument('--precision', default='f32', help='engine.precision (f32)')
    parser.add_argument('--threads', type=int, default=0, help='engine.threads (0: all cores)')
    parser.add_argument('--rounds', type=int, default=9, help='rounds, at least 7 (9)')
    parser.add_argument('--width', type=int, default=640, help='image width in pixels (640)')
    parser.add_argument('--height', type=int, default=480, help='image height in pixels (480)')
    parser.add_argument(
        '--out', type=Path, default=Path('out/bench/pipeline.json'), help='result file'
    )
    arguments = parser.parse_args()
    if arguments.rounds < 7:
        parser.error(f'--rounds is {arguments.rounds}: expected at least 7 for a median')
    return arguments


def _captures(width: int, height: int) -> list[dict[Modality, RawImage]]:
    """Return the messages of some moments, stamps still 0."""
    cameras = SimulatedCameras(World(1), Conditions(), width, height)
    moments = []
    for number in range(_SETS_PER_ROUND):
        capture = cameras.capture(0.5 * number)
        moments.append(
            {
                Modality.RGB: _message(Modality.RGB, 'rgb8', capture.rgb),
                Modality.THERMAL: _message(Modality.THERMAL, '16UC1', capture.thermal),
                Modality.DEPTH: _message(Modality.DEPTH, '16UC1', capture.depth),
            }
        )
    return moments


def _message(modality: Modality, encoding: str, image: NDArray[Any]) -> RawImage:
    height, width = image.shape[:2]
    step_bytes = image.nbytes // height
    return RawImage(modality, 0, height, width, encoding, step_bytes, image.tobytes())


def _sets(
    captures: list[dict[Modality, RawImage]],
) -> Iterator[tuple[dict[Modality, RawImage], int]]:
    """Yield messages at 30 Hz and the time of their arrival, for ever."""
    now_ns = 0
    while True:
        for capture in captures:
            now_ns += _PERIOD_NS
            yield {m: replace(raw, stamp_ns=now_ns) for m, raw in capture.items()}, now_ns


def _timed(samples: Samples, name: str, function: Callable[..., T], *arguments: Any) -> T:
    start_s = time.perf_counter()
    result = function(*arguments)
    samples[name].append(time.perf_counter() - start_s)
    return result


def _time_pipeline(
    pipeline: Pipeline, images: Mapping[Modality, RawImage], now_ns: int, samples: Samples
) -> None:
    """Take one set of images all the way; the overhead is what inference did not take."""
    start_s = time.perf_counter()
    for raw in images.values():
        pipeline.offer(raw, now_ns)
    segmentation = pipeline.step(now_ns)
    total_s = time.perf_counter() - start_s
    if segmentation is not None and segmentation.combination == COMPLETE:
        samples['total'].append(total_s)
        samples['inference'].append(segmentation.inference_s)
        samples['overhead'].append(total_s - segmentation.inference_s)


class _Stages:
    """The stages one by one, with state of their own, on the images the pipeline gets."""

    def __init__(self, config: Config, bundle: Bundle, engine: Engine, samples: Samples) -> None:
        self._config, self._bundle, self._samples = config, bundle, samples
        self._synchronizer = Synchronizer(config)
        self._health = HealthMonitor(config, 0)
        self._engine = engine

    def time(self, images: Mapping[Modality, RawImage], now_ns: int) -> None:
        """Time every stage but the engine on one set."""
        samples, spec = self._samples, self._bundle.inputs
        frames = {}
        for modality, raw in images.items():
            frame = _timed(samples, f'decode_{modality}', decode, raw, self._config.inputs, now_ns)
            if not isinstance(frame, Frame):
                raise SystemExit(f'error: the simulated image was rejected: {frame.detail}')
            _timed(samples, 'health', self._health.observe, frame, now_ns)
            _timed(samples, 'synchronise_offer', self._synchronizer.offer, frame)
            frames[modality] = frame
        _timed(samples, 'assess', self._health.assess, now_ns)
        _timed(samples, 'synchronise_take', self._synchronizer.take, now_ns, COMPLETE)
        inputs = _timed(samples, 'preprocess', prepare, frames, spec)
        self._engine.activate(COMPLETE)
        prediction = self._engine.infer(inputs)
        size = frames[Modality.RGB].image.shape[:2]
        _timed(samples, 'mask', to_reference, prediction, *size)


def _time_combinations(engine: Engine, bundle: Bundle, turn: int, samples: Samples) -> None:
    """Switch through all combinations, each time a first run and some steady ones."""
    rng = np.random.default_rng(turn)
    spec, order = bundle.inputs, engine.combinations
    size = (spec.height_px, spec.width_px)
    inputs = {
        m: rng.standard_normal((1, spec.channels(m), *size)).astype(np.float32)
        for m in spec.normalizations
    }
    steady = {}
    for combination in order[turn % len(order) :] + order[: turn % len(order)]:
        _timed(samples, 'activate', engine.activate, combination)
        given = {m: inputs[m] for m in combination}
        first_s = engine.infer(given).duration_s
        runs_s = [engine.infer(given).duration_s for _ in range(_STEADY_RUNS)]
        steady[combination] = float(np.median(runs_s))
        samples['first_after_switch'].append(first_s / steady[combination])
    for combination, duration_s in steady.items():
        samples[f'ratio_{combination}'].append(duration_s / steady[COMPLETE])


def _figures(samples: Samples) -> dict[str, float]:
    """Reduce the samples to medians, in ms, and ratios."""
    median = {name: float(np.median(values)) for name, values in samples.items()}
    ratios = {name: value for name, value in median.items() if name.startswith('ratio_')}

    def worst(count: int) -> float:
        return max(
            value
            for name, value in ratios.items()
            if len(ModalitySet.parse(name.removeprefix('ratio_'))) == count
        )

    decode_s = sum(median[f'decode_{m}'] for m in Modality)
    synchronise_s = 3 * median['synchronise_offer'] + median['synchronise_take']
    milliseconds = {
        'inference_ms': median['inference'],
        'total_ms': median['total'],
        'overhead_ms': median['overhead'],
        'decode_ms': decode_s,
        'synchronise_ms': synchronise_s,
        'health_ms': 3 * median['health'] + median['assess'],
        'health_frame_ms': median['health'],
        'monitor_and_synchroniser_ms': 3 * median['health'] + median['assess'] + synchronise_s,
        'preprocess_ms': median['preprocess'],
        'mask_ms': median['mask'],
        'activate_ms': median['activate'],
    }
    switches = samples['first_after_switch']
    return {
        **{name: round(1e3 * value, 4) for name, value in milliseconds.items()},
        'overhead_ratio': round(median['overhead'] / median['inference'], 3),
        'activate_ratio': round(median['activate'] / median['inference'], 6),
        'two_sensors_ratio': round(worst(2), 3),
        'one_sensor_ratio': round(worst(1), 3),
        'first_after_switch_median': round(float(np.median(switches)), 3),
        'first_after_switch_p90': round(float(np.percentile(switches, 90)), 3),
        **{name: round(value, 3) for name, value in ratios.items()},
    }


if __name__ == '__main__':
    main()
