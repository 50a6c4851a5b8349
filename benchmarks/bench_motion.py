# Copyright 2026 mm_robust_seg maintainers
# SPDX-License-Identifier: Apache-2.0

"""Measure what moving held images with the scene costs, and what it is worth.

Cost: of the small pictures, the flow and the warp, beside an inference of the same run. Worth: on
the simulated street, masks with a thermal image of the moment against masks with the newest one of
a slower camera, plainly held, moved, or left out; and the same with RGB out. The intervals are
those of the differences, from resampled worlds. At rest: how many pixels change their label from
one mask to the next.
"""

from __future__ import annotations

import argparse
from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
import time
from typing import Any, TypeVar

import numpy as np
from numpy.typing import NDArray

from benchmarks.motion_scenes import (
    DRIVE,
    frames_of,
    Moment,
    moments,
    RATE_HZ,
    REST,
    sequence,
    TURN,
    TURN_DRIVING,
)
from mm_robust_seg.build import build_engine
from mm_robust_seg.bundle import Bundle, find_bundle, load_bundle
from mm_robust_seg.config import Config, EngineConfig
from mm_robust_seg.dataflow import Frame, FrameSet
from mm_robust_seg.engine.base import Engine
from mm_robust_seg.errors import RobustSegError
from mm_robust_seg.files import write_json
from mm_robust_seg.modality import Modality, ModalitySet
from mm_robust_seg.scores.bootstrap import interval, multiplicities, resampled, resampled_miou
from mm_robust_seg.scores.metrics import ConfusionMatrix, miou_of
from mm_robust_seg.simulation import Conditions, SceneClass, SimulatedCameras, World
from mm_robust_seg.stages.motion import SceneMotion, warp
from mm_robust_seg.stages.motion.pictures import picture_of
from mm_robust_seg.stages.preprocess import prepare

Float = NDArray[np.float32]
Inputs = Mapping[Modality, Float]
T = TypeVar('T')

RGB, THERMAL, DEPTH = Modality.RGB, Modality.THERMAL, Modality.DEPTH
COURSES = (TURN, TURN_DRIVING, DRIVE)
_PER_WORLD = 4
_RUN_LENGTH = 20
_DEPTH_STEP = 2
_OBJECTS = (SceneClass.VEHICLE, SceneClass.PERSON, SceneClass.POLE)
_ROUNDS = 40


class Network:
    """The networks of a bundle."""

    def __init__(self, bundle: Bundle, engine: Engine) -> None:
        self.bundle, self._engine = bundle, engine

    def inputs(self, frames: Mapping[Modality, Frame]) -> dict[Modality, Float]:
        """Return the network inputs of frames."""
        return prepare(frames, self.bundle.inputs)

    def labels(self, inputs: Inputs) -> NDArray[np.uint8]:
        """Run the network of exactly these inputs."""
        self._engine.activate(ModalitySet(inputs))
        return self._engine.infer(inputs).labels


def main() -> None:
    """Run the benchmark, print the figures and write them as JSON."""
    arguments = _arguments()
    try:
        bundle = load_bundle(find_bundle(arguments.bundle))
        engine = build_engine(EngineConfig(backend=arguments.backend), bundle)
    except RobustSegError as error:
        raise SystemExit(f'error: {error}') from error
    network = Network(bundle, engine)
    ages_s = (arguments.later_ms / 1e3, arguments.later_ms / 1e3 + 1 / arguments.rate_hz)
    result: dict[str, Any] = {
        'bundle': bundle.name,
        'engine': engine.description,
        'worlds': arguments.worlds,
        'seed': arguments.seed,
        'age_s': ages_s,
        'cost': cost(network),
        'scenes': {
            course.name: scores(
                network,
                moments(course, arguments.worlds, _PER_WORLD, ages_s, arguments.seed),
                arguments.worlds,
            )
            for course in COURSES
        },
        'rest': rest(network, arguments.worlds, arguments.rate_hz, arguments.seed),
    }
    _print(result)
    write_json(arguments.out, result)


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument('bundle', nargs='?', default='sim', help='folder or name (sim)')
    parser.add_argument('--backend', default='openvino', help='engine.backend (openvino)')
    parser.add_argument('--worlds', type=int, default=8, help='worlds of each scene (8)')
    parser.add_argument('--seed', type=int, default=1, help='seed of worlds and moments (1)')
    parser.add_argument('--rate-hz', type=float, default=9.0, help='of the thermal camera (9)')
    parser.add_argument(
        '--later-ms', type=float, default=16.0, help='how much later than RGB it arrives (16)'
    )
    parser.add_argument(
        '--out', type=Path, default=Path('out/bench/motion.json'), help='result file'
    )
    arguments = parser.parse_args()
    if arguments.worlds < 2:
        parser.error(f'--worlds is {arguments.worlds}: expected at least 2 for an interval')
    return arguments


