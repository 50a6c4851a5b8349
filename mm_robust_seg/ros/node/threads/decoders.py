# Copyright 2026 mm_robust_seg maintainers
# SPDX-License-Identifier: Apache-2.0

"""A thread for each sensor that decodes its newest message, so that none waits for another's."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable, Mapping
import threading
import time
from typing import NamedTuple, Protocol

from mm_robust_seg.dataflow import RawImage
from mm_robust_seg.modality import Modality
from mm_robust_seg.ros.node.foreign_encodings import translated
from mm_robust_seg.transport import BeingDecoded, PassedOver, TransportNote

_MOST_TOLD = 64
"""Messages passed over while one was decoded that are told one by one, the latest."""


class Pipeline(Protocol):
    """Who takes what was decoded."""

    def offer(self, raw: RawImage, arrival_ns: int) -> bool:
        """Decode one image on the caller's thread, and admit it; tell whether it can be read."""

    def note(self, note: TransportNote) -> None:
        """Take in what else is to be told."""


class _Message(NamedTuple):
    raw: RawImage
    message: object
    arrival_ns: int


class Decoders:
    """Decodes each sensor's messages on a thread of its own; of those that wait the newest one.

    A thread that cannot keep up, or reads what is none, rests as long as it works: it takes half
    of a core from the other sensors and the network, and no more.

    Args:
        modalities: the sensors.
        pipeline: is given what comes, and told what was passed over, in the order of arrival.
        report: is told what was raised; the threads go on.
    """

    def __init__(
        self,
        modalities: Iterable[Modality],
        pipeline: Pipeline,
        report: Callable[[Exception], None],
    ) -> None:
        self._decoders = {m: _Decoder(m, pipeline, report) for m in modalities}

    def put(self, raw: RawImage, message: object, arrival_ns: int) -> None:
        """Leave a message to the thread of its sensor, in place of one that waits.

        Args:
            raw: the message.
            message: the same, as the middleware has it.
            arrival_ns: when it came.
        """
        self._decoders[raw.modality].put(_Message(raw, message, arrival_ns))

    def waiting_ns(self) -> Mapping[Modality, int]:
        """Return when the newest message of each sensor came that waits to be decoded."""
        newest = {m: decoder.waiting_ns for m, decoder in self._decoders.items()}
        return {m: at_ns for m, at_ns in newest.items() if at_ns is not None}

    def close(self) -> None:
        """End the threads; waits for messages that are being decoded, and forgets the others."""
        for decoder in self._decoders.values():
            decoder.stop()
        for decoder in self._decoders.values():
            decoder.join()


class _Decoder:
    """The thread of one sensor."""

    def __init__(
        self, modality: Modality, pipeline: Pipeline, report: Callable[[Exception], None]
    ) -> None:
        self._pipeline, self._report = pipeline, report
        self._changed = threading.Condition()
        self._waiting: _Message | None = None
        self._passed: deque[PassedOver] = deque(maxlen=_MOST_TOLD)
        self._is_stopped = False
        self._thread = threading.Thread(target=self._run, name=f'decode {modality}')
        self._thread.start()

    @property
    def waiting_ns(self) -> int | None:
        waiting = self._waiting
        return None if waiting is None else waiting.arrival_ns

    def put(self, message: _Message) -> None:
        with self._changed:
            if (old := self._waiting) is not None:
                raw = old.raw
                self._passed.append(PassedOver(raw.modality, raw.stamp_ns, old.arrival_ns))
            self._waiting = message
            self._changed.notify()

    def stop(self) -> None:
        with self._changed:
            self._is_stopped, self._waiting = True, None
            self._changed.notify()

    def join(self) -> None:
        self._thread.join()

    def _run(self) -> None:
        while (message := self._next()) is not None:
            start_s, is_read = time.monotonic(), False
            try:
                self._pipeline.note(BeingDecoded(message.raw.modality, message.arrival_ns))
                raw = translated(message.raw, message.message)
                is_read = self._pipeline.offer(raw, message.arrival_ns)
                del raw
            except Exception as error:
                self._report(error)
            del message  # not kept until the next one comes
            if not is_read or self._passed:
                self._rest(time.monotonic() - start_s)

    def _rest(self, for_s: float) -> None:
        with self._changed:
            self._changed.wait_for(lambda: self._is_stopped, for_s)

    def _next(self) -> _Message | None:
        """Wait for a message, and tell those that were passed over for it; None at the end."""
        with self._changed:
            self._changed.wait_for(lambda: self._waiting is not None or self._is_stopped)
            message, self._waiting = self._waiting, None
            passed = list(self._passed)
            self._passed.clear()
        for note in passed:
            try:
                self._pipeline.note(note)
            except Exception as error:
                self._report(error)
        return message
