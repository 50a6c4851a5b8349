# Copyright 2026 mm_robust_seg maintainers
# SPDX-License-Identifier: Apache-2.0

"""Child processes, with scripts in place of ROS nodes."""

import os
from pathlib import Path
import signal
import socket
import subprocess
import sys
import time

import pytest

from mm_robust_seg.errors import RobustSegError
from mm_robust_seg.ros.processes.children import (
    Children,
    quiet_domain,
    ros_environment,
)

ROOT = Path(__file__).parents[3]
STUBBORN = """
import signal, subprocess, sys, time
signal.signal(signal.SIGINT, signal.SIG_IGN)
signal.signal(signal.SIGTERM, signal.SIG_IGN)
child = subprocess.Popen([sys.executable, '-c', 'import time; time.sleep(60)'])
print(child.pid, flush=True)
time.sleep(60)
"""


@pytest.fixture
def children(tmp_path):
    with Children({'PYTHONPATH': str(tmp_path)}, tmp_path / 'log') as started:
        yield started


def script(folder: Path, name: str, text: str) -> None:
    (folder / f'{name}.py').write_text(text)


def until(condition, timeout_s=20.0):
    end_s = time.monotonic() + timeout_s
    while not condition():
        assert time.monotonic() < end_s, 'the condition did not come true in time'
        time.sleep(0.02)


def is_running(pid: int) -> bool:
    try:
        return Path(f'/proc/{pid}/stat').read_text().rsplit(')', 1)[1].split()[0] not in 'ZX'
    except OSError:
        return False


def test_a_child_that_ends_early_is_reported_with_its_last_lines(tmp_path, children):
    script(tmp_path, 'failing', "import sys; print('the reason'); sys.exit(3)")
    child = children.start('failing', 'failing', [])
    until(lambda: not child.is_alive)
    with pytest.raises(RobustSegError) as caught:
        children.check()
    message = str(caught.value)
    assert 'failing exited with 3' in message
    assert 'the reason' in message and 'failing.log' in message


def test_a_killed_child_is_reported_by_the_name_of_the_signal(tmp_path, children):
    script(tmp_path, 'sleeping', 'import time; time.sleep(60)')
    child = children.start('sleeping', 'sleeping', [])
    children.check()
    child.signal(signal.SIGKILL)
    until(lambda: not child.is_alive)
    with pytest.raises(RobustSegError, match='was ended by SIGKILL'):
        children.check()


def test_a_child_that_ignores_signals_ends_with_its_own_children(tmp_path, monkeypatch):
    patience = [(signal.SIGINT, 0.2), (signal.SIGTERM, 0.2), (signal.SIGKILL, 5.0)]
    monkeypatch.setattr('mm_robust_seg.ros.processes.children._PATIENCE_S', patience)
    script(tmp_path, 'stubborn', STUBBORN)
    log = tmp_path / 'log' / 'stubborn.log'
    with Children({'PYTHONPATH': str(tmp_path)}, tmp_path / 'log') as children:
        child = children.start('stubborn', 'stubborn', [])
        until(lambda: log.read_text().strip())
    grandchild = int(log.read_text())
    assert not child.is_alive
    until(lambda: not is_running(grandchild))


@pytest.mark.skipif(sys.platform != 'linux', reason='the kernel of Linux does it')
def test_children_end_when_their_parent_is_killed(tmp_path):
    script(tmp_path, 'sleeping', 'import os, time; print(os.getpid(), flush=True); time.sleep(60)')
    parent = (
        'import sys, time\n'
        'from pathlib import Path\n'
        'from mm_robust_seg.ros.processes.children import Children\n'
        f'folder = {str(tmp_path)!r}\n'
        "children = Children({'PYTHONPATH': folder}, Path(folder) / 'log')\n"
        "children.start('sleeping', 'sleeping', [])\n"
        'time.sleep(60)\n'
    )
    process = subprocess.Popen([sys.executable, '-c', parent], cwd=ROOT)
    log = tmp_path / 'log' / 'sleeping.log'
    until(lambda: log.is_file() and log.read_text().strip())
    process.kill()
    process.wait()
    until(lambda: not is_running(int(log.read_text())))


def test_the_environment_names_the_profile_for_every_fast_dds(tmp_path):
    variables = ros_environment(42, tmp_path / 'profile.xml')
    assert variables['ROS_DOMAIN_ID'] == '42'
    assert variables['FASTDDS_DEFAULT_PROFILES_FILE'].endswith('profile.xml')
    assert variables['FASTRTPS_DEFAULT_PROFILES_FILE'].endswith('profile.xml')
    assert str(ROOT) in variables['PYTHONPATH'].split(os.pathsep)


def test_a_domain_in_use_is_not_quiet():
    first = quiet_domain()
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as held:
        held.bind(('', 7410 + 250 * first))
        assert quiet_domain() != first
