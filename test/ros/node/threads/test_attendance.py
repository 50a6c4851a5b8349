# Copyright 2026 mm_robust_seg maintainers
# SPDX-License-Identifier: Apache-2.0

"""Late looks and a thread that does not answer are told; a machine in use is not."""

from __future__ import annotations

import pytest

pytest.importorskip('rclpy', reason='rclpy is not installed')

from mm_robust_seg.ros.node.threads.attendance import Attendance

pytestmark = pytest.mark.ros


class Reader:
    """The thread that reads messages: answers when it is told to."""

    def __init__(self) -> None:
        self.calls: list[object] = []
        self.attendance = Attendance(self.calls.append)
        self.now_s = 100.0
        self.attendance.reads(self.now_s)
        self.look(0.01)

    def look(self, after_s: float, is_watched: bool = True, reads: bool = True) -> float:
        self.now_s += after_s
        if reads:
            self.attendance.reads(self.now_s)
        return self.attendance.look(self.now_s, is_watched)

    def answer(self) -> None:
        self.calls.pop()()


def test_looks_on_time_hold_up_nobody():
    reader = Reader()
    assert not any(reader.look(0.01 + 0.001 * (k % 15)) for k in range(300))
    assert reader.attendance.held_share == 0
    assert not reader.calls


def test_a_late_look_holds_up_since_the_one_before():
    reader = Reader()
    assert reader.look(0.2) == pytest.approx(0.2)
    assert reader.look(0.01) == 0
    assert reader.attendance.held_share == pytest.approx(0.2 / 5)


def test_seldom_looks_that_are_meant_hold_up_nobody():
    reader = Reader()
    assert not any(reader.look(0.05, is_watched=False) for _ in range(20))


def test_a_reader_that_does_not_answer_holds_up_until_it_does():
    reader = Reader()
    held_s = [reader.look(0.01, reads=False) for _ in range(20)]
    assert len(reader.calls) == 1
    assert held_s[:4] == [0] * 4
    assert held_s[-1] > 0.14
    reader.answer()
    assert reader.look(0.01, reads=False) == 0
    assert reader.attendance.held_share > 0.12 / 5


def test_a_reader_that_answers_is_called_now_and_then():
    reader = Reader()
    for _ in range(100):
        assert reader.look(0.01, reads=False) == 0
        if reader.calls:
            reader.answer()
    assert reader.attendance.held_share == 0
    reader.look(5.1, is_watched=False)
    assert reader.attendance.held_share == 0
