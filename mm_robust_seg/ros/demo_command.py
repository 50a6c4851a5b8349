"""``mm-robust-seg demo``: failing cameras, the real node, a report."""

from __future__ import annotations

import argparse
from pathlib import Path

from rich.console import Console

from mm_robust_seg.config import Config
from mm_robust_seg.errors import ConfigError
from mm_robust_seg.ros.demo import DemoOptions
from mm_robust_seg.ros.demo import run as play
from mm_robust_seg.schema import flatten

DESCRIPTION = """\
Start simulated cameras and the segmentation node as separate processes that talk over DDS, let
the cameras fail in turn for 40 seconds, and show what the node makes of it. Writes a contact
sheet, a timeline and summary.json."""
EXAMPLE = 'mm-robust-seg demo --rate-hz 15 --out out/demo'


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the options."""
    parser.description = DESCRIPTION
    default = DemoOptions()
    backends = next(s.choices for name, _, s in flatten(Config()) if name == 'engine.backend')
    parser.add_argument('--scenario', type=Path, help='YAML file (config/demo_scenario.yaml)')
    parser.add_argument('--bundle', default=default.bundle, help='model trained on the simulation')
    parser.add_argument('--backend', choices=backends, default=default.backend)
    parser.add_argument('--out', type=Path, default=default.out, help='folder of the report')
    parser.add_argument('--rate-hz', type=float, default=default.rate_hz, help='of the cameras')
    parser.add_argument('--width-px', type=int, default=default.width_px, help='of the images')
    parser.add_argument('--height-px', type=int, default=default.height_px, help='of the images')
    parser.add_argument('--domain-id', type=int, help='ROS domain (one of its own)')


def run(args: argparse.Namespace) -> int:
    """Play the scenario and write the report.

    Raises:
        RobustSegError: if it cannot be played; the message says what to do.
    """
    if not 1 <= args.rate_hz <= 60:
        raise ConfigError(f'--rate-hz is {args.rate_hz:g}: expected 1 to 60')
    if not all(32 <= size <= 4096 for size in (args.width_px, args.height_px)):
        raise ConfigError(
            f'the images are {args.width_px} x {args.height_px} px: expected 32 to 4096 each'
        )
    if args.domain_id is not None and not 0 <= args.domain_id <= 101:
        raise ConfigError(f'--domain-id is {args.domain_id}: expected 0 to 101')
    options = DemoOptions(
        scenario=args.scenario,
        bundle=args.bundle,
        backend=args.backend,
        out=args.out,
        rate_hz=args.rate_hz,
        width_px=args.width_px,
        height_px=args.height_px,
        domain_id=args.domain_id,
    )
    return play(options, Console())
