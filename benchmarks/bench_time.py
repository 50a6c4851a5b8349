# Copyright 2026 mm_robust_seg maintainers
# SPDX-License-Identifier: Apache-2.0

"""Measure what becomes of cameras that differ in rate, phase and latency, or are wrong at times.

The pipeline is stepped through streams as the node steps it, without a network, so that time costs
nothing. Of each rig, after two seconds: the share of masks made from all sensors, masks in another
frame than RGB's, changes of the network, how long RGB's images waited; and beside it the share of
RGB's images for which the approximate synchroniser of message_filters would call back.

With --rest, scenes of a data set stand still under fresh noise, before a real network: the share
of object pixels that change their label from one mask to the next, at 30/30/30 and 30/9/15 Hz.
"""

from __future__ import annotations

import argparse
from collections.abc import Iterator, Mapping, Sequence
from itertools import pairwise, product
from pathlib import Path
from typing import Any, cast

import numpy as np

from benchmarks.faults.approximate_sync import ApproximateSynchronizer
from benchmarks.timing.rest import rest
from benchmarks.timing.rig import (
    arrivals,
    Camera,
    Damage,
    noise,
    Rig,
    serve,
    Served,
    StandIn,
    START_NS,
)
from mm_robust_seg.build import build_engine
from mm_robust_seg.bundle import find_bundle, load_bundle
from mm_robust_seg.config import Config, EngineConfig
from mm_robust_seg.datasets.load import load_split
from mm_robust_seg.engine.base import Engine
from mm_robust_seg.files import write_json
from mm_robust_seg.modalities.input_spec import InputSpec
from mm_robust_seg.modality import COMPLETE, Modality
from mm_robust_seg.pipeline import Pipeline
from mm_robust_seg.report.terminal import TerminalProgress
from mm_robust_seg.schema import with_values

RGB, THERMAL, DEPTH = Modality
SLOP_S, QUEUE_SIZE = 0.033, 10
_DURATION_S, _WARM_UP_S = 8.0, 2.0
_OUTAGE_S = (4.0, 5.2)
_LATER_S = 8.0
Row = dict[str, float]


def main() -> None:
    """Run everything, print a table, write the results."""
    arguments = _arguments()
    bundle = load_bundle(find_bundle(arguments.bundle))
    bench = Bench(bundle.inputs, arguments.phases, arguments.seed)
    with TerminalProgress() as progress:
        rigs, kinds = list(bench.rigs()), list(damages())
        bar = progress.bar('rigs', len(rigs) + len(kinds))
        result: dict[str, Any] = {'phases': arguments.phases, 'seed': arguments.seed, 'rigs': {}}
        for name, rows in rigs:
            result['rigs'][name] = worst(rows)
            bar.advance()
        result['damaged'] = {}
        for name, damage in kinds:
            result['damaged'][name] = bench.damaged(damage)
            bar.advance()
        if arguments.rest:
            dataset = load_split(arguments.kind, arguments.rest, 'val')
            engine = build_engine(EngineConfig(), bundle)
            result['rest'] = rest(bundle, engine, dataset, arguments.scenes, progress)
            engine.close()
    _print(result)
    write_json(arguments.out, result)
    print(f'written to {arguments.out}')


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        description=__doc__,
        epilog='example: python -m benchmarks.bench_time --rest data/mm5 --kind mm5 --bundle mm5',
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument('--phases', type=int, default=5, help='random phases of each rig (5)')
    parser.add_argument('--seed', type=int, default=1, help='seed of phases and jitter (1)')
    parser.add_argument('--bundle', default='sim', help='folder or name; its network with --rest')
    parser.add_argument('--rest', type=Path, help='folder of a data set for scenes at rest')
    parser.add_argument('--kind', default='folder', help='kind of that data set (folder)')
    parser.add_argument('--scenes', type=int, default=12, help='number of scenes at rest (12)')
    parser.add_argument(
        '--out', type=Path, default=Path('out/bench/time.json'), help='result file'
    )
    return parser.parse_args()


def damages() -> Iterator[tuple[str, Damage]]:
    """Yield what is wrong with RGB's images, by name; all have an outage before."""

    def shared(share: float) -> Damage:
        return lambda number, at_s: (
            'cut' if np.random.default_rng([7, number]).random() < share else _outage(at_s)
        )

    for share in (0.0, 0.02, 0.05, 0.1):
        yield f'{share:.0%} cut short', shared(share)
    yield 'every 9th dark', lambda number, at_s: 'dark' if number % 9 == 0 else _outage(at_s)


def _outage(at_s: float) -> str:
    return 'lost' if _OUTAGE_S[0] <= at_s < _OUTAGE_S[1] else ''


