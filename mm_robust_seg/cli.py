# Copyright 2026 mm_robust_seg maintainers
# SPDX-License-Identifier: Apache-2.0

"""``mm-robust-seg``: one command for everything, ROS nodes included.

The module of a command has its name, with ``_`` for ``-``, and is imported when the command is
used, so that each needs only its own dependencies. It has ``EXAMPLE``, ``add_arguments(parser)``
and ``run(args) -> Result``, and ``DESCRIPTION`` where one line does not say enough.
"""

from __future__ import annotations

import argparse
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from importlib import import_module
import os
import sys
import threading

from mm_robust_seg import __version__
from mm_robust_seg.errors import ConfigError, RobustSegError
from mm_robust_seg.foreign_text import shortened
from mm_robust_seg.report.terminal import Result, show
from mm_robust_seg.signals import INTERRUPTED, termination_interrupts

PROGRAM = 'mm-robust-seg'
WRONG_INPUT = 2
_ROS_ARGS = '--ros-args'
_LONGEST_LINE = 20_000


@dataclass(frozen=True)
class Command:
    """What a command is.

    Attributes:
        summary: what it does, in one line.
        remedy: what to install if an import fails.
        ends: whether it comes to a result by itself, which programs may want as JSON; one that
            does not is a ROS node, and is given what follows ``--ros-args``.
    """

    summary: str
    remedy: str = 'pip install mm_robust_seg'
    ends: bool = True


_ROS = 'source /opt/ros/<distribution>/setup.bash, or use the environment of "make demo"'
_TRAINING = 'in the folder of the package: pip install torch==2.13.0 && pip install -e ".[train]"'
COMMANDS: Mapping[str, Command] = {
    'demo': Command('play failing cameras through the ROS 2 node and report', _ROS),
    'node': Command('run the segmentation node', _ROS, ends=False),
    'rig': Command('publish simulated cameras that fail, as a ROS 2 node', _ROS, ends=False),
    'replay': Command('make masks from a recorded bag'),
    'make-bag': Command('turn a folder of images into a bag'),
    'break-bag': Command('copy a bag in which cameras fail'),
    'bundle-info': Command('verify a model bundle and show it'),
    'build-engines': Command('build the TensorRT engines of a bundle for this GPU'),
    'inspect': Command('look a labelled data set over'),
    'evaluate': Command('measure a bundle on a labelled data set'),
    'compare': Command('put methods side by side on one base'),
    'train': Command('train a network on a data set', _TRAINING),
    'adapt': Command('train adapters on a frozen network', _TRAINING),
    'export': Command('write a trained run as a model bundle', _TRAINING),
    'quantize': Command(
        'write a model bundle in fp16 or int8',
        'pip install "onnx>=1.16,<2" "onnxruntime>=1.17,<2"',
    ),
    'golden': Command('give a model bundle the label maps that engines are checked with'),
    'summary': Command('count what a network and its adapters cost', _TRAINING),
    'importance': Command('measure how much each sensor carries, and where', _TRAINING),
}


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command; return 0, 2 on wrong input or 130 on Ctrl-C and its kin."""
    code = _run(arguments)
    if threading.active_count() > 1:
        _leave_abandoned(code)
    return code


def _run(arguments: Sequence[str] | None) -> int:
    given = list(sys.argv[1:] if arguments is None else arguments)
    try:
        with termination_interrupts():
            args = _parsed(given)
            with _complete(given[0]):
                result: Result = args.run(args)
                show(result, as_json='json' in args and args.json)
            if result.failure:
                raise result.failure
            return result.code
    except RobustSegError as error:
        return _fail(str(error))
    except OSError as error:
        if error.strerror is None:
            raise
        return _fail(': '.join(str(part) for part in (error.filename, error.strerror) if part))
    except KeyboardInterrupt:
        sys.stderr.write('interrupted\n')
        return INTERRUPTED


def _leave_abandoned(code: int) -> None:
    """End the process here if a runtime never returned: it would not survive a usual end."""
    from mm_robust_seg.engine.patience import is_any_abandoned  # noqa: PLC0415

    if is_any_abandoned():
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(code)


def segmentation() -> int:
    """Run node, for ``ros2 run mm_robust_seg segmentation`` and launch files."""
    return main(['node', *sys.argv[1:]])


def rig() -> int:
    """Run rig, for ``ros2 run mm_robust_seg rig`` and launch files."""
    return main(['rig', *sys.argv[1:]])


def build_engines() -> int:
    """Run build-engines, for ``ros2 run mm_robust_seg build_engines BUNDLE``."""
    return main(['build-engines', *sys.argv[1:]])


def _fail(message: str) -> int:
    printable = '\n'.join(shortened(line, _LONGEST_LINE) for line in message.splitlines())
    sys.stderr.write(f'{PROGRAM}: {printable}\n')
    return WRONG_INPUT


def _parsed(given: list[str]) -> argparse.Namespace:
    """Parse a command line; alone, the program lists its commands.

    Raises:
        ConfigError: if ROS arguments are given to what is no node.
    """
    place = given.index(_ROS_ARGS) if _ROS_ARGS in given else len(given)
    own, for_ros = given[:place], given[place:]
    parser = _parser(own[0] if own else '')
    if not given:
        parser.print_help(sys.stderr)
        parser.exit(WRONG_INPUT)
    args = parser.parse_args(own)
    args.ros_args = for_ros
    if for_ros and COMMANDS[own[0]].ends:
        raise ConfigError(f'{own[0]} is no ROS node: expected it without {_ROS_ARGS}')
    return args


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
        formatter = argparse.RawDescriptionHelpFormatter
        options = commands.add_parser(name, help=command.summary, formatter_class=formatter)
        if name == chosen:
            with _complete(name):
                module = import_module(f'mm_robust_seg.commands.{name.replace("-", "_")}')
            module.add_arguments(options)
            if command.ends:
                options.add_argument('--json', action='store_true', help='print it as JSON')
            options.description = getattr(module, 'DESCRIPTION', command.summary)
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
