"""The options by which every command is told where a bag holds its images."""

from __future__ import annotations

import argparse
from contextlib import AbstractContextManager

from mm_robust_seg.modality import Modality
from mm_robust_seg.recordings.bag import ImageBag, open_bag


def add_topic_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare ``--rgb-topic``, ``--thermal-topic``, ``--depth-topic`` and ``--namespace``."""
    for modality in Modality:
        parser.add_argument(
            f'--{modality}-topic',
            metavar='TOPIC',
            help=f'image topic ({modality}/image in the namespace)',
        )
    parser.add_argument('--namespace', default='', help='of topics that are not named (none)')


def open_named(args: argparse.Namespace) -> AbstractContextManager[ImageBag]:
    """Open ``args.bag`` with the topics that these options name; raises as ``open_bag``."""
    named = {m: topic for m in Modality if (topic := getattr(args, f'{m}_topic'))}
    return open_bag(args.bag, named, args.namespace)
