# Copyright 2026 mm_robust_seg maintainers
# SPDX-License-Identifier: Apache-2.0

"""Measure how many full captures (RGB, thermal, depth, labels) one process takes per second."""

from __future__ import annotations

import argparse
from pathlib import Path
import time

import cv2
import numpy as np

from mm_robust_seg.files import write_json
from mm_robust_seg.simulation import Conditions, SimulatedCameras, World

_WARM_UP = 3


def main() -> None:
    """Run the benchmark, print the figures and write them as JSON."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument('--captures', type=int, default=60, help='captures to time (60)')
    parser.add_argument('--width', type=int, default=320, help='picture width in pixels (320)')
    parser.add_argument('--height', type=int, default=240, help='picture height in pixels (240)')
    parser.add_argument('--seed', type=int, default=1, help='seed of world and rig (1)')
    parser.add_argument(
        '--out', type=Path, default=Path('out/bench/simulation.json'), help='result file'
    )
    arguments = parser.parse_args()

    cameras = SimulatedCameras(
        World(arguments.seed), Conditions(), arguments.width, arguments.height
    )
    durations_s = np.zeros(arguments.captures)
    for number in range(-_WARM_UP, arguments.captures):
        start_s = time.perf_counter()
        cameras.capture(0.5 * (number + _WARM_UP))
        if number >= 0:
            durations_s[number] = time.perf_counter() - start_s
    result = {
        'captures': arguments.captures,
        'width_px': arguments.width,
        'height_px': arguments.height,
        'opencv_threads': cv2.getNumThreads(),
        'captures_per_s': round(float(1.0 / durations_s.mean()), 2),
        'median_ms': round(float(np.median(durations_s)) * 1e3, 2),
        'p95_ms': round(float(np.percentile(durations_s, 95)) * 1e3, 2),
    }
    for key, value in result.items():
        print(f'{key}: {value}')
    write_json(arguments.out, result)


if __name__ == '__main__':
    main()
