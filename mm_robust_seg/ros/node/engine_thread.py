"""The threads behind the node: inference, and the watch over the sensors.

They wait in steady time; every time that reaches the pipeline comes from the node's clock.
"""

from __future__ import annotations

from collections.abc import Callable
import threading
from typing import TypeVar

from mm_robust_seg.dataflow import Job, RawImage
from mm_robust_seg.engine.base import Engine
from mm_robust_seg.errors import EngineError
from mm_robust_seg.pipeline import Pipeline

TICK_S = 0.010
"""How often a due frame set, or a sensor that may have failed, is looked for."""

_SHORTEST_WAIT_S = 0.001
T = TypeVar('T')


class Worker:
    """One thread that owns the engine: it builds it, and runs the newest due frame set.

    While it is busy, the pipeline replaces waiting sets by newer ones, so that latency never
    grows. Other threads reach the pipeline through ``ask``, which takes its lock.

    Args:
        build: makes the pipeline and its engine; is given what tells whether they are still
            wanted.
        deliver: runs a job and publishes the result.
        report: is told what ``deliver`` or the pipeline raised; the thread goes on.
        now_ns: the present on the node's clock.
    """

    def __init__(
        self,
        build: Callable[[Callable[[], bool]], tuple[Pipeline, Engine]],
        deliver: Callable[[Pipeline, Job], None],
        report: Callable[[Exception], None],
        now_ns: Callable[[], int],
    ) -> None:
        self._build, self._deliver, self._report, self._now_ns = build, deliver, report, now_ns
        self._changed = threading.Condition()
        self._built = threading.Event()
        self._pipeline: Pipeline | None = None
        self._failure: Exception | None = None
        self._is_enabled = False
        self._is_busy = False
        self._is_closed = False
        self._is_cancelled: Callable[[], bool] = lambda: False
        self._thread = threading.Thread(target=self._run, name='inference')

    def start(self, is_cancelled: Callable[[], bool]) -> None:
        """Build the pipeline on the thread, and wait for it.

        Raises:
            EngineError: if ``is_cancelled`` became true meanwhile.
            Exception: whatever ``build`` raised.
        """
        self._is_cancelled = is_cancelled
        self._thread.start()
        while not self._built.wait(0.1):
            if is_cancelled():
                raise EngineError('cancelled while the engine was loading')
        if self._failure is not None:
            raise self._failure

    def close(self) -> None:
        """End the thread, which frees the engine; waits for a load or inference in progress."""
        with self._changed:
            self._is_closed = True
            self._changed.notify_all()
        if self._thread.is_alive():
            self._thread.join()

    def enable(self, is_enabled: bool) -> None:
        """Start or stop taking frame sets; the one in hand is still published."""
        with self._changed:
            if is_enabled and not self._is_enabled and self._pipeline is not None:
                self._pipeline.rested()
            self._is_enabled = is_enabled
            self._changed.notify_all()

    def settle(self) -> None:
        """Wait until no frame set is in hand."""
        with self._changed:
            self._changed.wait_for(lambda: not self._is_busy)

    def ask(self, question: Callable[[Pipeline, int], T]) -> T:
        """Call ``question`` with the pipeline and the present, under the pipeline's lock.

        The time is taken under the lock too: to the pipeline, time that went back while a thread
        waited is a jump of the clock.
        """
        with self._changed:
            if self._pipeline is None:
                raise EngineError('the engine is not loaded: configure the node first')
            return question(self._pipeline, self._now_ns())

    def wake(self) -> None:
        """Look for a due frame set anew: what the pipeline waits for may have changed."""
        with self._changed:
            self._changed.notify_all()

    def offer(self, raw: RawImage, arrival_ns: int) -> None:
        """Decode one image on the caller's thread, and see whether it completes a set.

        Args:
            raw: the message.
            arrival_ns: when it arrived; decoding it takes time, which the pipeline is told too.
        """
        item = self.ask(lambda pipeline, _: pipeline).decode(raw, arrival_ns)
        self.ask(lambda pipeline, present_ns: pipeline.admit(item, present_ns))
        self.wake()

    def _run(self) -> None:
        try:
            pipeline, engine = self._build(self._is_cancelled)
        except Exception as error:
            self._failure = error
            self._built.set()
            return
        self._pipeline = pipeline
        self._built.set()
        try:
            while (job := self._next_job(pipeline)) is not None:
                self._attempt(lambda job=job: self._deliver(pipeline, job))  # type: ignore[misc]
        finally:
            engine.close()

    def _next_job(self, pipeline: Pipeline) -> Job | None:
        """Wait for the next due frame set; None when the worker is closed."""
        with self._changed:
            self._is_busy = False
            self._changed.notify_all()
            while not self._is_closed:
                job = self._attempt(lambda: self._take(pipeline))
                if job is not None:
                    self._is_busy = True
                    return job
                self._changed.wait(self._patience_s(pipeline))
        return None

    def _take(self, pipeline: Pipeline) -> Job | None:
        return pipeline.take(self._now_ns()) if self._is_enabled else None

    def _patience_s(self, pipeline: Pipeline) -> float | None:
        """Return how long to wait; None with no frame at hand, since the next one will wake."""
        deadline_ns = pipeline.next_deadline_ns if self._is_enabled else None
        if deadline_ns is None:
            return None
        return min(max((deadline_ns - self._now_ns()) * 1e-9, _SHORTEST_WAIT_S), TICK_S)

    def _attempt(self, action: Callable[[], T]) -> T | None:
        try:
            return action()
        except Exception as error:
            self._report(error)
            return None


class Watchdog:
    """A thread that looks again and again, whatever the other threads are busy with.

    Args:
        tick: looks, and returns the seconds until it should be called again.
        report: is told what ``tick`` raised; the thread goes on.
    """

    def __init__(self, tick: Callable[[], float], report: Callable[[Exception], None]) -> None:
        self._tick, self._report = tick, report
        self._is_closed = False
        self._woken = threading.Event()
        self._thread = threading.Thread(target=self._run, name='watchdog')
        self._thread.start()

    def wake(self) -> None:
        """Look at once."""
        self._woken.set()

    def close(self) -> None:
        """End the thread."""
        self._is_closed = True
        self._woken.set()
        self._thread.join()

    def _run(self) -> None:
        wait_s = TICK_S
        while True:
            self._woken.wait(wait_s)
            self._woken.clear()
            if self._is_closed:
                return
            try:
                wait_s = self._tick()
            except Exception as error:
                wait_s = TICK_S
                self._report(error)
