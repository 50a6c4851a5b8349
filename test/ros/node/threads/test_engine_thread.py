# Copyright 2026 mm_robust_seg maintainers
# SPDX-License-Identifier: Apache-2.0

"""The inference thread: the newest job wins, exceptions do not end it, stopping waits."""

from __future__ import annotations

from collections import deque
import itertools
import threading
from types import SimpleNamespace

import pytest

from mm_robust_seg.errors import BundleError, EngineError
from mm_robust_seg.modality import Modality
from mm_robust_seg.ros.node.threads import engine_thread as module
from mm_robust_seg.ros.node.threads.engine_thread import EngineState, EngineThread
from mm_robust_seg.transport import LostMessages

WAIT_S = 10


class FakeEngine:
    description = 'fake'
    is_closed = False

    def close(self):
        self.is_closed = True


class FakePipeline:
    """Gives the newest of the offered items as job; running it waits for ``go``."""

    next_deadline_ns = None
    counters = {'late': 3}  # noqa: RUF012

    def __init__(self):
        self.offered = deque(maxlen=1)
        self.taken = self.rests = 0
        self.threads = set()
        self.busy, self.go = threading.Event(), threading.Event()

    def rested(self):
        self.rests += 1

    def decode(self, raw, now_ns):
        return raw

    def admit(self, item, now_ns):
        self.offered.append(item)
        self.admitted_ns = now_ns

    def take(self, now_ns):
        self.taken += 1
        return self.offered.pop() if self.offered else None

    def run(self, job):
        self.threads.add(threading.current_thread().name)
        self.busy.set()
        assert self.go.wait(WAIT_S)
        if job == 'bad':
            raise RuntimeError('bad job')
        return job

    def note(self, note, now_ns):
        self.noted = note, now_ns


class Harness:
    """An engine thread with a fake pipeline."""

    def __init__(self):
        self.engine, self.pipeline = FakeEngine(), FakePipeline()
        self.done, self.errors = [], []
        self.threads = self.pipeline.threads
        self.busy, self.go = self.pipeline.busy, self.pipeline.go
        self.reported = threading.Event()
        self.engine_thread = self.make(self.build)

    def make(self, build, now_ns=lambda: 1, rest_s=lambda busy_s: 0.0):
        return EngineThread(build, self.publish, self.report, now_ns, rest_s)

    def build(self, is_cancelled):
        self.threads.add(threading.current_thread().name)
        return self.pipeline, self.engine

    def publish(self, result):
        self.threads.add(threading.current_thread().name)
        self.done.append(result)
        if result == 'unpublishable':
            raise RuntimeError('the middleware broke')

    def report(self, error):
        self.errors.append(error)
        self.reported.set()


@pytest.fixture
def harness():
    made = Harness()
    yield made
    made.go.set()
    made.engine_thread.close()


def _started(harness):
    harness.engine_thread.start(is_cancelled=lambda: False)
    harness.engine_thread.enable(True)
    return harness.engine_thread


def test_the_latest_job_wins_while_one_is_running(harness):
    thread = _started(harness)
    thread.offer(1, 0)
    assert harness.busy.wait(WAIT_S)
    for number in (2, 3, 4):
        thread.offer(number, 0)
    harness.go.set()
    while len(harness.done) < 2:
        harness.busy.wait(0.01)
    assert harness.done == [1, 4]
    assert harness.threads == {'inference'}


def test_it_rests_as_long_as_it_is_told(harness, monkeypatch):
    """No set is taken while it rests; the newest one is when that is over."""
    clock = SimpleNamespace(monotonic=lambda: clock.now_s, now_s=100.0)
    monkeypatch.setattr(module, 'time', clock)
    harness.engine_thread = harness.make(harness.build, rest_s=lambda busy_s: 5.0)
    thread = _started(harness)
    harness.go.set()
    thread.offer(1, 0)
    while harness.done != [1]:
        harness.busy.wait(0.01)
    thread.drain()
    for number in (2, 3):
        thread.offer(number, 0)
    thread.drain()
    assert harness.done == [1]
    clock.now_s += 5.0
    thread.wake()
    while len(harness.done) < 2:
        harness.busy.wait(0.01)
    assert harness.done == [1, 3]


def test_the_pipeline_is_told_arrival_and_present(harness):
    thread = _started(harness)
    harness.pipeline.decode = lambda raw, now_ns: now_ns
    harness.go.set()
    thread.offer('image', 0)
    while not harness.done:
        harness.busy.wait(0.01)
    assert (harness.done, harness.pipeline.admitted_ns) == ([0], 1)


def test_an_exception_is_reported_and_the_next_job_runs(harness):
    thread = _started(harness)
    harness.go.set()
    thread.offer('bad', 0)
    assert harness.reported.wait(WAIT_S)
    thread.offer('good', 0)
    thread.enable(True)
    while not harness.done:
        harness.reported.wait(0.01)
    assert (harness.done, [str(e) for e in harness.errors]) == (['good'], ['bad job'])


