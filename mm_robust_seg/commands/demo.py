# Copyright 2026 mm_robust_seg maintainers
# SPDX-License-Identifier: Apache-2.0

"""``mm-robust-seg demo``."""

from __future__ import annotations

import argparse
from dataclasses import fields
from pathlib import Path

from rich.console import Console

from mm_robust_seg.files import renewing
from mm_robust_seg.observation.score import Summary
from mm_robust_seg.report.run.live import LiveView
from mm_robust_seg.report.run.report import SUMMARY, write_report
from mm_robust_seg.report.run.table import summary_blocks
from mm_robust_seg.report.terminal import Result
from mm_robust_seg.ros.demo.demo import Demo, DemoOptions

EXAMPLE = 'mm-robust-seg demo --scenario my_scenario.yaml --out out/mine'


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the options; their defaults are those of ``DemoOptions``."""
    default = DemoOptions()
    add = parser.add_argument
    add('--scenario', type=Path, help='scenario file (the 40-second one of the package)')
    add('--bundle', default=default.bundle, help='model trained on the simulation (%(default)s)')
    add('--backend', default=default.backend, help='inference runtime (%(default)s)')
    add('--out', type=Path, default=default.out, help='where results go (%(default)s)')
    add('--rate-hz', type=float, default=default.rate_hz, help='frame rate (%(default)s)')
    add('--width-px', type=int, default=default.width_px, help='image width (%(default)s)')
    add('--height-px', type=int, default=default.height_px, help='image height (%(default)s)')
    add('--domain-id', type=int, help='ROS domain, to look on with other ROS tools (any free one)')


def run(args: argparse.Namespace) -> Result:
    """Play the demo; what happens meanwhile is told on standard error."""
    options = DemoOptions(**{item.name: getattr(args, item.name) for item in fields(DemoOptions)})
    summary = play(options, Console(stderr=True))
    then = f'look at {args.out}/contact_sheet.png and timeline.png; mm-robust-seg replay YOUR_BAG'
    return Result(summary, summary_blocks(summary), then)


def play(options: DemoOptions, console: Console) -> Summary:
    """Play a scenario, show it, and write the report; return the figures.

    Raises:
        RobustSegError: if it cannot be played; the message says what to do.
    """
    demo = Demo(options)
    scenario = demo.scenario
    view = LiveView(demo.recorder, console, scenario.duration_s, len(scenario.phases))
    with renewing(options.out, SUMMARY) as folder:
        record = demo.play(view)
        if record.problem:
            view.say(f'masks could not be scored: {record.problem}')
        view.say('drawing the report ...')
        return write_report(record, folder)
