"""``mm-robust-seg``: one command for everything that is not a ROS node.

A command's module is imported when the command is used, so that each needs only its own
dependencies. It has ``EXAMPLE``, ``add_arguments(parser)`` and ``run(args) -> exit code``.
"""

from __future__ import annotations

import argparse
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from importlib import import_module
import sys

from mm_robust_seg import __version__
from mm_robust_seg.errors import ConfigError, RobustSegError
from mm_robust_seg.signals import INTERRUPTED, termination_interrupts

PROGRAM = 'mm-robust-seg'
WRONG_INPUT = 2


@dataclass(frozen=True)
class Command:
    """Where a command lives and what it takes to have it.

    Attributes:
        summary: what it does, in one line.
        module: where its options and its body are.
        remedy: what to install if an import fails.
    """

    summary: str
    module: str
    remedy: str = 'pip install mm_robust_seg'


_TRAINING = 'in the folder of the package: pip install torch==2.13.0 && pip install -e ".[train]"'
COMMANDS: Mapping[str, Command] = {
    'demo': Command(
        'play failing cameras through the ROS 2 node and report',
        'mm_robust_seg.commands.demo',
        'source /opt/ros/<distribution>/setup.bash, or start the demo with "make demo"',
    ),
    'rig': Command(
        'publish simulated cameras that fail, as a ROS 2 node',
        'mm_robust_seg.commands.rig',
        'source /opt/ros/<distribution>/setup.bash, or run it from the environment of "make demo"',
    ),
    'replay': Command('make masks from a recorded bag', 'mm_robust_seg.commands.replay'),
    'make-bag': Command('turn a folder of images into a bag', 'mm_robust_seg.commands.make_bag'),
    'break-bag': Command('copy a bag in which cameras fail', 'mm_robust_seg.commands.break_bag'),
    'bundle-info': Command(
        'verify a model bundle and show it', 'mm_robust_seg.commands.bundle_info'
    ),
    'build-engines': Command(
        'build the TensorRT engines of a bundle for this GPU',
        'mm_robust_seg.commands.build_engines',
    ),
    'inspect': Command('look a labelled data set over', 'mm_robust_seg.commands.inspect'),
    'evaluate': Command(
        'measure a bundle on a labelled data set', 'mm_robust_seg.commands.evaluate'
    ),
    'compare': Command('put methods side by side on one base', 'mm_robust_seg.commands.compare'),
    'train': Command('train a network on a data set', 'mm_robust_seg.commands.train', _TRAINING),
    'adapt': Command(
        'train adapters on a frozen network', 'mm_robust_seg.commands.adapt', _TRAINING
    ),
    'export': Command(
        'write a trained run as a model bundle', 'mm_robust_seg.commands.export', _TRAINING
    ),
    'quantize': Command(
        'write a model bundle in fp16 or int8',
        'mm_robust_seg.commands.quantize',
        'pip install "onnx>=1.16,<2"',
    ),
    'golden': Command(
        'give a model bundle the label maps that engines are checked with',
        'mm_robust_seg.commands.golden',
    ),
    'summary': Command(
        'count what a network and its adapters cost',
        'mm_robust_seg.commands.summary',
        _TRAINING,
    ),
    'importance': Command(
        'measure how much each sensor carries, and where',
        'mm_robust_seg.commands.importance',
        _TRAINING,
    ),
}


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command; return 0, 2 on wrong input or 130 on Ctrl-C and its kin."""
    given = list(sys.argv[1:] if arguments is None else arguments)
    try:
        with termination_interrupts():
            args = _parser(given[0] if given else '').parse_args(given)
            with _complete(given[0]):
                return int(args.run(args))
    except RobustSegError as error:
        return _fail(str(error))
    except OSError as error:
        if error.strerror is None:
            raise
        return _fail(': '.join(str(part) for part in (error.filename, error.strerror) if part))
    except KeyboardInterrupt:
        sys.stderr.write('interrupted\n')
        return INTERRUPTED


def build_engines() -> int:
    """Run build-engines, for ``ros2 run mm_robust_seg build_engines BUNDLE``."""
    return main(['build-engines', *sys.argv[1:]])


def _fail(message: str) -> int:
    sys.stderr.write(f'{PROGRAM}: {message}\n')
    return WRONG_INPUT


def _parser(chosen: str) -> argparse.ArgumentParser:
    """Declare all commands, and the options of the chosen one."""
    parser = argparse.ArgumentParser(
        PROGRAM,
        description='Segmentation from RGB, thermal and depth that survives sensor failures.',
        epilog=f'"{PROGRAM} COMMAND --help" explains a command. Example: {PROGRAM} demo',
    )
    parser.add_argument('--version', action='version', version=__version__)
    commands = parser.add_subparsers(metavar='COMMAND', required=True)
    for name, command in COMMANDS.items():
        options = commands.add_parser(
            name,
            help=command.summary,
            description=command.summary,
            formatter_class=argparse.RawDescriptionHelpFormatter,
        )
        if name == chosen:
            with _complete(name):
                module = import_module(command.module)
            module.add_arguments(options)
            options.epilog = f'example:\n  {module.EXAMPLE}'
            options.set_defaults(run=module.run)
    return parser


@contextmanager
def _complete(name: str) -> Iterator[None]:
    """Turn the lack of a dependency of command ``name`` into advice."""
    try:
        yield
    except ModuleNotFoundError as error:
        if (error.name or '').split('.')[0] in ('', 'mm_robust_seg'):
            raise
        raise ConfigError(
            f'{name} needs {error.name}, which is not installed: {COMMANDS[name].remedy}'
        ) from error


if __name__ == '__main__':
    sys.exit(main())
