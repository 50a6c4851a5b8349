"""The inference thread: the newest job wins, exceptions do not end it, stopping waits."""

from __future__ import annotations

from collections import deque
import itertools
import threading

import pytest

from mm_robust_seg.errors import BundleError, EngineError
from mm_robust_seg.ros.node.engine_thread import Watchdog, Worker

WAIT_S = 10


class FakeEngine:
    is_closed = False

    def close(self):
        self.is_closed = True


class FakePipeline:
    """Gives the newest of the offered numbers as job."""

    next_deadline_ns = None

    def __init__(self):
        self.offered = deque(maxlen=1)
        self.taken = self.rests = 0

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


class Harness:
    """A worker whose deliveries wait for ``go``."""

    def __init__(self):
        self.engine, self.pipeline = FakeEngine(), FakePipeline()
        self.done, self.errors = [], []
        self.threads = set()
        self.busy, self.go, self.heard = (threading.Event() for _ in range(3))
        self.worker = Worker(self.build, self.deliver, self.report, lambda: 1)

    def build(self, is_cancelled):
        self.threads.add(threading.current_thread().name)
        return self.pipeline, self.engine

    def deliver(self, pipeline, job):
        self.threads.add(threading.current_thread().name)
        self.busy.set()
        assert self.go.wait(WAIT_S)
        if job == 'bad':
            raise RuntimeError('bad job')
        self.done.append(job)

    def report(self, error):
        self.errors.append(error)
        self.heard.set()


@pytest.fixture
def harness():
    made = Harness()
    yield made
    made.go.set()
    made.worker.close()


def _started(harness):
    harness.worker.start(is_cancelled=lambda: False)
    harness.worker.enable(True)
    return harness.worker


def test_the_latest_job_wins_while_one_is_running(harness):
    worker = _started(harness)
    worker.offer(1, 0)
    assert harness.busy.wait(WAIT_S)
    for number in (2, 3, 4):
        worker.offer(number, 0)
    harness.go.set()
    while len(harness.done) < 2:
        harness.busy.wait(0.01)
    assert harness.done == [1, 4]
    assert harness.threads == {'inference'}


def test_the_pipeline_is_told_arrival_and_present(harness):
    worker = _started(harness)
    harness.pipeline.decode = lambda raw, now_ns: now_ns
    harness.go.set()
    worker.offer('image', 0)
    while not harness.done:
        harness.busy.wait(0.01)
    assert (harness.done, harness.pipeline.admitted_ns) == ([0], 1)


def test_an_exception_is_reported_and_the_next_job_runs(harness):
    worker = _started(harness)
    harness.go.set()
    worker.offer('bad', 0)
    assert harness.heard.wait(WAIT_S)
    worker.offer('good', 0)
    worker.enable(True)
    while not harness.done:
        harness.heard.wait(0.01)
    assert (harness.done, [str(e) for e in harness.errors]) == (['good'], ['bad job'])


def test_stopping_waits_for_the_job_in_progress_and_takes_no_other(harness):
    worker = _started(harness)
    worker.offer(1, 0)
    assert harness.busy.wait(WAIT_S)
    worker.enable(False)
    stopped = threading.Thread(target=worker.settle)
    stopped.start()
    stopped.join(0.05)
    assert stopped.is_alive()
    harness.go.set()
    stopped.join(WAIT_S)
    assert harness.done == [1]
    worker.offer(2, 0)
    worker.close()
    assert harness.done == [1]


def test_only_a_worker_that_was_not_enabled_has_rested(harness):
    worker = _started(harness)
    rests = harness.pipeline.rests
    worker.enable(True)
    assert harness.pipeline.rests == rests
    worker.enable(False)
    worker.enable(True)
    assert harness.pipeline.rests == rests + 1


def test_closing_frees_the_engine(harness):
    _started(harness).close()
    assert harness.engine.is_closed


