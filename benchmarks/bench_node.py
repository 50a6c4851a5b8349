# Copyright 2026 mm_robust_seg maintainers
# SPDX-License-Identifier: Apache-2.0

"""Measure the live node over DDS: mask rate, latency, detection, switching.

The simulated cameras and the node run as separate processes, as in the demo, with images of
640x480. Sensors fall silent or freeze in turn, twelve times. Writes out/bench/node.json with the
figures that ``mm_robust_seg/observation/score.py`` defines.

Example: python benchmarks/bench_node.py --rate-hz 15
"""

import argparse
from pathlib import Path
import shutil
import tempfile

from rich.console import Console
import yaml

from mm_robust_seg.commands.demo import play
from mm_robust_seg.files import write_json
from mm_robust_seg.ros.demo.demo import DemoOptions

FAULTS = [
    {'thermal': 'silent'},
    {'rgb': 'frozen'},
    {'depth': 'silent'},
    {'rgb': 'silent'},
    {'depth': 'frozen'},
    {'rgb': 'dark'},
]


def scenario(rounds: int) -> dict[str, object]:
    """Alternate four good seconds with two of each fault; phases last unequal times."""
    phases = [{'name': 'start', 'duration_s': 3}]
    for number in range(rounds):
        for index, faults in enumerate(FAULTS):
            name = f'{number + 1}: ' + ', '.join(f'{s} {f}' for s, f in faults.items())
            phases.append({'name': name, 'duration_s': 2, 'faults': faults})
            phases.append({'name': f'{name} over', 'duration_s': 3.5 + 0.07 * index})
    return {'seed': 7, 'conditions': {'time_of_day_h': 18.3}, 'phases': phases}


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument('--bundle', default='sim')
    parser.add_argument('--backend', default='auto')
    parser.add_argument('--rate-hz', type=float, default=15.0)
    parser.add_argument('--rounds', type=int, default=2)
    parser.add_argument('--out', type=Path, default=Path('out/bench/node.json'))
    args = parser.parse_args()
    folder = Path(tempfile.mkdtemp())
    try:
        path = folder / 'scenario.yaml'
        path.write_text(yaml.safe_dump(scenario(args.rounds)), encoding='utf-8')
        options = DemoOptions(
            scenario=path,
            bundle=args.bundle,
            backend=args.backend,
            out=folder / 'out',
            rate_hz=args.rate_hz,
            width_px=640,
            height_px=480,
        )
        summary = play(options, Console())
        write_json(args.out, {'rate_hz': args.rate_hz, 'image': '640x480', **summary})
    finally:
        shutil.rmtree(folder)
    print(f'written to {args.out}')


if __name__ == '__main__':
    main()
