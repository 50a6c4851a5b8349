# Copyright 2026 mm_robust_seg maintainers
# SPDX-License-Identifier: Apache-2.0

"""Measure what a camera gone wild costs the others: masks before, while and after it floods.

RGB sends messages that are large, claim to be, or cannot be read; thermal and depth go on at
15 Hz. Node and cameras are processes of their own, over DDS. Each kind of message has a node of
its own, which is watched for as long before as after the flood.

Writes flood.json and flood.md.

Example: python -m benchmarks.bench_flood --flood-s 60
"""

from __future__ import annotations

import argparse
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass
import os
from pathlib import Path
import shutil
import signal
import tempfile
import time

from rich.console import Console
from rich.progress import BarColumn, Progress, TextColumn, TimeRemainingColumn
from sensor_msgs.msg import Image

from benchmarks.faults.live import ending_in_order
from benchmarks.flood.messages import Flood, FLOODS
from benchmarks.process_use import use
from mm_robust_seg.bundle import find_bundle
from mm_robust_seg.files import shipped, write_bytes, write_json
from mm_robust_seg.ros.node import qos
from mm_robust_seg.ros.processes.bring_up import BringUp
from mm_robust_seg.ros.processes.children import (
    Child,
    Children,
    parameters,
    quiet_domain,
    ros_environment,
)
from mm_robust_seg.ros.processes.client import Client

WANTED_RATE, WANTED_MIB = 0.9, 20.0
_SETTLE_S, _TICK_S = 5.0, 0.05


@dataclass(frozen=True)
class Flooded:
    """What one flood did.

    Attributes:
        before_hz, during_hz, after_hz: masks per second.
        before_mib, most_mib, after_mib: resident memory of the node.
        log_kib: what the node has written to its log.
    """

    before_hz: float
    during_hz: float
    after_hz: float
    before_mib: float
    most_mib: float
    after_mib: float
    log_kib: float

    @property
    def is_met(self) -> bool:
        """Whether the others went on, and the memory came back."""
        has_masks = self.during_hz >= WANTED_RATE * self.before_hz
        return has_masks and self.after_mib <= self.before_mib + WANTED_MIB


class _Watcher(Client):
    """Counts masks and samples the memory of the node."""

    def __init__(self) -> None:
        super().__init__('watcher')
        self.masks = 0
        self.node.create_subscription(
            Image, 'segmentation/mask', self._on_mask, qos.MASK, raw=True
        )

    def _on_mask(self, _: bytes) -> None:
        self.masks += 1

    def watch(self, for_s: float, node: Child) -> tuple[float, list[float]]:
        """Return masks per second, and the resident memory every 50 ms."""
        start_s, masks, memory_mib = time.monotonic(), self.masks, []
        while (passed_s := time.monotonic() - start_s) < for_s:
            self.spin(_TICK_S)
            memory_mib.append(use(node.pid).rss_mib)
        return (self.masks - masks) / passed_s, memory_mib


def main() -> None:
    """Flood with each kind of message, print a table, write the results."""
    arguments = _arguments()
    console, logs = Console(), Path(tempfile.mkdtemp(prefix='bench_flood_'))
    kinds = [FLOODS[name] for name in arguments.kinds or FLOODS]
    found: dict[str, Flooded] = {}
    with (
        ending_in_order(logs),
        Progress(
            TextColumn('{task.description}'), BarColumn(), TimeRemainingColumn(), console=console
        ) as progress,
    ):
        bar = progress.add_task('', total=len(kinds))
        for number, flood in enumerate(kinds):
            progress.update(bar, description=flood.name, completed=number)
            found[flood.name] = _flooded(flood, arguments, logs / str(number))
        progress.update(bar, completed=len(kinds))
    table = _markdown(found)
    result = {name: {**asdict(one), 'is_met': one.is_met} for name, one in found.items()}
    write_json(arguments.out / 'flood.json', {'flood_s': arguments.flood_s, 'floods': result})
    write_bytes(arguments.out / 'flood.md', table.encode())
    shutil.rmtree(logs)
    console.print(table, markup=False, highlight=False, soft_wrap=True)
    console.print(f'written to {arguments.out}/flood.json, flood.md')


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument('--flood-s', type=float, default=20.0, help='length of a flood (20)')
    parser.add_argument('--calm-s', type=float, default=10.0, help='time before and after (10)')
    parser.add_argument('--kinds', nargs='*', choices=FLOODS, help='of messages (all)')
    parser.add_argument('--bundle', default='sim', help='model (sim)')
    parser.add_argument('--out', type=Path, default=Path('out/bench'), help='folder (out/bench)')
    arguments = parser.parse_args()
    if not (arguments.flood_s > 0 and arguments.calm_s > 0):
        parser.error('--flood-s and --calm-s must be more than 0')
    return arguments


def _flooded(flood: Flood, arguments: argparse.Namespace, folder: Path) -> Flooded:
    with _running(flood, arguments.bundle, folder) as (watcher, node, children):
        watcher.watch(_SETTLE_S, node)
        before_hz, before_mib = watcher.watch(arguments.calm_s, node)
        wild = children.start('wild_camera', 'benchmarks.flood.cameras', ['--flood', flood.name])
        watcher.watch(_SETTLE_S, node)
        during_hz, during_mib = watcher.watch(arguments.flood_s, node)
        wild.signal(signal.SIGTERM)
        watcher.watch(_SETTLE_S, node)
        after_hz, after_mib = watcher.watch(arguments.calm_s, node)
        log_bytes = (folder / 'segmentation.log').stat().st_size
    return Flooded(
        before_hz=round(before_hz, 2),
        during_hz=round(during_hz, 2),
        after_hz=round(after_hz, 2),
        before_mib=round(before_mib[-1], 1),
        most_mib=round(max(during_mib), 1),
        after_mib=round(after_mib[-1], 1),
        log_kib=round(log_bytes / 1024, 1),
    )


@contextmanager
def _running(
    flood: Flood, bundle: str, folder: Path
) -> Iterator[tuple[_Watcher, Child, Children]]:
    """Start good cameras and the node, and activate it."""
    variables = ros_environment(quiet_domain(), shipped('config/fastdds_profile.xml'))
    os.environ.update(variables)
    values = {
        'engine.bundle': find_bundle(bundle).resolve(),
        'inputs.rgb.transport': flood.transport,
    }
    with Children(variables, folder) as children:
        node = children.start('segmentation', 'mm_robust_seg.ros.node.node', parameters(values))
        children.start('good_cameras', 'benchmarks.flood.cameras', [])
        watcher = _Watcher()
        try:
            BringUp(watcher, children).activate(node)
            yield watcher, node, children
        finally:
            watcher.close()


def _markdown(found: dict[str, Flooded]) -> str:
    rows = [
        '| RGB sends | masks per second before, meanwhile, after | resident MiB before, at most, '
        'after | log |',
        '|---|---|---|---|',
    ]
    for name, one in found.items():
        rows.append(
            f'| {name} | {one.before_hz:.1f}, {one.during_hz:.1f}, {one.after_hz:.1f} | '
            f'{one.before_mib:.0f}, {one.most_mib:.0f}, {one.after_mib:.0f} | '
            f'{one.log_kib:.0f} KiB{"" if one.is_met else ", MISSED"} |'
        )
    return '\n'.join(rows) + '\n'


if __name__ == '__main__':
    main()
