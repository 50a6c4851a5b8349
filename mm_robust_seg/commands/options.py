# Copyright 2026 mm_robust_seg maintainers
# SPDX-License-Identifier: Apache-2.0

"""The options that commands share, and what is made of them.

What an option needs is imported when it is used, so that a command needs its own dependencies
alone.
"""

from __future__ import annotations

import argparse
from contextlib import AbstractContextManager
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from mm_robust_seg.errors import ConfigError, DataError
from mm_robust_seg.modality import Modality
from mm_robust_seg.report.document import Text
from mm_robust_seg.report.terminal import Result, TerminalProgress

if TYPE_CHECKING:
    import torch

    from mm_robust_seg.config import Config
    from mm_robust_seg.datasets.samples import Dataset
    from mm_robust_seg.modalities.input_spec import InputSpec
    from mm_robust_seg.recordings.bag import ImageBag
    from mm_robust_seg.training.methods import Command
    from mm_robust_seg.training.recipe import Recipe

_SIMULATED_SAMPLES = 60


def add_bundle(parser: argparse.ArgumentParser) -> None:
    """Declare the bundle that a command is about."""
    parser.add_argument('bundle', help='model folder, or the name of one in models/')


def add_backend(parser: argparse.ArgumentParser) -> None:
    """Declare ``--backend``; None is as configured."""
    from mm_robust_seg.config import EngineConfig
    from mm_robust_seg.schema import flatten

    backends = next(s.allowed for n, _, s in flatten(EngineConfig()) if n == 'backend')
    parser.add_argument('--backend', choices=backends, help='inference runtime (auto)')


def add_computing(parser: argparse.ArgumentParser, device: bool = True) -> None:
    """Declare ``--threads`` and ``--device``."""
    parser.add_argument('--threads', type=int, default=0, help='CPU threads; 0 means all')
    if device:
        parser.add_argument(
            '--device', choices=('auto', 'cpu', 'cuda'), default='auto', help='where to (auto)'
        )


def use_threads(args: argparse.Namespace) -> None:
    """Let torch use as many threads as ``--threads`` says."""
    import torch

    if args.threads:
        torch.set_num_threads(args.threads)


def chosen_device(name: str) -> torch.device:
    """Return the device; a process of several gets its own GPU.

    Raises:
        ConfigError: if a GPU is asked for and there is none.
    """
    import torch

    from mm_robust_seg.training.loop.process_group import local_rank

    if name == 'cpu' or (name == 'auto' and not torch.cuda.is_available()):
        return torch.device('cpu')
    if not torch.cuda.is_available():
        raise ConfigError('torch finds no GPU for --device cuda: install a CUDA build, or use cpu')
    device = torch.device('cuda', local_rank())
    torch.cuda.set_device(device)
    return device


def positive(text: str) -> int:
    """Read a whole number of at least 1; a type of argparse."""
    number = int(text)
    if number < 1:
        raise argparse.ArgumentTypeError(f'{number} is too little: expected at least 1')
    return number


def add_topics(parser: argparse.ArgumentParser) -> None:
    """Declare where a bag holds its images: a topic for each sensor, and ``--namespace``."""
    for modality in Modality:
        parser.add_argument(
            f'--{modality}-topic',
            metavar='TOPIC',
            help=f'image topic ({modality}/image in the namespace, or what looks like it)',
        )
    parser.add_argument('--namespace', default='', help='of topics that are not named (none)')


def open_named(args: argparse.Namespace, config: Config) -> AbstractContextManager[ImageBag]:
    """Open ``args.bag`` with the topics that ``add_topics`` declared; the others are guessed.

    Raises as ``open_bag``.
    """
    from mm_robust_seg.recordings.bag import open_bag

    named = {m: topic for m in Modality if (topic := getattr(args, f'{m}_topic'))}
    return open_bag(args.bag, named, args.namespace, config)


def add_dataset(parser: argparse.ArgumentParser, is_required: bool = True) -> None:
    """Declare ``--dataset`` and ``--data``."""
    from mm_robust_seg.datasets.load import kinds

    parser.add_argument(
        '--dataset', required=is_required, choices=kinds(), help='kind of data set'
    )
    parser.add_argument('--data', type=Path, help='folder of the data set; not for sim')