def test_what_building_raised_is_raised_where_it_was_asked_for(harness):
    def fail(is_cancelled):
        raise BundleError('no such bundle')

    worker = Worker(fail, harness.deliver, harness.report, lambda: 1)
    with pytest.raises(BundleError, match='no such bundle'):
        worker.start(is_cancelled=lambda: False)
    worker.close()


def test_loading_can_be_cancelled_and_still_frees_the_engine(harness):
    loading = threading.Event()

    def slow(is_cancelled):
        assert loading.wait(WAIT_S)
        return harness.build(is_cancelled)

    worker = Worker(slow, harness.deliver, harness.report, lambda: 1)
    with pytest.raises(EngineError, match='cancelled'):
        worker.start(is_cancelled=lambda: True)
    loading.set()
    worker.close()
    assert harness.engine.is_closed


def test_a_build_that_listens_ends_when_it_is_cancelled(harness):
    def endless(is_cancelled):
        while not is_cancelled():
            harness.heard.wait(0.01)
        raise EngineError('the build ended')

    cancelled = iter([False, False])
    worker = Worker(endless, harness.deliver, harness.report, lambda: 1)
    with pytest.raises(EngineError, match=r'cancelled|ended'):
        worker.start(is_cancelled=lambda: next(cancelled, True))
    worker.close()


def test_asking_before_the_engine_is_loaded_is_an_error(harness):
    with pytest.raises(EngineError, match='not loaded'):
        harness.worker.ask(lambda pipeline, now_ns: pipeline)


def test_time_never_goes_back_for_the_pipeline_however_long_a_thread_waits(harness):
    clock = itertools.count()
    harness.worker = Worker(harness.build, harness.deliver, harness.report, lambda: next(clock))
    worker, later = _started(harness), []
    other = threading.Thread(target=lambda: worker.ask(lambda _, now_ns: later.append(now_ns)))

    def question(pipeline, now_ns):
        other.start()
        other.join(0.05)
        return next(clock)

    at_the_end = worker.ask(question)
    other.join()
    assert later > [at_the_end]


def test_with_no_frame_at_hand_the_worker_sleeps_until_it_is_woken(harness):
    worker = _started(harness)
    while not harness.pipeline.taken:
        harness.heard.wait(0.01)
    taken = harness.pipeline.taken
    harness.heard.wait(0.2)
    assert harness.pipeline.taken == taken
    worker.wake()
    while harness.pipeline.taken == taken:
        harness.heard.wait(0.01)


def test_a_frame_that_waits_for_others_is_looked_after(harness):
    harness.pipeline.next_deadline_ns = 10**9
    _started(harness)
    while harness.pipeline.taken < 3:
        harness.heard.wait(0.01)


def test_the_watchdog_goes_on_after_an_exception():
    ticks, errors, enough = [], [], threading.Event()

    def tick():
        ticks.append(None)
        if len(ticks) == 3:
            enough.set()
        raise RuntimeError('tick')

    watchdog = Watchdog(tick, errors.append)
    assert enough.wait(WAIT_S)
    watchdog.close()
    assert len(errors) == len(ticks)


def test_the_watchdog_rests_as_long_as_it_is_told_and_can_be_woken():
    ticked = threading.Event()

    def tick():
        ticked.set()
        return 1000.0

    watchdog = Watchdog(tick, print)
    for _ in range(3):
        assert ticked.wait(WAIT_S)
        ticked.clear()
        watchdog.wake()
    watchdog.close()


def test_a_slow_decoder_holds_up_nobody(harness):
    worker = _started(harness)
    decoding, finish = threading.Event(), threading.Event()

    def decode(raw, now_ns):
        decoding.set()
        assert finish.wait(WAIT_S)
        return raw

    harness.pipeline.decode = decode
    slow = threading.Thread(target=worker.offer, args=(1, 0))
    slow.start()
    assert decoding.wait(WAIT_S)
    answered = threading.Event()
    other = threading.Thread(target=lambda: worker.ask(lambda pipeline, now_ns: answered.set()))
    other.start()
    was_free = answered.wait(WAIT_S)
    finish.set()
    slow.join()
    other.join()
    assert was_free
