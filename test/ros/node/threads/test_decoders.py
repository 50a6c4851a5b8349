# Copyright 2026 mm_robust_seg maintainers
# SPDX-License-Identifier: Apache-2.0

"""One sensor's messages are decoded beside the others', and of those that wait the newest one."""

from __future__ import annotations

import threading

import pytest

pytest.importorskip('rclpy', reason='rclpy is not installed')

from mm_robust_seg.dataflow import RawImage
from mm_robust_seg.modality import Modality
from mm_robust_seg.ros.node.threads import decoders as decoders_module
from mm_robust_seg.ros.node.threads.decoders import Decoders
from mm_robust_seg.transport import BeingDecoded, PassedOver

pytestmark = pytest.mark.ros

RGB, DEPTH = Modality.RGB, Modality.DEPTH
WAIT_S = 10


def message(modality: Modality, number: int) -> RawImage:
    return RawImage(modality, number, 1, 1, 'mono8', 1, b'\0')


class Harness:
    """Takes what is decoded; an RGB message is only when ``go`` is set."""

    def __init__(self) -> None:
        self.seen: list[object] = []
        self.errors: list[Exception] = []
        self.changed = threading.Condition()
        self.go = threading.Event()
        self.is_read = True
        self.decoders = Decoders([RGB, DEPTH], self, self.errors.append)

    def note(self, note: object) -> None:
        self._add(note)

    def offer(self, raw: RawImage, arrival_ns: int) -> bool:
        if raw.modality is RGB:
            assert self.go.wait(WAIT_S)
        self._add((raw.modality, raw.stamp_ns, arrival_ns))
        if raw.stamp_ns < 0:
            raise RuntimeError('bad message')
        return self.is_read

    def _add(self, item: object) -> None:
        with self.changed:
            self.seen.append(item)
            self.changed.notify_all()

    def put(self, modality: Modality, number: int) -> None:
        self.decoders.put(message(modality, number), None, 100 + number)

    def wait_for(self, *items: object) -> None:
        with self.changed:
            assert self.changed.wait_for(lambda: set(items) <= set(self.seen), WAIT_S), self.seen


@pytest.fixture
def harness():
    made = Harness()
    yield made
    made.go.set()
    made.decoders.close()


def test_a_message_that_takes_long_delays_no_other_sensor(harness):
    harness.put(RGB, 1)
    harness.wait_for(BeingDecoded(RGB, 101))
    for number in range(5):
        harness.put(DEPTH, number)
        harness.wait_for((DEPTH, number, 100 + number))
    assert (RGB, 1, 101) not in harness.seen


def test_of_those_that_wait_the_newest_is_decoded_and_the_others_are_told_in_order(harness):
    harness.put(RGB, 1)
    harness.wait_for(BeingDecoded(RGB, 101))
    for number in (2, 3, 4):
        harness.put(RGB, number)
    assert harness.decoders.waiting_ns() == {RGB: 104}
    harness.go.set()
    harness.wait_for((RGB, 4, 104))
    assert harness.seen == [
        BeingDecoded(RGB, 101),
        (RGB, 1, 101),
        PassedOver(RGB, 2, 102),
        PassedOver(RGB, 3, 103),
        BeingDecoded(RGB, 104),
        (RGB, 4, 104),
    ]
    assert not harness.decoders.waiting_ns()


def test_a_thread_that_cannot_keep_up_rests_as_long_as_it_works(harness, monkeypatch):
    rests_s: list[float] = []
    clock = iter(range(0, 1000, 3))
    monkeypatch.setattr(decoders_module.time, 'monotonic', lambda: float(next(clock)))
    waits = threading.Condition.wait_for
    monkeypatch.setattr(
        threading.Condition,
        'wait_for',
        lambda self, found, timeout=None: (
            rests_s.append(timeout) if timeout == 3.0 else waits(self, found, timeout)
        ),
    )
    harness.go.set()
    harness.put(DEPTH, 1)
    harness.wait_for((DEPTH, 1, 101))
    harness.put(DEPTH, 2)
    harness.wait_for((DEPTH, 2, 102))
    assert not rests_s, 'it keeps up'
    harness.is_read = False
    harness.put(DEPTH, 3)
    harness.wait_for((DEPTH, 3, 103))
    harness.put(DEPTH, 4)
    harness.wait_for((DEPTH, 4, 104))
    assert rests_s[:1] == [3.0]


def test_an_exception_ends_no_thread(harness):
    harness.put(DEPTH, -1)
    harness.wait_for((DEPTH, -1, 99))
    harness.put(DEPTH, 2)
    harness.wait_for((DEPTH, 2, 102))
    assert [str(error) for error in harness.errors] == ['bad message']


def test_closing_waits_for_the_message_in_hand_and_forgets_the_others(harness):
    harness.put(RGB, 1)
    harness.wait_for(BeingDecoded(RGB, 101))
    harness.put(RGB, 2)
    closing = threading.Thread(target=harness.decoders.close)
    closing.start()
    assert closing.is_alive()
    harness.go.set()
    closing.join(WAIT_S)
    assert not closing.is_alive()
    assert harness.seen == [BeingDecoded(RGB, 101), (RGB, 1, 101)]
