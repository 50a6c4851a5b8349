# Copyright 2026 mm_robust_seg maintainers
# SPDX-License-Identifier: Apache-2.0

"""The watch over the sensors, and the watchdog that has it look.

A change is told at once, a flood of changes is not. The watchdog looks every 10 ms, rarely while
nothing is usable, and whatever goes wrong.
"""

from __future__ import annotations

from itertools import pairwise
import threading
from types import SimpleNamespace

from hypothesis import given
from hypothesis import strategies as st
import pytest

pytest.importorskip('rclpy', reason='rclpy is not installed')

from mm_robust_seg.dataflow import HealthLevel, HealthReport, Reason, SensorHealth
from mm_robust_seg.foreign_text import SENTENCE_LENGTH
from mm_robust_seg.modality import COMPLETE, Modality, ModalitySet
from mm_robust_seg.ros.node import diagnostics
from mm_robust_seg.ros.node import watch as module
from mm_robust_seg.ros.node.threads import watchdog as watchdog_module
from mm_robust_seg.ros.node.threads.attendance import Attendance
from mm_robust_seg.ros.node.threads.load import Load
from mm_robust_seg.ros.node.threads.watchdog import Watchdog
from mm_robust_seg.ros.node.watch import Allowance, Changes, StateWatch

pytestmark = pytest.mark.ros

STEP_S = 0.01
WAIT_S = 10


class FakeLog:
    def __init__(self):
        self.lines = []

    def info(self, text):
        self.lines.append(text)

    warning = info


class FakeParts:
    """What a watch knows: the clock, one sensor's verdict, and what is published and logged."""

    def __init__(self):
        self.now_s, self.reason, self.log = 100.0, Reason.OK, FakeLog()
        self.states = []
        clock = SimpleNamespace(ros_time_is_active=False)
        node = SimpleNamespace(get_clock=lambda: clock, get_logger=lambda: self.log)
        engine_thread = SimpleNamespace(
            ask=lambda question: question(self, round(self.now_s * 1e9)),
            wake=lambda: None,
            state=lambda: SimpleNamespace(counters={'overload': 0}),
        )
        arrivals = SimpleNamespace(
            count_publishers=lambda: None,
            waiting_ns=dict,
            attendance=Attendance(lambda answer: answer()),
        )
        departures = SimpleNamespace(
            publish_state=lambda state, _: self.states.append(state), masks=0
        )
        wake_calls = SimpleNamespace(prepare=lambda: None, look=lambda report, now_ns: None)
        check = SimpleNamespace(log=lambda: None)
        self.watch = StateWatch(
            node, engine_thread, arrivals, departures, check, wake_calls, Load(sheds=True)
        )

    @property
    def active(self):
        return COMPLETE if self.reason is Reason.OK else ModalitySet.parse('rgb+depth')

    def assess(self, now_ns):
        sensors = {}
        for modality in Modality:
            reason = self.reason if modality is Modality.THERMAL else Reason.OK
            is_ok = reason is Reason.OK
            level = HealthLevel.OK if is_ok else HealthLevel.ERROR
            sensors[modality] = SensorHealth(modality, level, reason, is_ok, 'why', now_ns)
        return HealthReport(now_ns, sensors)

    def run(self, duration_s, flip_s=None):
        """Look every 10 ms; with ``flip_s`` thermal changes so often."""
        for step in range(1, round(duration_s / STEP_S) + 1):
            self.now_s += STEP_S
            if flip_s and step % round(flip_s / STEP_S) == 0:
                self.reason = Reason.FORMAT if self.reason is Reason.OK else Reason.OK
            self.watch.look()


@pytest.fixture
def parts(monkeypatch):
    clock = SimpleNamespace(monotonic=lambda: 100.0)
    monkeypatch.setattr(module, 'time', clock)
    made = FakeParts()
    clock.monotonic = lambda: made.now_s
    clock.monotonic_ns = lambda: round(made.now_s * 1e9)
    return made


def test_a_change_is_published_and_logged_at_the_next_look(parts):
    parts.run(0.5)
    parts.states.clear()
    parts.log.lines.clear()
    parts.reason = Reason.FORMAT
    parts.run(STEP_S)
    assert [state.active for state in parts.states] == [ModalitySet.parse('rgb+depth')]
    assert parts.log.lines == [
        'thermal: FORMAT: why',
        'rgb+thermal+depth -> rgb+depth (thermal: FORMAT)',
    ]