class Bench:
    """Plays rigs to pipelines with the default settings.

    Args:
        inputs: of a network.
        phases: how many random phases to try of each rig.
    """

    def __init__(self, inputs: InputSpec, phases: int, seed: int) -> None:
        self._inputs, self._phases, self._seed = inputs, phases, seed

    def rigs(self) -> Iterator[tuple[str, list[Row]]]:
        """Yield each group of rigs with the figures of all its members."""
        latencies_s = [number / 100 for number in range(11)]
        phases_s = [number / 150 for number in range(5)]
        yield (
            'equal',
            [self.row({m: Camera(latency_s=0.014) for m in Modality})],
        )
        yield (
            '30/30/30, thermal 0 to 100 ms late, any phase',
            [
                self.row(_rig((30, 30, 30), (0.014, late_s, 0.022), (0, phase_s, 0)))
                for late_s, phase_s in product(latencies_s, phases_s)
            ],
        )
        for rates_hz in ((30, 9, 30), (30, 9, 15), (15, 10, 15), (60, 30, 30), (5, 5, 5)):
            rng = np.random.default_rng([self._seed, *rates_hz])
            rows = []
            for _ in range(self._phases):
                phases = cast(
                    Sequence[float], [rng.uniform(0, 1 / rate_hz) for rate_hz in rates_hz]
                )
                rows.append(self.row(_rig(rates_hz, (0.014, 0.03, 0.022), phases)))
            yield f'{"/".join(map(str, rates_hz))}, free-running', rows

    def row(self, rig: Rig) -> Row:
        """Return the figures of one rig."""
        masks = [
            item
            for item in self._serve(rig, _DURATION_S)
            if _WARM_UP_S <= item.at_s < _DURATION_S - 0.5
        ]
        combinations = [item.mask.combination for item in masks]
        due = rig[RGB].rate_hz * (_DURATION_S - 0.5 - _WARM_UP_S)
        delays_ms = [1e3 * item.delay_s for item in masks]
        later_s = max(camera.latency_s for camera in rig.values()) - rig[RGB].latency_s
        return {
            'complete': float(np.mean([c == COMPLETE for c in combinations])),
            'masks_per_rgb_image': len(masks) / due,
            'other_frame': sum(item.mask.reference.modality is not RGB for item in masks),
            'network_changes': sum(a != b for a, b in pairwise(combinations)),
            'delay_ms_p50': float(np.percentile(delays_ms, 50)),
            'delay_ms_p99': float(np.percentile(delays_ms, 99)),
            'delay_beyond_latency_ms': max(delays_ms) - 1e3 * max(later_s, 0.0),
            'approximate_sync': _approximate(rig),
        }

    def damaged(self, damage: Damage) -> Row:
        """Return how RGB is used from 2.8 s after an outage on, and what that costs."""
        rig = {RGB: Camera(damage=damage), THERMAL: Camera(), DEPTH: Camera()}
        masks = [item.mask for item in self._serve(rig, 24.0) if item.at_s >= _LATER_S]
        combinations = [mask.combination for mask in masks]
        wrong = [
            damage(number, number / 30) != '' for number in range(int(_LATER_S * 30), 24 * 30)
        ]
        return {
            'damaged': float(np.mean(wrong)),
            'in_use': float(np.mean([RGB in combination for combination in combinations])),
            'network_changes': sum(a != b for a, b in pairwise(combinations)),
        }

    def _serve(self, rig: Rig, duration_s: float) -> list[Served]:
        engine = cast(Engine, StandIn(self._inputs))
        plain = with_values(Config(), {'sync.held_frames': 'plain'})  # the content says nothing
        pipeline = Pipeline(plain, self._inputs, engine, START_NS)
        return serve(rig, pipeline, noise, duration_s, self._seed)


def _rig(
    rates_hz: Sequence[float], latencies_s: Sequence[float], phases_s: Sequence[float]
) -> dict[Modality, Camera]:
    made = zip(Modality, rates_hz, phases_s, latencies_s, strict=True)
    return {m: Camera(rate_hz, phase_s, late_s) for m, rate_hz, phase_s, late_s in made}


def _approximate(rig: Rig) -> float:
    """Return the callbacks of the approximate synchroniser, per image of RGB."""
    baseline = ApproximateSynchronizer(list(map(str, rig)), QUEUE_SIZE, round(SLOP_S * 1e9))
    coming = arrivals(rig, _DURATION_S, seed=0)
    found = sum(baseline.add(str(m), round(at_s * 1e9)) is not None for _, m, at_s, _ in coming)
    return found / sum(modality is RGB for _, modality, *_ in coming)


def worst(rows: Sequence[Row]) -> Row:
    """Return the worst of each figure among the rigs of a group."""
    best_is_high = ('complete', 'masks_per_rgb_image', 'approximate_sync')
    return {
        key: (min if key in best_is_high else max)(row[key] for row in rows) for key in rows[0]
    }


def _print(result: Mapping[str, Any]) -> None:
    heads = ('complete', 'masks', 'other', 'changes', 'p50', 'p99', 'beyond', 'approx.')
    print(f'{"rig (the worst of each)":48s}' + ''.join(f'{head:>9s}' for head in heads))
    for name, row in result['rigs'].items():
        shares = [f'{row[key]:.1%}' for key in ('complete', 'masks_per_rgb_image')]
        counts = [f'{row[key]:.0f}' for key in ('other_frame', 'network_changes')]
        keys = ('delay_ms_p50', 'delay_ms_p99', 'delay_beyond_latency_ms')
        delays = [f'{row[key]:.1f}' for key in keys]
        values = [*shares, *counts, *delays, f'{row["approximate_sync"]:.1%}']
        print(f'{name:48s}' + ''.join(f'{value:>9s}' for value in values))
    print(f'\n{"RGB after an outage of 1.2 s":48s}{"damaged":>9s}{"in use":>9s}{"changes":>9s}')
    for name, row in result['damaged'].items():
        shares = f'{row["damaged"]:9.1%}{row["in_use"]:9.1%}'
        print(f'{name:48s}{shares}{row["network_changes"]:9.0f}')
    for rates, share in result.get('rest', {}).items():
        print(f'at rest, {rates}: {share:.2%} of the object pixels change from mask to mask')


if __name__ == '__main__':
    main()
