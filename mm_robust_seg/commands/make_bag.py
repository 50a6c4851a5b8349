# Copyright 2026 mm_robust_seg maintainers
# SPDX-License-Identifier: Apache-2.0

"""``mm-robust-seg make-bag``: a folder of images becomes a rosbag2 of camera topics."""

from __future__ import annotations

import argparse
from pathlib import Path

from mm_robust_seg.errors import ConfigError
from mm_robust_seg.recordings.make_bag import find_images, make_bag, START_S
from mm_robust_seg.recordings.writer import STORAGES
from mm_robust_seg.report.document import Text
from mm_robust_seg.report.terminal import Result, TerminalProgress

DESCRIPTION = """\
Turn a folder of images into a rosbag2 folder.

The folder holds rgb/*.jpg|png, thermal/*.png (16 bit, or 8 bit contrast-enhanced) and
depth/*.png (16 bit, mm); images of one moment have the same name. A sensor may be missing.
label/*.png (8-bit class ids) becomes /truth/image, from which replay computes the mIoU.
Values are kept as they are: tell replay or the node the thermal scale, such as
inputs.thermal.scale_k=0.015625 for 1/64 K."""
EXAMPLE = 'mm-robust-seg make-bag my_images --split val.txt --rate-hz 10 --out out/my_bag'


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the options."""
    parser.add_argument('folder', type=Path, help='folder with rgb, thermal, depth, label')
    parser.add_argument('--out', type=Path, required=True, help='folder of the new bag')
    parser.add_argument('--storage', choices=STORAGES, default='mcap', help='file format')
    parser.add_argument('--split', type=Path, help='text file with the names to take, in order')
    parser.add_argument('--rate-hz', type=float, default=30.0, help='images a second (30)')
    parser.add_argument('--repeat', type=int, default=1, help='play the sequence so often (1)')
    parser.add_argument('--limit', type=int, help='take only the first so many names')
    parser.add_argument('--start-s', type=int, default=START_S, help='stamp of the first image')


def run(args: argparse.Namespace) -> Result:
    """Write the bag and say what it holds."""
    if not 0.01 <= args.rate_hz <= 1000:
        raise ConfigError(f'--rate-hz is {args.rate_hz:g}: expected 0.01 to 1000')
    if args.repeat < 1 or (args.limit is not None and args.limit < 1):
        raise ConfigError('--repeat and --limit are counts: expected 1 or more')
    if not 0 <= args.start_s < 2**31:
        raise ConfigError(f'--start-s is {args.start_s}: expected 0 to {2**31 - 1}, Unix time')
    images = find_images(args.folder, args.split)
    names = images.names[: args.limit] * args.repeat
    with TerminalProgress() as progress:
        counts = make_bag(
            images, names, args.out, args.storage, args.rate_hz, args.start_s, progress
        )
    duration_s = len(names) / args.rate_hz
    held = ', '.join(f'{count} x {topic}' for topic, count in counts.items())
    return Result(
        {'bag': str(args.out), 'duration_s': duration_s, 'messages': counts},
        [Text(f'{args.out}: {duration_s:.1f} s, {held}')],
        f'mm-robust-seg replay {args.out}',
    )
