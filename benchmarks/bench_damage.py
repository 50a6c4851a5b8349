# Copyright 2026 mm_robust_seg maintainers
# SPDX-License-Identifier: Apache-2.0

"""Measure how damage of real road images is found: by kind and strength, and false alarms.

Needs the 181 pairs of MSRS (RGB, thermal, day and night) in a folder with rgb/ and thermal/; how
streams are made of single images is said in benchmarks/damage/streams.py. With --bundle it also
measures from where on damage costs more than leaving the sensor out, on a labelled data set.
"""

from __future__ import annotations

import argparse
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.damage.break_even import break_evens
from benchmarks.damage.report import table
from benchmarks.damage.streams import Pair, parts, road_images
from benchmarks.damage.strengths import specs
from benchmarks.damage.trials import Cameras, Told
from mm_robust_seg.config import Config
from mm_robust_seg.errors import RobustSegError
from mm_robust_seg.files import write_json
from mm_robust_seg.modalities import KINDS
from mm_robust_seg.modality import Modality
from mm_robust_seg.report.terminal import TerminalProgress

_FOLDS = 2


def main() -> int:
    """Measure and print the tables."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument('--data', type=Path, required=True, help='folder of MSRS')
    parser.add_argument('--sensor', default='rgb', choices=('rgb', 'thermal'), help='is damaged')
    parser.add_argument('--alone', action='store_true', help='without the other sensor')
    parser.add_argument('--every', type=int, default=1, help='try only every so manieth image')
    parser.add_argument('--bundle', help='also find the break-even of this bundle')
    parser.add_argument('--labelled', type=Path, help='folder of MM5, for --bundle')
    parser.add_argument('--out', type=Path, default=Path('out/bench/damage.json'))
    args = parser.parse_args()
    found: dict[str, Any] = {}
    try:
        with TerminalProgress() as progress:
            damaged = Modality(args.sensor)
            sensors = [damaged] if args.alone else [Modality.RGB, Modality.THERMAL]
            images = road_images(args.data)
            for when, pairs in images.items():
                count = sum(len(tried[:: args.every]) for _, tried in parts(pairs, _FOLDS))
                advance = progress.bar(f'{when}', count).advance
                found[when] = _measured(pairs, damaged, sensors, args.every, advance)
            if args.bundle:
                found['break_even'] = break_evens(args.bundle, args.labelled, progress)
    except RobustSegError as error:
        parser.error(str(error))
    print(table(found))
    args.out.parent.mkdir(parents=True, exist_ok=True)
    write_json(args.out, found)
    return 0


def _measured(
    pairs: Sequence[Pair],
    damaged: Modality,
    sensors: Sequence[Modality],
    every: int,
    advance: Any,
) -> Mapping[str, Any]:
    """Try every kind and strength on each moment."""
    faults = {None: None, **specs()}
    told: dict[Any, list[Told]] = {key: [] for key in faults}
    seen = accused = 0
    for fold, (learned, tried) in enumerate(parts(pairs, _FOLDS)):
        rng = np.random.default_rng(fold)
        cameras = Cameras(Config(), sensors)
        counts = cameras.learn(learned, rng)
        seen, accused = seen + counts[0], accused + counts[1]
        for pair in tried[::every]:
            for key, fault in faults.items():
                if fault is None or str(fault) in KINDS[damaged].faults:
                    told[key].append(cameras.tried(pair, damaged, fault, rng))
            advance()
    return {
        'learning_pictures': seen,
        'learning_accused': accused,
        'trials': {
            'clean' if key is None else f'{key[0]} {key[1]:g}': _summary(each)
            for key, each in told.items()
            if each
        },
    }


def _summary(told: Sequence[Told]) -> Mapping[str, Any]:
    names = [str(reason) for each in told for reason in each.reasons[-1:]]
    return {
        'trials': len(told),
        'told': sum(bool(each.reasons) for each in told),
        'out': sum(each.is_out for each in told),
        'false': sum(each.is_false for each in told),
        'reasons': {name: names.count(name) for name in dict.fromkeys(names)},
        'share': float(np.median([each.share for each in told])),
        'strength': float(np.median([each.strength for each in told])),
    }


if __name__ == '__main__':
    raise SystemExit(main())
