# Copyright 2026 mm_robust_seg maintainers
# SPDX-License-Identifier: Apache-2.0

"""Whatever is started, nothing is written for others into the home folder, or asked of a name."""

from __future__ import annotations

import os
from pathlib import Path
import re
import shutil
import subprocess
import sys

from bag_making import write_bag
import pytest

RESOLVER = re.compile(r'resolv\.conf|nscd|htons\(53\)')
"""What the C library opens or connects to before it can look a name up."""
LOAD = """
import sys, threading
from mm_robust_seg.build import build_engine
from mm_robust_seg.bundle import load_bundle
from mm_robust_seg.config import EngineConfig
from pathlib import Path
engine = build_engine(EngineConfig(backend=sys.argv[1]), load_bundle(Path(sys.argv[2])))
engine.close()
assert [t.name for t in threading.enumerate()] == ['MainThread'], threading.enumerate()
loaded = [name for name, module in sys.modules.items() if 'telemetry' in name and module]
assert not [name for name in loaded if 'stub' not in name and '.ovc.' not in name], loaded
"""
IMPORT = 'import mm_robust_seg.api, onnxruntime, openvino'
UNSET = ('CI', 'TF_BUILD', 'JENKINS_URL', 'ORT_DISABLE_TELEMETRY')


@pytest.fixture
def started(tmp_path):
    """Run Python in an empty home; return what lies there, but for our cache, and the trace."""

    def run(*arguments: object) -> tuple[list[str], str]:
        home, trace = tmp_path / 'home', tmp_path / 'trace'
        home.mkdir()
        known = {k: v for k, v in os.environ.items() if not k.startswith('XDG_')}
        environment = {k: v for k, v in known.items() if k not in UNSET}
        tracing = ('strace', '-f', '-qq', '-e', 'trace=connect,openat', '-o', trace)
        command = [*(tracing if can_trace() else ()), sys.executable, *arguments]
        told = subprocess.run(
            [str(part) for part in command],
            env={**environment, 'HOME': str(home)},
            capture_output=True,
            text=True,
            check=False,
        )
        assert told.returncode == 0, told.stderr
        found = (str(path.relative_to(home)) for path in home.rglob('*') if path.is_file())
        foreign = [name for name in found if not name.startswith('.cache/mm_robust_seg/')]
        return foreign, trace.read_text() if can_trace() else ''

    return run


def can_trace() -> bool:
    """Whether strace is here and may be used."""
    probe = ('strace', '-qq', '-o', os.devnull, 'true')
    return bool(shutil.which('strace')) and subprocess.run(probe, check=False).returncode == 0


def replay(bundle: Path, folder: Path) -> list[object]:
    bag, out = write_bag(folder / 'bag', count=3), folder / 'out'
    options = ('--bundle', bundle, '--backend', 'onnxruntime', '--out', out)
    return ['-m', 'mm_robust_seg.cli', 'replay', bag, *options]


STARTS = {
    'an engine on OpenVINO': lambda bundle, _: ['-c', LOAD, 'openvino', bundle],
    'an engine on ONNX Runtime': lambda bundle, _: ['-c', LOAD, 'onnxruntime', bundle],
    'replay': replay,
    'the library, then the runtimes': lambda *_: ['-c', IMPORT],
}


@pytest.mark.parametrize('start', STARTS)
def test_the_home_holds_our_cache_alone_and_no_name_is_looked_up(
    started, tiny_bundle, tmp_path, start
):
    foreign, trace = started(*STARTS[start](tiny_bundle, tmp_path))
    assert foreign == []
    assert not RESOLVER.search(trace)


def test_the_trace_would_show_a_look_up(started):
    if not can_trace():
        pytest.skip('strace is not here, or may not trace: only files are checked')
    _, trace = started('-c', 'import socket; socket.getfqdn("camera.invalid")')
    assert RESOLVER.search(trace)


def test_what_the_user_has_chosen_stands():
    told = subprocess.run(
        [sys.executable, '-c', f'{IMPORT}, os; print(os.environ["ORT_DISABLE_TELEMETRY"])'],
        env={**os.environ, 'ORT_DISABLE_TELEMETRY': '2'},
        capture_output=True,
        text=True,
        check=True,
    )
    assert told.stdout == '2\n'
