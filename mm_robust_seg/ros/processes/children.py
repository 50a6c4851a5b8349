# Copyright 2026 mm_robust_seg maintainers
# SPDX-License-Identifier: Apache-2.0

"""Child processes that never outlive their parent, and what they need to talk."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
import ctypes
import os
from pathlib import Path
import signal
import socket
import subprocess
import sys
import time

from mm_robust_seg.errors import RobustSegError
from mm_robust_seg.signals import signals_held_back

_LIBC = ctypes.CDLL(None)
_PR_SET_PDEATHSIG = 1
_PATIENCE_S = (
    (signal.SIGINT, 6.0),
    (signal.SIGTERM, 2.0),
    (signal.SIGKILL, 2.0),
)
_LAST_LINES = 12
_FIRST_DOMAIN, _DOMAINS = 40, 60


def quiet_domain() -> int:
    """Return a ROS domain of which nobody on this machine holds the first port.

    Raises:
        RobustSegError: if there is none left.
    """
    for number in range(_DOMAINS):
        domain_id = _FIRST_DOMAIN + (os.getpid() + number) % _DOMAINS
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
            try:
                probe.bind(('', 7410 + 250 * domain_id))  # DDSI-RTPS, 9.6.2.3
            except OSError:
                continue
        return domain_id
    last = _FIRST_DOMAIN + _DOMAINS - 1
    raise RobustSegError(
        f'the ROS domains {_FIRST_DOMAIN} to {last} are all in use: end some ROS processes'
    )


def ros_environment(domain_id: int, profile: Path) -> dict[str, str]:
    """Return variables for processes of one machine that exchange images and hear no others.

    Child interpreters inherit LD_LIBRARY_PATH from this one, so ROS from wheels starts at once.
    """
    package_parent = str(Path(__file__).resolve().parents[3])
    paths = [package_parent, *filter(None, [os.environ.get('PYTHONPATH')])]
    environment = {
        'ROS_DOMAIN_ID': str(domain_id),
        'ROS_AUTOMATIC_DISCOVERY_RANGE': 'LOCALHOST',
        'FASTDDS_DEFAULT_PROFILES_FILE': str(profile),  # Fast DDS 3: Kilted
        'FASTRTPS_DEFAULT_PROFILES_FILE': str(profile),  # Fast DDS 2: Humble, Jazzy
        'AMENT_PREFIX_PATH': os.environ.get('AMENT_PREFIX_PATH', sys.prefix),
        'PYTHONPATH': os.pathsep.join(paths),
        'PYTHONUNBUFFERED': '1',
        'RCUTILS_COLORIZED_OUTPUT': '0',
    }
    if os.environ.get('ROS_DISTRO') == 'humble':
        environment['ROS_LOCALHOST_ONLY'] = '1'
    return environment


def parameters(values: Mapping[str, object]) -> list[str]:
    """Return the ROS arguments that set parameters, for ``Children.start``."""

    def text(value: object) -> str:
        return str(value).lower() if isinstance(value, bool) else str(value)

    return [part for name, value in values.items() for part in ('-p', f'{name}:={text(value)}')]


class Child:
    """A running process whose output goes to a file."""

    def __init__(self, name: str, command: Sequence[str], variables: Mapping[str, str], log: Path):
        self.name, self._log = name, log
        log.parent.mkdir(parents=True, exist_ok=True)
        with log.open('wb') as stream:
            self._process = subprocess.Popen(
                command,
                stdin=subprocess.DEVNULL,
                stdout=stream,
                stderr=subprocess.STDOUT,
                env={**os.environ, **variables},
                start_new_session=True,
                preexec_fn=_die_with_parent,  # noqa: PLW1509  threads start later
            )

    @property
    def pid(self) -> int:
        """Process id."""
        return self._process.pid

    @property
    def is_alive(self) -> bool:
        """Whether the process runs."""
        return self._process.poll() is None

    def check(self) -> None:
        """Raise RobustSegError, with the end of the log, if the process has ended."""
        code = self._process.poll()
        if code is not None:
            how = (
                f'was ended by {signal.Signals(-code).name}' if code < 0 else f'exited with {code}'
            )
            raise RobustSegError(
                f'{self.name} {how} before the scenario was over. Its last lines:\n'
                f'{self.last_lines()}\nMend what they name; the whole log is {self._log}'
            )

    def last_lines(self) -> str:
        """Return the end of the log, indented."""
        lines = self._log.read_text(encoding='utf-8', errors='replace').splitlines()
        return '\n'.join(f'  {line}' for line in lines[-_LAST_LINES:]) or '  (nothing)'

    def signal(self, number: signal.Signals) -> None:
        """Send a signal to the process and whatever it started."""
        if self.is_alive:
            os.killpg(self._process.pid, number)


class Children:
    """A context that starts processes and, however it is left, ends them all.

    Start them before threads (rclpy's are some): a fork copies locks that others hold.
    """

    def __init__(self, variables: Mapping[str, str], log_folder: Path) -> None:
        self._variables, self._log_folder = variables, log_folder
        self._children: list[Child] = []

    def __enter__(self) -> Children:
        return self

    def __exit__(self, *_exception: object) -> None:
        with signals_held_back():
            self.stop()

    def start(self, name: str, module: str, arguments: Sequence[str]) -> Child:
        """Start ``python -m module`` with ROS arguments."""
        command = [sys.executable, '-m', module, '--ros-args', *arguments]
        with signals_held_back():
            child = Child(name, command, self._variables, self._log_folder / f'{name}.log')
            self._children.append(child)
        return child

    def check(self) -> None:
        """Raise RobustSegError if a child has ended."""
        for child in self._children:
            child.check()

    def stop(self) -> None:
        """Ask all children to end, and insist."""
        for number, patience_s in _PATIENCE_S:
            for child in self._children:
                child.signal(number)
            end_s = time.monotonic() + patience_s
            while any(child.is_alive for child in self._children):
                if time.monotonic() > end_s:
                    break
                time.sleep(0.02)
            else:
                return


def _die_with_parent() -> None:
    """Have the kernel (Linux) end this process when its parent is killed."""
    if hasattr(_LIBC, 'prctl'):
        _LIBC.prctl(_PR_SET_PDEATHSIG, signal.SIGTERM)