def test_a_sensor_that_changes_with_every_frame_does_not_flood(parts):
    parts.run(0.5)
    parts.states.clear()
    parts.log.lines.clear()
    parts.run(3.0, flip_s=0.03)
    assert 10 <= len(parts.states) <= 26, 'ten at once, four per second, and every second'
    assert len(parts.log.lines) <= 22, 'ten at once of the sensor, and of the combination'
    parts.run(60.0, flip_s=0.03)
    assert len(parts.states) <= 26 + 60 * 5
    assert len(parts.log.lines) <= 22 + 2 * 13
    assert 'changes since the last line)' in parts.log.lines[-1]


@pytest.mark.parametrize('last', [Reason.OK, Reason.FORMAT])
def test_after_a_flood_what_is_true_last_is_told(parts, last):
    parts.run(7.0, flip_s=0.03)
    parts.reason = last
    parts.run(6.0)
    assert parts.states[-1].report.sensors[Modality.THERMAL].reason is last
    thermal = [line for line in parts.log.lines if line.startswith('thermal: ')]
    assert thermal[-1].startswith(f'thermal: {last}: why')
    changes = [line for line in parts.log.lines if '->' in line]
    assert f'-> {parts.active}' in changes[-1]


@given(st.lists(st.floats(0, 2), min_size=1, max_size=200), st.integers(1, 5), st.floats(0.1, 50))
def test_an_allowance_holds_in_every_stretch_of_time(steps_s, burst, rate_hz):
    allowance, now_s, admitted = Allowance(burst, rate_hz), 1000.0, []
    for step_s in steps_s:
        now_s += step_s
        if allowance.admits(now_s):
            admitted.append(now_s)
    for first, from_s in enumerate(admitted):
        for count, to_s in enumerate(admitted[first:], start=1):
            assert count <= burst + (to_s - from_s) * rate_hz + 1e-6


@given(st.lists(st.tuples(st.floats(0, 1), st.integers(0, 2)), max_size=100))
def test_changes_told_and_left_out_are_all_the_changes(looks):
    changes, now_s, told, counted = Changes(Allowance(2, 1.0)), 10.0, [], 0
    for step_s, value in looks:
        now_s += step_s
        if count := changes.due(value, now_s):
            told.append(value)
            counted += count
    assert all(one != other for one, other in pairwise(told))
    if looks:
        last = looks[-1][1]
        counted += changes.due(last, now_s + 10.0)
        assert changes.told == last
        values = [None, *(value for _, value in looks)]
        assert counted <= sum(one != other for one, other in pairwise(values))


def test_diagnostics_hold_no_more_than_a_sentence_of_anybody():
    status = diagnostics.status(HealthLevel.OK, 'n: rgb', 'x' * 10**6, {'trouble': '\n' * 10**6})
    assert len(status.message) <= SENTENCE_LENGTH
    assert len(status.values[0].value) <= SENTENCE_LENGTH and status.values[0].value.isprintable()


def test_the_watchdog_goes_on_after_an_exception():
    looks, errors, enough = [], [], threading.Event()

    def look():
        looks.append(None)
        if len(looks) == 3:
            enough.set()
        raise RuntimeError('look')

    watchdog = Watchdog(look, threading.Event(), errors.append)
    assert enough.wait(WAIT_S)
    watchdog.close()
    assert len(errors) == len(looks)


def test_an_idle_watchdog_rests_until_an_image_arrives(monkeypatch):
    monkeypatch.setattr(watchdog_module, 'IDLE_S', 1000.0)
    looked, arrived = threading.Event(), threading.Event()

    def look():
        looked.set()
        return True

    watchdog = Watchdog(look, arrived, print)
    for _ in range(3):
        assert looked.wait(WAIT_S)
        looked.clear()
        assert not looked.wait(0.05)
        arrived.set()
    watchdog.close()


def test_a_watchdog_with_something_to_watch_looks_again_and_again_without_images():
    looks, enough = [], threading.Event()

    def look():
        looks.append(None)
        if len(looks) == 3:
            enough.set()
        return False

    watchdog = Watchdog(look, threading.Event(), print)
    assert enough.wait(WAIT_S)
    watchdog.close()
