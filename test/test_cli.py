"""The command line: help, exit codes, and that each command needs only its own dependencies."""

from __future__ import annotations

import importlib.util
from pathlib import Path
import signal
import subprocess
import sys

import pytest

from mm_robust_seg import cli
from mm_robust_seg.errors import DataError

NEEDS = {'demo': 'rclpy', 'rig': 'rclpy'}


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

    def run(self, args) -> int:
        if self.error:
            raise self.error
        return 0


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
        def run(self, args) -> int:
            signal.raise_signal(signal.SIGTERM)
            return 0

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


def test_every_command_is_where_the_table_says():
    for command in cli.COMMANDS.values():
        path = Path(cli.__file__).parent / Path(*command.module.split('.')[1:])
        assert path.with_suffix('.py').is_file(), command.module
