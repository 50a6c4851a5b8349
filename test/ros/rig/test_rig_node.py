# Copyright 2026 mm_robust_seg maintainers
# SPDX-License-Identifier: Apache-2.0

"""The simulated rig as a process: what its faults look like over DDS."""

from itertools import pairwise
import json
import os
from pathlib import Path
import signal
import subprocess
import sys
import time

import pytest

pytest.importorskip('rclpy', reason='rclpy is not installed')

from rosgraph_msgs.msg import Clock
from sensor_msgs.msg import Image
from std_msgs.msg import String
from std_srvs.srv import Trigger

from mm_robust_seg.modality import Modality
from mm_robust_seg.ros.node import qos
from mm_robust_seg.ros.node.conversions import stamp_ns
from mm_robust_seg.ros.node.events import event_callbacks
from mm_robust_seg.ros.rig.node import PHASES

pytestmark = [pytest.mark.ros, pytest.mark.slow]

RGB, THERMAL, DEPTH = Modality
ROOT = Path(__file__).parents[3]
SMALL = ('--width-px', '64', '--height-px', '48', '--loop-s', '1', '--rate-hz', '30', '--wait')
PUBLISHERS = """
rates_hz: {thermal: 9}
phases:
  - {name: clean, duration_s: 2}
  - {name: broken, duration_s: 2.5, faults: {thermal: gone, depth: qos_mismatch}}
  - {name: mended, duration_s: 3}
"""
CLOCK = """
phases:
  - {name: clean, duration_s: 1.5}
  - {name: back, duration_s: 1.5, faults: {rig: {kind: clock_jump, by_s: -100}}}
"""


@pytest.fixture
def start(tmp_path, ros_domain):
    """Start a command of the package; whatever a failed test leaves is ended."""
    started = []

    def run(scenario, *command):
        (tmp_path / 'scenario.yaml').write_text(scenario)
        log = (tmp_path / 'rig.txt').open('w')
        words = [str(tmp_path / 'scenario.yaml') if w == 'SCENARIO' else w for w in command]
        process = subprocess.Popen(
            [sys.executable, '-m', *words],
            stdout=log,
            stderr=subprocess.STDOUT,
            cwd=ROOT,
            env=dict(os.environ),
        )
        log.close()
        started.append(process)
        return process, (tmp_path / 'rig.txt').read_text

    yield run
    for process in started:
        process.kill()
        process.wait(10)


class Ear:
    """Hears the rig; ``demanding`` asks for reliable images."""

    def __init__(self, rclpy, demanding=None):
        self.node = rclpy.create_node('ear')
        self.images = {m: [] for m in Modality}
        self.phases, self.clock, self.refused, self.matches = [], [], [], []
        self.counts = {}
        self._spin = rclpy.spin_once
        for m in Modality:
            callbacks = event_callbacks(lambda _: None, self.refused.append, lambda: None)
            profile = qos.RELIABLE_SENSOR if m is demanding else qos.SENSOR
            self.node.create_subscription(
                Image, f'{m}/image', self.images[m].append, profile, event_callbacks=callbacks
            )
        self.node.create_subscription(String, 'rig/phase', self._on_phase, PHASES)
        self.node.create_subscription(Clock, '/clock', self.clock.append, qos.EVENTS)

    def until(self, event, process, timeout_s=60):
        end_s = time.monotonic() + timeout_s
        while not any(event in (p['event'], p.get('name')) for p in self.phases):
            assert time.monotonic() < end_s and process.poll() is None, event
            self._spin(self.node, timeout_sec=0.05)
            if self.phases:
                count = self.node.count_publishers('thermal/image')
                self.counts.setdefault(self.phases[-1].get('name'), set()).add(count)

    def begin(self, process, timeout_s=60):
        """Start the scenario once the rig and this node have found each other."""
        client = self.node.create_client(Trigger, 'rig/start')
        end_s, ask_s = time.monotonic() + timeout_s, 0.0
        while not self.phases:  # the first answers may be lost during discovery
            assert time.monotonic() < end_s and process.poll() is None
            self._spin(self.node, timeout_sec=0.05)
            if client.service_is_ready() and time.monotonic() > ask_s:
                ask_s = time.monotonic() + 1.0
                client.call_async(Trigger.Request())

    def during(self, name, modality):
        """Return the stamps of a phase."""
        phase = next(p for p in self.phases if p.get('name') == name)
        stamps = [stamp_ns(image.header.stamp) for image in self.images[modality]]
        return [s for s in stamps if phase['start_ns'] <= s < phase['end_ns']]

    def _on_phase(self, message):
        self.phases.append(json.loads(message.data))


