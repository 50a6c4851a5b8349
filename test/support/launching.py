# Copyright 2026 mm_robust_seg maintainers
# SPDX-License-Identifier: Apache-2.0

"""Run launch files for real, with programs that write down how they were called."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
import json
import os
from pathlib import Path
import signal
import stat
import subprocess
import sys
import time

import yaml

ROOT = Path(__file__).parents[2]
DOMAIN = 101 + os.getpid() % 100

RECORDER = """#!{python}
import json, os, sys, time
names = ('FASTDDS_DEFAULT_PROFILES_FILE', 'FASTRTPS_DEFAULT_PROFILES_FILE')
call = dict(argv=sys.argv[1:], profiles=[os.environ.get(n) for n in names])
if '--params-file' in call['argv']:  # launch removes the last one when it ends
    last = len(call['argv']) - call['argv'][::-1].index('--params-file')
    call['overrides'] = open(call['argv'][last]).read()
with open({path!r} + '.part', 'w') as stream:
    json.dump(call, stream)
os.rename({path!r} + '.part', {path!r})
if {waits}:
    time.sleep(60)
"""
NODE = """#!/bin/sh
exec {python} -m {module} {command} "$@"
"""
DYING = """#!/bin/sh
echo once >> {path}
exit 3
"""
LAUNCH = """
import signal, sys
signal.signal(signal.SIGINT, signal.default_int_handler)  # a shell may have it ignored
from launch import LaunchDescription, LaunchService
from launch.actions import IncludeLaunchDescription
from launch.launch_description_sources import PythonLaunchDescriptionSource
path, *arguments = sys.argv[1:]
included = IncludeLaunchDescription(
    PythonLaunchDescriptionSource(path),
    launch_arguments=[tuple(a.split(':=', 1)) for a in arguments],
)
service = LaunchService(argv=arguments, noninteractive=True)
service.include_launch_description(LaunchDescription([included]))
sys.exit(service.run())
"""


class Prefix:
    """An installation of mm_robust_seg and rviz2 in a folder; its programs only record."""

    def __init__(self, folder: Path) -> None:
        self.folder, self.log = folder, folder / 'launch.log'
        share = folder / 'share' / 'mm_robust_seg'
        share.mkdir(parents=True)
        for name in ('config', 'launch'):
            (share / name).symlink_to(ROOT / name)
        for package, program in (
            ('mm_robust_seg', 'segmentation'),
            ('mm_robust_seg', 'rig'),
            ('rviz2', 'rviz2'),
            ('', 'ros2'),
        ):
            self.recorder(package, program)
        index = folder / 'share' / 'ament_index' / 'resource_index' / 'packages'
        index.mkdir(parents=True)
        for package in ('mm_robust_seg', 'rviz2'):
            (index / package).touch()

    def recorder(self, package: str, program: str) -> None:
        waits = program != 'ros2'
        text = RECORDER.format(python=sys.executable, path=str(self._record(program)), waits=waits)
        self._write(package, program, text)

    def real(self, program: str, module: str, command: str = '') -> None:
        """Have ``program`` be what it is."""
        text = NODE.format(python=sys.executable, module=module, command=command)
        self._write('mm_robust_seg', program, text)

    def dying(self, program: str) -> Path:
        """Have ``program`` end at once, with code 3; return a file with a line for each start."""
        starts = self.folder / 'starts'
        starts.touch()
        self._write('mm_robust_seg', program, DYING.format(path=starts))
        return starts

    def _write(self, package: str, program: str, text: str) -> None:
        path = self.folder / ('lib' if package else 'bin') / package / program
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
        path.chmod(path.stat().st_mode | stat.S_IXUSR)

    def _record(self, program: str) -> Path:
        return self.folder / f'{program}.json'

    def was_called(self, program: str) -> bool:
        return self._record(program).is_file()

    def launch(
        self,
        file: str,
        programs: Sequence[str],
        arguments: Mapping[str, object] | None = None,
        environment: Mapping[str, str] | None = None,
        timeout_s: float = 60.0,
        until: Callable[[], bool] = lambda: True,
    ) -> dict[str, dict]:
        """Launch a file until all ``programs`` were called and ``until`` holds, and stop it.

        Returns:
            How each of the programs was called.
        """
        pairs = [f'{name}:={value}' for name, value in (arguments or {}).items()]
        # The file is taken from the checkout: Python launch files do not follow the symlink.
        command = [sys.executable, '-c', LAUNCH, str(ROOT / 'launch' / file), *pairs]
        given = dict(os.environ)
        for name in ('FASTDDS_DEFAULT_PROFILES_FILE', 'FASTRTPS_DEFAULT_PROFILES_FILE'):
            given.pop(name, None)
        prefixes = [str(self.folder), given.get('AMENT_PREFIX_PATH', sys.prefix)]
        given |= {
            'AMENT_PREFIX_PATH': os.pathsep.join(prefixes),
            'PATH': f'{self.folder / "bin"}{os.pathsep}{given["PATH"]}',
            'PYTHONPATH': os.pathsep.join([str(ROOT), given.get('PYTHONPATH', '')]),
            'ROS_LOG_DIR': str(self.folder / 'log'),
            'ROS_DOMAIN_ID': str(DOMAIN),
            'ROS_AUTOMATIC_DISCOVERY_RANGE': 'LOCALHOST',
            **(environment or {}),
        }
        with self.log.open('w') as stream:
            process = subprocess.Popen(
                command,
                cwd=self.folder,
                env=given,
                stdout=stream,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )
        records = {program: self._record(program) for program in programs}
        try:
            end_s = time.monotonic() + timeout_s
            while not (all(self.was_called(program) for program in programs) and until()):
                assert process.poll() is None, f'the launch has ended: {self.log.read_text()}'
                assert time.monotonic() < end_s, f'it takes too long: {self.log.read_text()}'
                time.sleep(0.05)
        finally:
            process.send_signal(signal.SIGINT)
            try:
                process.wait(30)
            except subprocess.TimeoutExpired:
                os.killpg(process.pid, signal.SIGKILL)
                raise
        return {program: json.loads(path.read_text()) for program, path in records.items()}


def node_parameters(call: dict) -> dict[str, object]:
    """Return what the last parameter file of a call sets: the launch file's own overrides."""
    [node] = yaml.safe_load(call['overrides']).values()
    return node['ros__parameters']


def remappings(call: dict) -> dict[str, str]:
    argv = call['argv']
    pairs = [argv[i + 1] for i, word in enumerate(argv) if word in ('-r', '--remap')]
    return dict(pair.split(':=', 1) for pair in pairs)


def parameter_files(call: dict) -> list[str]:
    argv = call['argv']
    return [argv[i + 1] for i, word in enumerate(argv) if word == '--params-file']
