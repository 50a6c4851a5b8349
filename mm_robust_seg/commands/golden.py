"""``mm-robust-seg golden``: give a bundle the label maps that engines are checked with."""

from __future__ import annotations

import argparse
import shutil

from rich.console import Console

from mm_robust_seg.bundle import find_bundle, load_bundle
from mm_robust_seg.bundling.folder import replacing_bundle, write_golden

DESCRIPTION = """\
Write the golden label maps of a bundle again: what ONNX Runtime on the CPU makes of a fixed input
with the graph of every combination. Every engine is compared with them when it is loaded. Export
and quantize write them by themselves; this is for bundles that were made without."""
EXAMPLE = 'mm-robust-seg golden models/sim'


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the options."""
    parser.description = DESCRIPTION
    parser.add_argument('bundle', help='model folder, or the name of one in models/')


def run(args: argparse.Namespace) -> int:
    """Replace the bundle by one with golden label maps.

    Raises:
        RobustSegError: if the bundle cannot be read, run or written.
    """
    folder = find_bundle(args.bundle)
    combinations = load_bundle(folder).combinations
    with replacing_bundle(folder) as building:
        shutil.copytree(folder, building, dirs_exist_ok=True)
        write_golden(building)
    Console(highlight=False).print(f'{len(combinations)} golden label maps written to {folder}')
    return 0
