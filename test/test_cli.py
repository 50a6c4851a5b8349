# Copyright 2026 mm_robust_seg maintainers
# SPDX-License-Identifier: Apache-2.0

"""The command line: help, exit codes, and that each command needs only its own dependencies."""

from __future__ import annotations

import importlib.util
import json
from pathlib import Path
import signal
import subprocess
import sys

import pytest

from mm_robust_seg import cli
from mm_robust_seg.errors import DataError
from mm_robust_seg.report.document import Table, Text
from mm_robust_seg.report.terminal import Result

NEEDS = {'demo': 'rclpy', 'node': 'rclpy', 'rig': 'rclpy'}


def installed(command: str) -> bool:
    return command not in NEEDS or importlib.util.find_spec(NEEDS[command]) is not None


@pytest.mark.parametrize('command', cli.COMMANDS)
def test_help_of_every_command_shows_an_example(command, capsys):
    if not installed(command):
        pytest.skip(f'{command} needs {NEEDS[command]}')
    with pytest.raises(SystemExit) as end:
        cli.main([command, '--help'])
    assert end.value.code == 0
    text = capsys.readouterr().out
    assert f'example:\n  mm-robust-seg {command}' in text
    assert ('--json' in text) == cli.COMMANDS[command].ends, 'programs read every result'


def test_help_lists_every_command_without_importing_any():
    code = (
        'import sys; from mm_robust_seg import cli\n'
        'try: cli.main(["--help"])\n'
        'except SystemExit: print(*[m for m in ("cv2", "torch", "rosbags", "rclpy") '
        'if m in sys.modules], sep=",")'
    )
    root = Path(cli.__file__).parent.parent
    done = subprocess.run(
        [sys.executable, '-c', code], cwd=root, capture_output=True, text=True, check=True
    )
    assert all(command in done.stdout for command in cli.COMMANDS)
    assert done.stdout.splitlines()[-1] == ''


def test_no_help_needs_what_a_robot_does_not_have():
    names = [name for name in cli.COMMANDS if name not in NEEDS]
    code = (
        'import sys; from mm_robust_seg import cli\n'
        f'for name in {names}:\n'
        '    try: cli.main([name, "--help"])\n'
        '    except SystemExit: pass\n'
        'print(*[m for m in ("torch", "onnx", "rclpy", "tensorrt") if m in sys.modules], sep=",")'
    )
    root = Path(cli.__file__).parent.parent
    done = subprocess.run(
        [sys.executable, '-c', code], cwd=root, capture_output=True, text=True, check=True
    )
    assert done.stdout.count('example:') == len(names)
    assert done.stdout.splitlines()[-1] == ''


@pytest.mark.parametrize(
    ('command', 'module', 'remedy'),
    [('train', 'torch', '-e ".[train]"'), ('demo', 'rclpy', 'make demo')],
)
def test_a_missing_dependency_is_named_with_its_remedy(
    command, module, remedy, monkeypatch, capsys
):
    def missing(name):
        raise ModuleNotFoundError(f'No module named {module!r}', name=module)

    monkeypatch.setattr(cli, 'import_module', missing)
    assert cli.main([command]) == 2
    error = capsys.readouterr().err
    assert f'{command} needs {module}' in error
    assert remedy in error


def test_a_missing_module_of_the_package_is_a_bug_and_shows_it(monkeypatch):
    def missing(name):
        raise ModuleNotFoundError('No module', name='mm_robust_seg.nothing')

    monkeypatch.setattr(cli, 'import_module', missing)
    with pytest.raises(ModuleNotFoundError):
        cli.main(['replay'])


class Script:
    """A command that raises what it is told."""

    EXAMPLE = 'mm-robust-seg replay'

    def __init__(self, error: BaseException | None) -> None:
        self.error = error

    def add_arguments(self, parser) -> None:
        pass

    def run(self, args) -> Result:
        if self.error:
            raise self.error
        return Result()


@pytest.mark.parametrize(
    ('error', 'code', 'text'),
    [
        (None, 0, ''),
        (DataError('the bag is wet: dry it'), 2, 'mm-robust-seg: the bag is wet: dry it\n'),
        (PermissionError(13, 'Permission denied', '/x'), 2, '/x: Permission denied\n'),
        (OSError(28, 'No space left on device'), 2, 'mm-robust-seg: No space left on device\n'),
        (KeyboardInterrupt(), 130, 'interrupted\n'),
    ],
)
def test_expected_ends_give_one_line_and_their_exit_code(error, code, text, monkeypatch, capsys):
    monkeypatch.setattr(cli, 'import_module', lambda name: Script(error))
    assert cli.main(['replay']) == code
    shown = capsys.readouterr().err
    assert shown.endswith(text)
    assert shown.count('\n') == text.count('\n')


