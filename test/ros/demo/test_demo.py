# Copyright 2026 mm_robust_seg maintainers
# SPDX-License-Identifier: Apache-2.0

"""The demo between real processes, with a tiny network."""

import json
import os
from pathlib import Path
import signal
import subprocess
import sys
import time

import pytest

pytest.importorskip('rclpy', reason='rclpy is not installed')
pytest.importorskip('onnx', reason='the tiny bundle is written with onnx')

from tiny_bundle import write_tiny_bundle

from mm_robust_seg.bundle import load_bundle
from mm_robust_seg.ros.demo import demo
from mm_robust_seg.simulation.classes import CLASS_COLORS, CLASS_NAMES
from mm_robust_seg.simulation.scenario import load_scenario

pytestmark = [pytest.mark.ros, pytest.mark.slow]

ROOT = Path(__file__).parents[3]
TOUR = ROOT / 'config' / 'scenarios' / 'all_faults.yaml'
SCENARIO = """
phases:
  - {name: all, duration_s: 2.5}
  - {name: no thermal, duration_s: 2.5, faults: {thermal: silent}}
  - {name: frozen depth, duration_s: 2.5, faults: {depth: frozen}}
"""


@pytest.fixture(scope='module')
def street_bundle(tmp_path_factory):
    classes = dict(zip(CLASS_NAMES, CLASS_COLORS, strict=True))
    return write_tiny_bundle(tmp_path_factory.mktemp('models') / 'street', classes=classes)


@pytest.fixture
def start_demo(tmp_path, street_bundle):
    """Start the demo with some options; whatever a failed test leaves is ended."""
    started = []

    def start(*options):
        started.append(demo_process(tmp_path, street_bundle, *options))
        return started[-1]

    yield start
    for process in started:
        process.terminate()
        process.wait(30)


def demo_process(tmp_path, bundle, *options):
    (tmp_path / 'scenario.yaml').write_text(SCENARIO)
    command = [sys.executable, '-m', 'mm_robust_seg.cli', 'demo', '--bundle', str(bundle)]
    command += ['--scenario', str(tmp_path / 'scenario.yaml'), '--out', str(tmp_path / 'out')]
    # A shell that runs the tests in the background lets them, and so the demo, ignore Ctrl-C.
    signal.signal(signal.SIGINT, signal.default_int_handler)
    with (tmp_path / 'demo.txt').open('w') as told, (tmp_path / 'result.txt').open('w') as result:
        return subprocess.Popen([*command, *options], stdout=result, stderr=told, cwd=ROOT)


def processes_of(*paths) -> list[int]:
    """Return the processes that were started with one of these paths as an argument."""
    found = []
    for folder in Path('/proc').iterdir():
        if folder.name.isdigit() and int(folder.name) != os.getpid():
            try:
                command = (folder / 'cmdline').read_bytes()
            except OSError:
                continue
            if any(str(path).encode() in command for path in paths):
                found.append(int(folder.name))
    return found


def test_masks_go_on_while_sensors_fail(tmp_path, start_demo):
    code = start_demo('--json').wait(120)
    said = (tmp_path / 'demo.txt').read_text()
    assert code == 0, said
    summary = json.loads((tmp_path / 'out' / 'summary.json').read_text())
    assert json.loads((tmp_path / 'result.txt').read_text()) == summary
    assert summary['availability_min'] > 0.9, said
    assert summary['faults_undetected'] == 0, said
    combinations = [phase['combination'] for phase in summary['phases']]
    assert combinations[:2] == ['rgb+thermal+depth', 'rgb+depth'], said
    assert 'depth' not in combinations[2], said
    assert (tmp_path / 'out' / 'contact_sheet.png').is_file()
    assert (tmp_path / 'out' / 'timeline.png').is_file()
    assert 'thermal SILENT' in said and 'depth FROZEN' in said


def test_the_node_expects_the_rates_of_the_scenario(tiny_bundle):
    scenario = load_scenario(TOUR.with_name('clean_noisy.yaml'))
    options = demo.DemoOptions(rate_hz=30)
    arguments = demo.node_arguments(options, scenario, load_bundle(tiny_bundle))
    for name, rate_hz in (('rgb', 30.0), ('thermal', 9.0), ('depth', 30.0)):
        assert f'inputs.{name}.expected_rate_hz:={rate_hz}' in arguments


def test_an_interrupt_ends_all_processes_and_writes_nothing(tmp_path, street_bundle, start_demo):
    process = start_demo()
    log = tmp_path / 'out' / 'log' / 'rig.log'
    end_s = time.monotonic() + 60
    while not (log.is_file() and 'phase' in log.read_text()):
        assert time.monotonic() < end_s, (tmp_path / 'demo.txt').read_text()
        time.sleep(0.1)
    assert len(processes_of(tmp_path, street_bundle)) == 3
    process.send_signal(signal.SIGINT)
    assert process.wait(30) == 130
    assert processes_of(tmp_path, street_bundle) == []
    assert [p.name for p in (tmp_path / 'out').iterdir()] == ['log']
    assert 'interrupted' in (tmp_path / 'demo.txt').read_text()


@pytest.mark.parametrize(
    ('options', 'named'),
    [
        (('--bundle', 'nosuch'), 'there is no model bundle'),
        (('--scenario', 'nosuch.yaml'), 'nosuch.yaml'),
        (('--scenario', str(TOUR)), 'makes the clock jump'),
        (('--backend', 'abacus'), "engine.backend is 'abacus'"),
        (('--rate-hz', '0'), 'expected'),
    ],
)
def test_what_cannot_be_played_is_refused_with_the_reason(
    tmp_path, street_bundle, start_demo, options, named
):
    assert start_demo(*options).wait(60) == 2
    said = (tmp_path / 'demo.txt').read_text()
    assert named in said and 'Traceback' not in said
    assert processes_of(tmp_path, street_bundle) == []
