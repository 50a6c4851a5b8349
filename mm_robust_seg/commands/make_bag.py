"""``mm-robust-seg make-bag``: a folder of images becomes a rosbag2 of camera topics."""

from __future__ import annotations

import argparse
from collections import Counter
from collections.abc import Iterator, Sequence
import json
from pathlib import Path

from rich.console import Console
from rich.progress import track

from mm_robust_seg.errors import ConfigError
from mm_robust_seg.modality import Modality
from mm_robust_seg.recordings.bag import TOPICS, TRUTH_TOPIC
from mm_robust_seg.recordings.image_folders import find_images, ImageFolders, load
from mm_robust_seg.recordings.writer import BagWriter, STORAGES

DESCRIPTION = """\
Turn a folder of images into a rosbag2 folder.

The folder holds rgb/*.jpg|png, thermal/*.png (16 bit, or 8 bit contrast-enhanced) and
depth/*.png (16 bit, mm); images of one moment have the same name. A sensor may be missing.
label/*.png (8-bit class ids) becomes /truth/image, from which replay computes the mIoU.
Values are kept as they are: tell replay or the node the thermal scale, such as
inputs.thermal.scale_k=0.015625 for 1/64 K."""
EXAMPLE = 'mm-robust-seg make-bag my_images --split val.txt --rate-hz 10 --out out/my_bag'
START_S = 1_700_000_000
FRAME_ID = 'camera'


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the options."""
    parser.description = DESCRIPTION
    parser.add_argument('folder', type=Path, help='folder with rgb, thermal, depth, label')
    parser.add_argument('--out', type=Path, required=True, help='folder of the new bag')
    parser.add_argument('--storage', choices=STORAGES, default='mcap', help='file format')
    parser.add_argument('--split', type=Path, help='text file with the names to take, in order')
    parser.add_argument('--rate-hz', type=float, default=30.0, help='images a second (30)')
    parser.add_argument('--repeat', type=int, default=1, help='play the sequence so often (1)')
    parser.add_argument('--limit', type=int, help='take only the first so many names')
    parser.add_argument('--start-s', type=int, default=START_S, help='stamp of the first image')
    parser.add_argument('--json', action='store_true', help='print the result as JSON')


def run(args: argparse.Namespace) -> int:
    """Write the bag and say what it holds."""
    if not 0.01 <= args.rate_hz <= 1000:
        raise ConfigError(f'--rate-hz is {args.rate_hz:g}: expected 0.01 to 1000')
    if args.repeat < 1 or (args.limit is not None and args.limit < 1):
        raise ConfigError('--repeat and --limit are counts: expected 1 or more')
    if not 0 <= args.start_s < 2**31:
        raise ConfigError(f'--start-s is {args.start_s}: expected 0 to {2**31 - 1}, Unix time')
    images = find_images(args.folder, args.split)
    names = images.names[: args.limit] * args.repeat
    counts = convert(images, names, args.out, args.storage, args.rate_hz, args.start_s)
    duration_s = len(names) / args.rate_hz
    console = Console(soft_wrap=True, markup=False, highlight=False)
    if args.json:
        result = {'bag': str(args.out), 'duration_s': duration_s, 'messages': counts}
        console.print_json(json.dumps(result))
    else:
        held = ', '.join(f'{count} x {topic}' for topic, count in counts.items())
        console.print(f'{args.out}: {duration_s:.1f} s, {held}')
    return 0


def convert(
    images: ImageFolders,
    names: Sequence[str],
    out: Path,
    storage: str,
    rate_hz: float,
    start_s: int,
) -> dict[str, int]:
    """Write the images of ``names``, one name a period; return the message count by topic.

    Raises:
        DataError: if ``out`` exists or an image is not what its sensor gives.
    """
    counts: Counter[str] = Counter()
    with BagWriter(out, storage) as bag:
        console = Console(stderr=True)
        for number, name in enumerate(track(names, 'Writing', console=console, transient=True)):
            stamp_ns = start_s * 1_000_000_000 + round(number * 1e9 / rate_hz)
            for part, topic, path in _files(images, name):
                pixels, encoding = load(path, part)
                bag.write(topic, pixels, encoding, stamp_ns, FRAME_ID)
                counts[topic] += 1
    return dict(counts)


def _files(images: ImageFolders, name: str) -> Iterator[tuple[Modality | None, str, Path]]:
    """Yield (sensor, topic, file); the truth comes first, so that it is there in time."""
    for part in (None, *Modality):
        path = images.files.get(part, {}).get(name)
        if path:
            yield part, TOPICS[part] if part else TRUTH_TOPIC, path