def test_sigterm_ends_a_command_as_ctrl_c_does(monkeypatch):
    class Terminated(Script):
        def run(self, args) -> Result:
            signal.raise_signal(signal.SIGTERM)
            return Result()

    before = signal.getsignal(signal.SIGTERM)
    monkeypatch.setattr(cli, 'import_module', lambda name: Terminated(None))
    assert cli.main(['replay']) == 130
    assert signal.getsignal(signal.SIGTERM) is before


@pytest.mark.parametrize('bug', [KeyError('x'), OSError('no file')])
def test_a_bug_keeps_its_traceback(bug, monkeypatch):
    monkeypatch.setattr(cli, 'import_module', lambda name: Script(bug))
    with pytest.raises(type(bug)):
        cli.main(['replay'])


@pytest.mark.parametrize(
    'arguments', [[], ['fly'], ['replay'], ['make-bag', 'x'], ['replay', 'x', '--backend', 'y']]
)
def test_wrong_usage_exits_with_2(arguments, capsys):
    with pytest.raises(SystemExit) as end:
        cli.main(arguments)
    assert end.value.code == 2
    assert 'usage: mm-robust-seg' in capsys.readouterr().err


def test_alone_it_lists_the_commands(capsys):
    with pytest.raises(SystemExit):
        cli.main([])
    error = capsys.readouterr().err
    for name, command in cli.COMMANDS.items():
        assert name in error
        assert command.summary.split()[0] in error


def test_arguments_for_ros_go_to_nodes_and_to_nothing_else(monkeypatch, capsys):
    class Node(Finished):
        def run(self, args) -> Result:
            return Result(code=args.ros_args == ['--ros-args', '-r', 'a:=b'])

    monkeypatch.setattr(cli, 'import_module', lambda name: Node())
    assert cli.main(['node', '--ros-args', '-r', 'a:=b']) == 1
    assert cli.main(['node']) == 0
    assert cli.main(['replay', '--ros-args', '-r', 'a:=b']) == 2
    assert 'replay is no ROS node' in capsys.readouterr().err


@pytest.mark.parametrize(
    'arguments',
    [
        ['replay', '{here}/nothing'],
        ['replay', '{here}'],
        ['make-bag', '{here}/nothing', '--out', '{here}/bag'],
        ['bundle-info', '{here}'],
    ],
)
def test_wrong_input_gives_one_line_that_names_it(arguments, tmp_path, capsys):
    assert cli.main([text.format(here=tmp_path) for text in arguments]) == 2
    error = capsys.readouterr().err
    assert str(tmp_path) in error
    assert error.count('\n') == 1
    assert not list(tmp_path.iterdir())


class Finished(Script):
    """A command with a result."""

    def __init__(self, **end) -> None:
        super().__init__(None)
        table = Table(('sensor', 'masks'), [('rgb', '5'), ('[red]', '7')], colors=[(1, 2, 3)] * 2)
        blocks = [Text('done in /a/b'), table]
        self.result = Result({'masks': 12}, blocks, 'mm-robust-seg replay BAG', **end)

    def run(self, args) -> Result:
        return self.result


def test_people_get_blocks_and_the_next_step_and_programs_the_facts(monkeypatch, capsys):
    monkeypatch.setattr(cli, 'import_module', lambda name: Finished())
    assert cli.main(['replay']) == 0
    shown = capsys.readouterr().out
    assert all(text in shown for text in ('done in /a/b', 'sensor', 'rgb', '[red]', '7'))
    assert shown.endswith('next: mm-robust-seg replay BAG\n')
    assert cli.main(['replay', '--json']) == 0
    assert json.loads(capsys.readouterr().out) == {'masks': 12}


@pytest.mark.parametrize('words', [['replay'], ['replay', '--json']])
@pytest.mark.parametrize(
    ('end', 'code', 'error'),
    [({'code': 1}, 1, ''), ({'failure': DataError('wet')}, 2, 'mm-robust-seg: wet\n')],
)
def test_a_result_that_is_bad_or_in_part_is_shown_before_its_code(
    words, end, code, error, monkeypatch, capsys
):
    monkeypatch.setattr(cli, 'import_module', lambda name: Finished(**end))
    assert cli.main(words) == code
    shown = capsys.readouterr()
    assert '12' in shown.out or 'done' in shown.out
    assert shown.err == error


def test_every_command_has_a_module_of_its_name_and_no_other_module_is_there():
    folder = Path(cli.__file__).parent / 'commands'
    found = {path.stem for path in folder.glob('*.py')} - {'__init__', 'options'}
    assert found == {name.replace('-', '_') for name in cli.COMMANDS}