def cost(network: Network) -> dict[str, float]:
    """Return median times in ms with images of 640x480, and ratios to an inference."""
    cameras = SimulatedCameras(World(1), Conditions(), 640, 480)
    captures = [frames_of(cameras.capture(number / RATE_HZ)) for number in range(5)]
    samples: dict[str, list[float]] = defaultdict(list)

    def timed(name: str, function: Callable[..., T], *arguments: Any) -> T:
        start_s = time.perf_counter()
        value = function(*arguments)
        samples[name].append((time.perf_counter() - start_s) * 1e3)
        return value

    now, moment_ns = captures[-1], captures[-1][RGB].stamp_ns
    inputs = network.inputs(now)
    for number in range(_ROUNDS):
        for modality, frame in now.items():
            timed(f'observe_{modality}', picture_of, frame)
        motion, held = SceneMotion(Config()), captures[number % 3]
        for frames in captures:
            motion.observe(frames[RGB])
        flow = timed('flow', motion.flow, held[RGB].stamp_ns, moment_ns, [RGB])
        if flow is not None:
            timed('warp_thermal', warp, inputs[THERMAL][0], flow.vectors)
            timed('warp_depth', warp, inputs[DEPTH][0], flow.vectors)
        timed('inference', network.labels, inputs)
    median = {name: float(np.median(values)) for name, values in samples.items()}
    median['one_held'] = median['flow'] + median['warp_thermal']
    median['two_held'] = median['one_held'] + median['warp_depth']
    ratios = {
        f'{name}_ratio': median[name] / median['inference'] for name in ('one_held', 'two_held')
    }
    return {**{f'{name}_ms': round(value, 3) for name, value in median.items()}, **ratios}


def scores(network: Network, scene: Iterable[Moment], worlds: int) -> dict[str, Any]:
    """Return the mIoU of each way to use the thermal camera, with all sensors and without RGB."""
    classes = len(network.bundle.classes)
    sources = {'all sensors': RGB, 'no RGB': DEPTH}
    counts: dict[str, dict[str, NDArray[np.int64]]] = {name: {} for name in sources}
    known: dict[str, list[bool]] = {name: [] for name in sources}
    for moment in scene:
        for name, source in sources.items():
            ways, is_known = _ways(network, moment, source)
            known[name].append(is_known)
            for way, inputs in ways.items():
                one = ConfusionMatrix(classes)
                one.add(network.labels(inputs), moment.labels)
                empty = np.zeros((worlds, *one.counts.shape), np.int64)
                counts[name].setdefault(way, empty)[moment.world] += one.counts
    weights = multiplicities(worlds)
    return {
        name: {'known': float(np.mean(known[name])), 'ways': compared(ways, weights)}
        for name, ways in counts.items()
    }


def _ways(
    network: Network, moment: Moment, source: Modality
) -> tuple[dict[str, dict[Modality, Float]], bool]:
    """Return the inputs for each way to use thermal, and whether ``source`` told the motion."""
    motion = SceneMotion(Config())
    for frames in (moment.before, moment.now):
        motion.observe(frames[source])
    now = {m: frame for m, frame in moment.now.items() if m in (source, THERMAL, DEPTH)}
    late = {**now, THERMAL: moment.held[THERMAL]}
    inputs, frames = network.inputs(late), FrameSet(late, source, 0, 0)
    moved, inside = motion.compensate(inputs, frames, [source])
    filled, _ = motion.compensate(inputs, frames, [source], 0.0)
    ways = {
        '30 Hz': network.inputs(now),
        'held': inputs,
        'moved': moved,
        'moved, filled': filled,
        'left out': {m: image for m, image in inputs.items() if m is not THERMAL},
    }
    return ways, bool(inside)


