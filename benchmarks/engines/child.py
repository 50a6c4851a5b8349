# Copyright 2026 mm_robust_seg maintainers
# SPDX-License-Identifier: Apache-2.0

"""Configure one engine in a process of its own; print its load time and memory as JSON."""

from __future__ import annotations

import argparse
from dataclasses import replace
from importlib import import_module
import json
import os
from pathlib import Path
import time

from mm_robust_seg.build import build_engine
from mm_robust_seg.bundle import find_bundle, load_bundle
from mm_robust_seg.config import EngineConfig

RUNTIMES = {
    'tensorrt': 'tensorrt',
    'onnxruntime_cuda': 'onnxruntime',
    'openvino': 'openvino',
    'onnxruntime': 'onnxruntime',
}


def main() -> None:
    """Measure, and print one line."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument('bundle')
    parser.add_argument('config', type=json.loads, help='fields of EngineConfig, JSON')
    parser.add_argument('combinations', type=int, help='how many, the largest first')
    arguments = parser.parse_args()
    config = EngineConfig(**arguments.config)
    start_s = time.perf_counter()
    bundle = load_bundle(find_bundle(arguments.bundle))
    chosen = dict(list(bundle.graphs.items())[: arguments.combinations])
    loaded_s = time.perf_counter() - start_s
    import_module(RUNTIMES[config.backend])
    before_mib = _resident_mib()
    start_s = time.perf_counter()
    engine = build_engine(config, replace(bundle, graphs=chosen))
    configured_s = loaded_s + time.perf_counter() - start_s
    result = {
        'configure_s': configured_s,
        'engine_mib': _resident_mib() - before_mib,
        'process_mib': _resident_mib(),
        'combinations': len(engine.combinations),
    }
    print(json.dumps(result))


def _resident_mib() -> float:
    pages = int(Path('/proc/self/statm').read_text(encoding='utf-8').split()[1])
    return pages * os.sysconf('SC_PAGE_SIZE') / 2**20


if __name__ == '__main__':
    main()