def add_split(parser: argparse.ArgumentParser) -> None:
    """Declare ``--split`` and ``--samples``."""
    parser.add_argument('--split', default='val', help='split of the data set (val)')
    parser.add_argument(
        '--samples',
        type=int,
        help=f'use only so many, evenly spaced; sim renders so many ({_SIMULATED_SAMPLES})',
    )


def open_dataset(
    args: argparse.Namespace,
    inputs: InputSpec,
    class_count: int,
    split: str,
    samples: int | None = None,
) -> Dataset:
    """Open a split in ``class_count`` classes, where the data set has such a list.

    Otherwise it comes with its usual classes, and what is done with it says how they differ.

    Args:
        args: what ``add_dataset`` declared.
        split, samples: what ``add_split`` declared.

    Raises:
        ConfigError: if an option is missing or makes no sense.
        DataError: if the folder is not what it should be, or the split is empty.
    """
    from mm_robust_seg.datasets.load import load_split

    if samples is not None and samples < 1:
        raise ConfigError(f'--samples is {samples}: expected at least 1')
    if args.dataset != 'sim' and args.data is None:
        raise ConfigError(f'{args.dataset} is read from a folder: give it with --data')

    def load(classes: int) -> Dataset:
        return load_split(
            args.dataset,
            args.data or Path(),
            split,
            classes=classes,
            count=samples or _SIMULATED_SAMPLES,
            size_px=(inputs.width_px, inputs.height_px),
            inputs=inputs,
        )

    try:
        dataset = load(class_count)
    except ConfigError:
        dataset = load(0)
    if len(dataset) == 0:
        raise DataError(f'the split {split} is empty: expected at least one sample')
    return dataset


def add_run(parser: argparse.ArgumentParser, method: str) -> None:
    """Declare the options of a training; ``method`` is the default."""
    parser.add_argument('recipe', type=Path, help='YAML recipe, such as config/train_sim.yaml')
    parser.add_argument(
        '--method', default=method, help=f'name; a wrong one lists all (default: {method})'
    )
    parser.add_argument('--data', type=Path, help='folder of the data set; none for sim')
    parser.add_argument('--out', type=Path, required=True, help='folder of the run')
    parser.add_argument('--resume', action='store_true', help='go on where --out stopped')
    parser.add_argument('--seed', type=int, help='seed of everything random')
    parser.add_argument(
        '--set', action='append', default=[], metavar='NAME=VALUE', help='change the recipe'
    )
    add_computing(parser)


def add_pretrained(parser: argparse._ActionsContainer) -> None:
    """Declare ``--pretrained``, a file or, without one, the package that holds weights."""
    parser.add_argument(
        '--pretrained',
        type=Path,
        nargs='?',
        const=Path('package'),
        metavar='FILE',
        help='ImageNet weights of the encoders (.npz); without FILE those of an installed package',
    )


def recipe_of(args: argparse.Namespace) -> Recipe:
    """Read the recipe with what the options of a training change."""
    from mm_robust_seg.training.recipe import load_recipe

    seed = [] if args.seed is None else [f'seed={args.seed}']
    recipe = load_recipe(args.recipe, [*args.set, *seed])
    if args.data:
        recipe = replace(recipe, data=replace(recipe.data, folder=str(args.data)))
    return recipe


def trained(
    args: argparse.Namespace,
    command: Command,
    recipe: Recipe,
    next_step: str,
    init: Path | None,
    importance: Path | None = None,
) -> Result:
    """Train as ``add_run`` declared; of several processes one has a result to show."""
    from mm_robust_seg.training.preparation import RunRequest
    from mm_robust_seg.training.run import run_method

    use_threads(args)
    device = chosen_device(args.device)
    request = RunRequest(
        command, args.method, recipe, init, args.out, args.resume, device, importance
    )
    with TerminalProgress() as progress:
        facts = run_method(request, progress)
    if facts is None:
        return Result()
    said = f'{facts["method"]}: {facts["steps"]} steps, {facts["seconds"]:.0f} s, in {args.out}'
    return Result(facts, [Text(said)], next_step)