def test_publishers_go_are_refused_and_come_back_and_cameras_have_their_own_rates(ros, start):
    ear = Ear(ros, demanding=DEPTH)
    process, said = start(PUBLISHERS, 'mm_robust_seg.cli', 'rig', '--scenario', 'SCENARIO', *SMALL)
    ear.begin(process)
    ear.until('end', process)
    assert len(ear.during('clean', DEPTH)) > 30, said()
    assert ear.during('broken', THERMAL) == ear.during('broken', DEPTH) == []
    assert len(ear.during('broken', RGB)) > 60
    assert len(ear.during('mended', DEPTH)) > 30 and len(ear.during('mended', THERMAL)) > 9
    assert 0 in ear.counts['broken'] and 1 in ear.counts['clean'] & ear.counts['mended']
    assert set(ear.refused) == {'RELIABILITY'}
    for modality, rate_hz in ((RGB, 30), (THERMAL, 9)):
        steps = [b - a for a, b in pairwise(ear.during('clean', modality))]
        assert min(steps) == pytest.approx(1e9 / rate_hz, abs=10)
    process.send_signal(signal.SIGTERM)
    assert process.wait(20) == 0, said()


def test_the_clock_and_all_stamps_jump_together(ros, start):
    ear = Ear(ros)
    process, said = start(CLOCK, 'mm_robust_seg.cli', 'rig', '--scenario', 'SCENARIO', *SMALL)
    ear.begin(process)
    ear.until('end', process)
    ticks = [stamp_ns(message.clock) for message in ear.clock]
    stamps = [[stamp_ns(image.header.stamp) for image in ear.images[m]] for m in Modality]
    for times_ns in (ticks, *stamps):
        backs = [b - a for a, b in pairwise(times_ns) if b < a]
        assert len(backs) == 1, said()
        assert backs[0] == pytest.approx(-100e9, abs=0.5e9)


def test_a_clock_that_nobody_publishes_cannot_jump(start):
    process, said = start(
        CLOCK, 'mm_robust_seg.cli', 'rig', '--scenario', 'SCENARIO', '--clock-hz', '0'
    )
    assert process.wait(30) == 2 and 'set clock_hz' in said(), said()


@pytest.mark.parametrize(
    ('options', 'named'),
    [
        (('--scenario', 'nosuch.yaml'), 'nosuch.yaml cannot be read'),
        (('--rate-hz', '0'), 'rate_hz is 0'),
        (('--width-px', '3'), 'width_px is 3'),
    ],
)
def test_what_cannot_be_played_is_refused_by_name(start, options, named):
    process, said = start('', 'mm_robust_seg.cli', 'rig', *options)
    assert process.wait(30) == 2, said()
    assert named in said() and 'Traceback' not in said()


@pytest.mark.parametrize('number', [signal.SIGINT, signal.SIGTERM])
def test_it_ends_on_a_signal_while_it_renders(start, number):
    process, said = start(CLOCK, 'mm_robust_seg.cli', 'rig', '--loop-s', '600')
    end_s = time.monotonic() + 30
    while 'rendering' not in said():
        assert time.monotonic() < end_s, said()
        time.sleep(0.05)
    process.send_signal(number)
    assert process.wait(20) == 0, said()
    assert 'Traceback' not in said()
