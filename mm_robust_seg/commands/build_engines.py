"""``mm-robust-seg build-engines``: build a bundle's TensorRT engines for the GPU here."""

from __future__ import annotations

import argparse
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict
import json
from pathlib import Path
import time
from typing import Any, TYPE_CHECKING

from rich.console import Console
from rich.progress import BarColumn, Progress, TaskProgressColumn, TextColumn, TimeElapsedColumn
from rich.table import Table

from mm_robust_seg.bundle import find_bundle, load_bundle
from mm_robust_seg.engine.tensorrt.availability import tensorrt_version
from mm_robust_seg.engine.tensorrt.device_memory import find_device
from mm_robust_seg.engine.tensorrt.plans import PlanFolder, Target

if TYPE_CHECKING:
    from mm_robust_seg.engine.tensorrt.plan_builder import Report

DESCRIPTION = """\
Build the TensorRT engine of every combination of a bundle, for the GPU, driver and TensorRT
version of this machine. Minutes on a Jetson, once: engines that fit are kept, and an interrupted
build goes on where it was. The precision is that of the bundle; "mm-robust-seg quantize" makes an
fp16 or int8 bundle of it. The node uses the engines when engine.backend is auto or tensorrt."""
EXAMPLE = 'mm-robust-seg build-engines sim'


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the options."""
    parser.description = DESCRIPTION
    parser.add_argument('bundle', help='model folder, or the name of one in models/')
    parser.add_argument(
        '--plans', default='', help='folder of engines (mm_robust_seg/engines in the cache)'
    )
    parser.add_argument('--device-id', type=int, default=0, help='GPU, as CUDA counts (0)')
    parser.add_argument('--force', action='store_true', help='build also those that fit')
    parser.add_argument('--json', action='store_true', help='print the result as JSON')


def run(args: argparse.Namespace) -> int:
    """Build what does not fit, and print what there is.

    Raises:
        BundleError: if the bundle is incomplete or altered.
        EngineError: if there is no GPU or no TensorRT, or a build fails.
    """
    bundle = load_bundle(find_bundle(args.bundle))
    facts = find_device(args.device_id)
    version = tensorrt_version()
    from mm_robust_seg.engine.tensorrt.plan_builder import build_plans  # noqa: PLC0415

    folder = PlanFolder(bundle, args.plans)
    target = Target.on(facts, version, folder.precision)
    start_s = time.monotonic()
    with _progress(folder) as report:
        built = build_plans(folder, target, args.device_id, report, args.force)
    result: dict[str, Any] = {
        'bundle': folder.name,
        'folder': str(folder.path),
        'target': asdict(target),
        'duration_s': round(time.monotonic() - start_s, 1),
        'plans': {
            source.stem: {'bytes': folder.plan_of(source).stat().st_size, 'built': source in built}
            for source in folder.sources
        },
    }
    console = Console(soft_wrap=True, highlight=False)
    if args.json:
        console.print_json(json.dumps(result))
    else:
        console.print(_table(result, target))
    return 0


@contextmanager
def _progress(folder: PlanFolder) -> Iterator[Report]:
    """Show one bar per ONNX file on the terminal; yield what moves them."""
    columns = (
        TextColumn('{task.fields[name]:>18}'),
        BarColumn(),
        TaskProgressColumn(),
        TimeElapsedColumn(),
        TextColumn('{task.fields[phase]}'),
    )
    with Progress(*columns, console=Console(stderr=True), transient=True) as bars:
        tasks = {
            source: bars.add_task('', total=1.0, name=source.stem, phase='waits', start=False)
            for source in folder.sources
        }

        def report(source: Path, phase: str, share: float) -> None:
            bars.start_task(tasks[source])
            bars.update(tasks[source], completed=share, phase=phase)

        yield report


def _table(result: dict[str, Any], target: Target) -> Table:
    table = Table(
        title=f'TensorRT {target.tensorrt}, {target.precision}, {target.gpu} '
        f'({target.compute_capability}), driver {target.driver}',
        caption=f'{result["duration_s"]} s; in {result["folder"]}',
    )
    table.add_column('engine', no_wrap=True)
    table.add_column('MB', justify='right')
    table.add_column('')
    for name, plan in result['plans'].items():
        state = 'built' if plan['built'] else 'fits, kept'
        table.add_row(name, f'{plan["bytes"] / 1e6:.1f}', state)
    return table
