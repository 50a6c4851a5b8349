# Copyright 2026 mm_robust_seg maintainers
# SPDX-License-Identifier: Apache-2.0

"""``mm-robust-seg golden``: give a bundle the label maps that engines are checked with."""

from __future__ import annotations

import argparse
import shutil

from mm_robust_seg.bundle import find_bundle, load_bundle, MANIFEST
from mm_robust_seg.bundling.folder import replacing_bundle, write_golden
from mm_robust_seg.commands.options import add_bundle
from mm_robust_seg.report.document import Text
from mm_robust_seg.report.terminal import Result

DESCRIPTION = """\
Write the golden label maps of a bundle again: what ONNX Runtime on the CPU makes of a fixed input
with the graph of every combination. Every engine is compared with them when it is loaded. Export
and quantize write them by themselves; this is for bundles that were made without."""
EXAMPLE = 'mm-robust-seg golden models/sim'


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the options."""
    add_bundle(parser)


def run(args: argparse.Namespace) -> Result:
    """Replace the bundle by one with golden label maps.

    Raises:
        RobustSegError: if the bundle cannot be read, run or written.
    """
    folder = find_bundle(args.bundle)
    bundle = load_bundle(folder)
    with replacing_bundle(folder) as building:
        for name in (MANIFEST, *bundle.checksums):
            (building / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(folder / name, building / name)
        write_golden(building)
    names = [str(combination) for combination in bundle.combinations]
    return Result(
        {'bundle': str(folder), 'golden': names},
        [Text(f'{len(names)} golden label maps written to {folder}')],
        f'mm-robust-seg bundle-info {folder}',
    )
