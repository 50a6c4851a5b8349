# Copyright 2026 mm_robust_seg maintainers
# SPDX-License-Identifier: Apache-2.0

"""``mm-robust-seg build-engines``: build a bundle's TensorRT engines for the GPU here."""

from __future__ import annotations

import argparse
from dataclasses import asdict
from pathlib import Path
import time

from mm_robust_seg.bundle import find_bundle, load_bundle
from mm_robust_seg.commands.options import add_bundle
from mm_robust_seg.engine.tensorrt.availability import tensorrt_version
from mm_robust_seg.engine.tensorrt.device_memory import find_device
from mm_robust_seg.engine.tensorrt.plans import PlanFolder, Target
from mm_robust_seg.report.document import Heading, Table, Text
from mm_robust_seg.report.terminal import Result, TerminalProgress

DESCRIPTION = """\
Build the TensorRT engine of every combination of a bundle, for the GPU, driver and TensorRT
version of this machine. Minutes on a Jetson, once: engines that fit are kept, and an interrupted
build goes on where it was. The precision is that of the bundle; "mm-robust-seg quantize" makes an
fp16 or int8 bundle of it. The node uses the engines when engine.backend is auto or tensorrt."""
EXAMPLE = 'mm-robust-seg build-engines sim'


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the options."""
    add_bundle(parser)
    parser.add_argument(
        '--plans', default='', help='folder of engines (mm_robust_seg/engines in the cache)'
    )
    parser.add_argument('--device-id', type=int, default=0, help='GPU, as CUDA counts (0)')
    parser.add_argument('--force', action='store_true', help='build also those that fit')


def run(args: argparse.Namespace) -> Result:
    """Build what does not fit, and say what there is.

    Raises:
        BundleError: if the bundle is incomplete or altered.
        EngineError: if there is no GPU or no TensorRT, or a build fails.
    """
    bundle = load_bundle(find_bundle(args.bundle))
    facts = find_device(args.device_id)
    version = tensorrt_version()
    from mm_robust_seg.engine.tensorrt.plan_builder import build_plans

    folder = PlanFolder(bundle, args.plans)
    target = Target.on(facts, version, folder.precision)
    start_s = time.monotonic()
    with TerminalProgress() as progress:
        bars = {source: progress.bar(source.stem, 100) for source in folder.sources}

        def report(source: Path, phase: str, share: float) -> None:
            bars[source].reach(100 * share, phase)

        built = build_plans(folder, target, args.device_id, report, args.force)
    duration_s = round(time.monotonic() - start_s, 1)
    plans = {
        source.stem: {'bytes': folder.plan_of(source).stat().st_size, 'built': source in built}
        for source in folder.sources
    }
    rows = [
        (name, 'built' if plan['built'] else 'fits, kept', f'{plan["bytes"] / 1e6:.1f}')
        for name, plan in plans.items()
    ]
    title = (
        f'TensorRT {target.tensorrt}, {target.precision}, {target.gpu} '
        f'({target.compute_capability}), driver {target.driver}'
    )
    return Result(
        {
            'bundle': folder.name,
            'folder': str(folder.path),
            'target': asdict(target),
            'duration_s': duration_s,
            'plans': plans,
        },
        [
            Heading(title),
            Table(('engine', '', 'MB'), rows, left=2),
            Text(f'{duration_s} s; in {folder.path}'),
        ],
        f'ros2 launch mm_robust_seg robust_seg.launch.py bundle:={args.bundle}',
    )