def compared(
    counts: Mapping[str, NDArray[np.int64]], weights: NDArray[np.float64]
) -> dict[str, dict[str, float | tuple[float, float]]]:
    """Return the mIoU of each way, and its difference to the camera of 30 Hz with interval."""
    resamples = {way: resampled_miou(one, weights) for way, one in counts.items()}
    table = {}
    for way, one in counts.items():
        miou = float(miou_of(one.sum(0)))
        difference = miou - float(miou_of(counts['30 Hz'].sum(0)))
        spread = interval(resamples[way] - resamples['30 Hz'], difference)
        table[way] = {'miou': miou, 'difference': difference, 'interval': spread}
    return table


def rest(network: Network, worlds: int, rate_hz: float, seed: int) -> dict[str, Any]:
    """Return which share of the object pixels changes its label from one mask to the next."""
    changed: dict[str, list[tuple[int, int]]] = defaultdict(list)
    moved_masks = masks = 0
    for world in range(worlds):
        captures = sequence(REST, _RUN_LENGTH, seed + world)
        objects = np.isin(captures[0].labels, _OBJECTS)
        frames = [frames_of(capture) for capture in captures]
        motion, labels = SceneMotion(Config()), defaultdict(list)
        for number, now in enumerate(frames):
            motion.observe(now[RGB])
            turn = int(number * rate_hz / RATE_HZ)
            late = {
                **now,
                THERMAL: frames[round(np.ceil(turn * RATE_HZ / rate_hz))][THERMAL],
                DEPTH: frames[number - number % _DEPTH_STEP][DEPTH],
            }
            held = network.inputs(late)
            moved, inside = motion.compensate(held, FrameSet(late, RGB, 0, 0), [RGB])
            moved_masks, masks = moved_masks + bool(inside), masks + 1
            labels['30/30/30'].append(network.labels(network.inputs(now)))
            labels['held'].append(network.labels(held))
            labels['moved'].append(network.labels(moved))
        for way, maps in labels.items():
            stack = np.stack(maps)[:, objects]
            changes = np.count_nonzero(stack[1:] != stack[:-1])
            changed[way].append((changes, (len(maps) - 1) * stack.shape[1]))
    weights = multiplicities(worlds)
    first = np.array(changed['30/30/30'])
    table = {}
    for way, pairs in changed.items():
        counts = np.array(pairs)
        share, other = (float(np.divide(*c.sum(0))) for c in (counts, first))
        spread = _ratio(resampled(counts, weights)) - _ratio(resampled(first, weights))
        difference = share - other
        table[way] = {
            'changed': share,
            'difference': difference,
            'interval': interval(spread, difference),
        }
    return {'ways': table, 'moved_masks': moved_masks / masks}


def _ratio(counts: NDArray[np.float64]) -> NDArray[np.float64]:
    ratio: NDArray[np.float64] = counts[:, 0] / counts[:, 1]
    return ratio


def _print(result: Mapping[str, Any]) -> None:
    """Print the figures; scores in percent."""
    for key in ('bundle', 'engine', 'worlds', 'seed'):
        print(f'{key}: {result[key]}')
    print('thermal age: {:.0f} to {:.0f} ms'.format(*(1e3 * age_s for age_s in result['age_s'])))
    for name, value in result['cost'].items():
        print(f'{name}: {value:.3f}')
    for scene, sets in result['scenes'].items():
        for sensors, table in sets.items():
            print(f'{scene}, {sensors} (motion known: {table["known"]:.0%}), mIoU:')
            for way, row in table['ways'].items():
                _print_row(way, row['miou'], row)
    moved = result['rest']['moved_masks']
    print(f'rest, 30/9/15 (motion known: {moved:.0%}), object pixels that change:')
    for way, row in result['rest']['ways'].items():
        _print_row(way, row['changed'], row)


def _print_row(way: str, share: float, row: Mapping[str, Any]) -> None:
    low, high, difference = (100 * value for value in (*row['interval'], row['difference']))
    print(f'  {way:14s} {100 * share:6.2f}  {difference:+6.2f} [{low:+.2f}, {high:+.2f}]')


if __name__ == '__main__':
    main()
