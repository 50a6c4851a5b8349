# Copyright 2026 mm_robust_seg maintainers
# SPDX-License-Identifier: Apache-2.0

"""The thread that owns the engine and the pipeline.

It waits in steady time; every time that reaches the pipeline comes from the node's clock.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
import threading
import time
from typing import TypeVar

from mm_robust_seg.dataflow import Frame, Job, RawImage, Segmentation
from mm_robust_seg.engine.base import Engine
from mm_robust_seg.errors import EngineError
from mm_robust_seg.pipeline import Pipeline
from mm_robust_seg.transport import TransportNote

TICK_S = 0.010
"""How often a due frame set, or a sensor that may have failed, is looked for."""

PATIENCE_S = 3.0
"""How long a stop waits for a runtime that is at work; then it goes on without it."""

_SHORTEST_WAIT_S = 0.001
T = TypeVar('T')


@dataclass(frozen=True)
class EngineState:
    """What is to be known about engine and output.

    Attributes:
        description: of the engine.
        trouble: why the last frame set has no mask; empty if it has one.
        is_enabled: whether masks are made.
        counters: of the pipeline.
    """

    description: str
    trouble: str
    is_enabled: bool
    counters: Mapping[str, int]


class EngineThread:
    """Builds the pipeline, and runs the newest due frame set.

    While inference runs, which holds no lock, the pipeline replaces waiting sets by newer ones, so
    that latency never grows. Other threads reach the pipeline through ``offer``, ``note`` and
    ``ask``, which take its lock.

    Args:
        build: makes the pipeline and its engine; is given what tells whether they are still
            wanted.
        publish: is given every mask.
        report: is told what ``publish`` or the pipeline raised; the thread goes on.
        now_ns: the present on the node's clock.
        rest_s: says how long to rest after a mask that took so many seconds.

    Attributes:
        now_ns: as given.
        description: of the engine, once it is loaded.
        arrived: set when an image was admitted; whoever waits for one clears it.
    """

    def __init__(
        self,
        build: Callable[[Callable[[], bool]], tuple[Pipeline, Engine]],
        publish: Callable[[Segmentation], None],
        report: Callable[[Exception], None],
        now_ns: Callable[[], int],
        rest_s: Callable[[float], float] = lambda busy_s: 0.0,
    ) -> None:
        self._build, self._publish, self._report, self.now_ns = build, publish, report, now_ns
        self._rest_s, self._rests_until_s = rest_s, 0.0
        self.description = self._trouble = ''
        self.arrived = threading.Event()
        self._changed = threading.Condition()
        self._built = threading.Event()
        self._pipeline: Pipeline | None = None
        self._failure: Exception | None = None
        self._is_enabled = False
        self._is_busy = False
        self._is_closed = False
        self._is_cancelled: Callable[[], bool] = lambda: False
        self._patience_left_s = PATIENCE_S
        # A daemon: the interpreter would wait for ever for a runtime that does not return.
        self._thread = threading.Thread(target=self._run, name='inference', daemon=True)

    def start(self, is_cancelled: Callable[[], bool]) -> None:
        """Build the pipeline on the thread, and wait for it.

        Raises:
            EngineError: if ``is_cancelled`` became true meanwhile.
            Exception: whatever ``build`` raised.
        """
        self._is_cancelled = lambda: self._is_closed or is_cancelled()
        self._thread.start()
        while not self._built.wait(0.1):
            if is_cancelled():
                raise EngineError('cancelled while the engine was loading')
        if self._failure is not None:
            raise self._failure

    def close(self) -> bool:
        """End the thread, which frees the engine; tell whether it has ended.

        A load or inference in progress is waited for, but no longer than the patience: a thread
        that is left behind ends, and frees the engine, when the runtime returns.
        """
        with self._changed:
            self._is_closed = True
            self._changed.notify_all()
        if self._thread.is_alive():
            self._thread.join(self._patience_left_s)
        return not self._thread.is_alive()

    def enable(self, is_enabled: bool) -> None:
        """Start or stop taking frame sets; the one in hand is still published."""
        with self._changed:
            if is_enabled and not self._is_enabled and self._pipeline is not None:
                self._pipeline.rested()
            self._is_enabled = is_enabled
            self._changed.notify_all()

    def drain(self) -> bool:
        """Wait until no frame set is in hand, for the patience; tell whether there is none."""
        with self._changed:
            is_idle = self._changed.wait_for(lambda: not self._is_busy, self._patience_left_s)
            self._patience_left_s = PATIENCE_S if is_idle else 0.0
        return is_idle

    def offer(self, raw: RawImage, arrival_ns: int) -> bool:
        """Decode one image on the caller's thread, and see whether it completes a set.

        Args:
            raw: the message.
            arrival_ns: when it arrived; decoding it takes time, which the pipeline is told too.

        Returns:
            Whether it could be read.
        """
        pipeline = self._loaded()
        item = pipeline.decode(raw, arrival_ns)
        with self._changed:
            pipeline.admit(item, self.now_ns())
            self._changed.notify_all()
        self.arrived.set()
        return isinstance(item, Frame)

    def note(self, note: TransportNote) -> None:
        """Pass on what the middleware tells besides the images."""
        self.ask(lambda pipeline, now_ns: pipeline.note(note, now_ns))

    def ask(self, question: Callable[[Pipeline, int], T]) -> T:
        """Call ``question`` with the pipeline and the present, under the pipeline's lock.

        The time is taken under the lock too: to the pipeline, time that went back while a thread
        waited is a jump of the clock.
        """
        with self._changed:
            return question(self._loaded(), self.now_ns())

    def wake(self) -> None:
        """Look for a due frame set anew: what the pipeline waits for may have changed."""
        with self._changed:
            self._changed.notify_all()

    def state(self) -> EngineState:
        """Return what the diagnostics say about engine and output."""
        counters = self.ask(lambda pipeline, _: pipeline.counters)
        return EngineState(self.description, self._trouble, self._is_enabled, counters)

    def _loaded(self) -> Pipeline:
        if self._pipeline is None:
            raise EngineError('the engine is not loaded: configure the node first')
        return self._pipeline

    def _run(self) -> None:
        try:
            pipeline, engine = self._build(self._is_cancelled)
        except Exception as error:
            self._failure = error
            self._built.set()
            return
        self._pipeline, self.description = pipeline, engine.description
        self._built.set()
        try:
            while (job := self._next_job(pipeline)) is not None:
                start_s = time.monotonic()
                self._attempt(lambda job=job: self._serve(pipeline, job))  # type: ignore[misc]
                end_s = time.monotonic()
                self._rests_until_s = end_s + self._rest_s(end_s - start_s)
        finally:
            engine.close()

    def _serve(self, pipeline: Pipeline, job: Job) -> None:
        try:
            result = pipeline.run(job)
        except Exception as error:
            self._trouble = str(error)
            raise
        self._trouble = ''
        if not self._is_closed:
            self._publish(result)

    def _next_job(self, pipeline: Pipeline) -> Job | None:
        """Wait for the next due frame set; None when the thread is to end."""
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
        rests = time.monotonic() < self._rests_until_s
        return pipeline.take(self.now_ns()) if self._is_enabled and not rests else None

    def _patience_s(self, pipeline: Pipeline) -> float | None:
        """Return how long to wait; None with no frame at hand, since the next one will wake."""
        deadline_ns = pipeline.next_deadline_ns if self._is_enabled else None
        if deadline_ns is None:
            return None
        due_s = (deadline_ns - self.now_ns()) * 1e-9
        return min(max(due_s, self._rests_until_s - time.monotonic(), _SHORTEST_WAIT_S), TICK_S)

    def _attempt(self, action: Callable[[], T]) -> T | None:
        try:
            return action()
        except Exception as error:
            self._report(error)
            return None