def test_the_state_tells_why_the_last_set_has_no_mask(harness):
    thread = _started(harness)
    harness.go.set()
    assert thread.state() == EngineState('fake', '', True, {'late': 3})
    thread.offer('bad', 0)
    assert harness.reported.wait(WAIT_S)
    thread.enable(False)
    assert thread.state() == EngineState('fake', 'bad job', False, {'late': 3})
    harness.reported.clear()
    thread.enable(True)
    thread.offer('unpublishable', 0)
    assert harness.reported.wait(WAIT_S)
    assert thread.state().trouble == '', 'there was a mask'
    assert [str(error) for error in harness.errors] == ['bad job', 'the middleware broke']


def test_a_note_comes_with_the_present(harness):
    note = LostMessages(Modality.DEPTH, 3)
    _started(harness).note(note)
    assert harness.pipeline.noted == (note, 1)


def test_whoever_waits_for_an_image_learns_of_one_that_was_admitted(harness):
    thread = _started(harness)
    assert not thread.arrived.is_set()
    thread.offer(1, 0)
    assert thread.arrived.is_set()


def test_stopping_waits_for_the_job_in_progress_and_takes_no_other(harness):
    thread = _started(harness)
    thread.offer(1, 0)
    assert harness.busy.wait(WAIT_S)
    thread.enable(False)
    stopped = threading.Thread(target=thread.drain)
    stopped.start()
    stopped.join(0.05)
    assert stopped.is_alive()
    harness.go.set()
    stopped.join(WAIT_S)
    assert harness.done == [1]
    thread.offer(2, 0)
    thread.close()
    assert harness.done == [1]


def test_only_a_thread_that_was_not_enabled_has_rested(harness):
    thread = _started(harness)
    rests = harness.pipeline.rests
    thread.enable(True)
    assert harness.pipeline.rests == rests
    thread.enable(False)
    thread.enable(True)
    assert harness.pipeline.rests == rests + 1


def test_closing_frees_the_engine(harness):
    _started(harness).close()
    assert harness.engine.is_closed


def test_what_building_raised_is_raised_where_it_was_asked_for(harness):
    def fail(is_cancelled):
        raise BundleError('no such bundle')

    thread = harness.make(fail)
    with pytest.raises(BundleError, match='no such bundle'):
        thread.start(is_cancelled=lambda: False)
    thread.close()


def test_loading_can_be_cancelled_and_still_frees_the_engine(harness):
    loading = threading.Event()

    def slow(is_cancelled):
        assert loading.wait(WAIT_S)
        return harness.build(is_cancelled)

    thread = harness.make(slow)
    with pytest.raises(EngineError, match='cancelled'):
        thread.start(is_cancelled=lambda: True)
    loading.set()
    thread.close()
    assert harness.engine.is_closed


def test_a_build_that_listens_ends_when_it_is_cancelled(harness):
    def endless(is_cancelled):
        while not is_cancelled():
            harness.reported.wait(0.01)
        raise EngineError('the build ended')

    cancelled = iter([False, False])
    thread = harness.make(endless)
    with pytest.raises(EngineError, match=r'cancelled|ended'):
        thread.start(is_cancelled=lambda: next(cancelled, True))
    thread.close()


def test_asking_before_the_engine_is_loaded_is_an_error(harness):
    with pytest.raises(EngineError, match='not loaded'):
        harness.engine_thread.ask(lambda pipeline, now_ns: pipeline)
    with pytest.raises(EngineError, match='not loaded'):
        harness.engine_thread.offer(1, 0)


def test_time_never_goes_back_for_the_pipeline_however_long_a_thread_waits(harness):
    clock = itertools.count()
    harness.engine_thread = harness.make(harness.build, lambda: next(clock))
    thread, later = _started(harness), []
    other = threading.Thread(target=lambda: thread.ask(lambda _, now_ns: later.append(now_ns)))

    def question(pipeline, now_ns):
        other.start()
        other.join(0.05)
        return next(clock)

    at_the_end = thread.ask(question)
    other.join()
    assert later > [at_the_end]


def test_with_no_frame_at_hand_the_thread_sleeps_until_it_is_woken(harness):
    thread = _started(harness)
    while not harness.pipeline.taken:
        harness.reported.wait(0.01)
    taken = harness.pipeline.taken
    harness.reported.wait(0.2)
    assert harness.pipeline.taken == taken
    thread.wake()
    while harness.pipeline.taken == taken:
        harness.reported.wait(0.01)


def test_a_frame_that_waits_for_others_is_looked_after(harness):
    harness.pipeline.next_deadline_ns = 10**9
    _started(harness)
    while harness.pipeline.taken < 3:
        harness.reported.wait(0.01)


def test_a_slow_decoder_holds_up_nobody(harness):
    thread = _started(harness)
    decoding, finish = threading.Event(), threading.Event()

    def decode(raw, now_ns):
        decoding.set()
        assert finish.wait(WAIT_S)
        return raw

    harness.pipeline.decode = decode
    slow = threading.Thread(target=thread.offer, args=(1, 0))
    slow.start()
    assert decoding.wait(WAIT_S)
    answered = threading.Event()
    other = threading.Thread(target=lambda: thread.ask(lambda pipeline, now_ns: answered.set()))
    other.start()
    was_free = answered.wait(WAIT_S)
    finish.set()
    slow.join()
    other.join()
    assert was_free
