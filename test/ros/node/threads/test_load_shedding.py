# Copyright 2026 mm_robust_seg maintainers
# SPDX-License-Identifier: Apache-2.0

"""Load is shed in order, and taken up again; what is wrong is told with what would help."""

from __future__ import annotations

import pytest

pytest.importorskip('rclpy', reason='rclpy is not installed')

from mm_robust_seg.ros.node.threads.load import Load, Shed

pytestmark = pytest.mark.ros


class Busy:
    """A load that is looked at every second."""

    def __init__(self, sheds: bool = True) -> None:
        self.load, self.now_s = Load(sheds), 100.0
        self.masks = self.overload = 0

    def run(self, seconds: int, held_share: float = 0.0, made: int = 30, skipped: int = 0):
        shed = []
        for _ in range(seconds):
            self.now_s += 1
            self.masks += made
            self.overload += skipped
            self.load.look(held_share, self.masks, self.overload, self.now_s)
            shed.append(self.load.shed)
        return shed


def test_nothing_is_shed_by_a_machine_with_time():
    busy = Busy()
    assert set(busy.run(60, held_share=0.05)) == {Shed.NOTHING}
    assert not busy.load.message
    assert all(busy.load.admits_pictures(100.0) for _ in range(5))
    assert all(busy.load.admits_confidence(100.0) for _ in range(5))
    assert busy.load.rest_s(0.1) == 0


def test_load_is_shed_in_order_and_taken_up_in_reverse():
    busy = Busy()
    assert list(dict.fromkeys(busy.run(20, held_share=0.5))) == list(Shed)
    assert busy.load.rest_s(0.1) == 0.1
    assert list(dict.fromkeys(busy.run(40))) == [Shed.RATE, *reversed(list(Shed)[:-1])]


@pytest.mark.parametrize(
    ('held_share', 'shed'),
    [(0.15, Shed.PICTURES), (0.3, Shed.CONFIDENCE), (0.5, Shed.RATE)],
)
def test_no_more_is_shed_than_there_is_need(held_share, shed):
    busy = Busy()
    assert busy.run(60, held_share)[-1] is shed
    assert busy.run(60, 0.6 * held_share)[-1] is shed
    assert busy.run(60, 0.02)[-1] is Shed.NOTHING


def test_what_is_shed_is_not_given_up_for_good():
    busy = Busy()
    busy.run(20, held_share=0.5)
    for admits in (busy.load.admits_pictures, busy.load.admits_confidence):
        assert sum(admits(200 + 0.1 * k) for k in range(50)) == 5


def test_pictures_go_before_confidence():
    busy = Busy()
    while busy.load.shed is not Shed.PICTURES:
        busy.run(1, held_share=0.5)
    assert [busy.load.admits_pictures(200.0) for _ in range(2)] == [True, False]
    assert all(busy.load.admits_confidence(200.0) for _ in range(2))
    assert busy.load.rest_s(0.1) == 0


def test_it_is_told_what_is_given_up_and_what_would_help():
    busy = Busy()
    busy.run(20, held_share=0.5)
    for words in ('50% of the last 5 s', 'pictures and confidence once a second', 'bundle'):
        assert words in busy.load.message


def test_load_is_told_but_not_shed_if_that_is_wanted():
    busy = Busy(sheds=False)
    assert set(busy.run(20, held_share=0.5)) == {Shed.NOTHING}
    assert 'threads did not run' in busy.load.message


def test_a_slow_engine_is_told_with_the_rate_that_it_makes():
    busy = Busy()
    assert set(busy.run(20, made=12, skipped=18)) == {Shed.NOTHING}
    assert 'set output.max_rate_hz to 12' in busy.load.message
    busy.run(10)
    assert not busy.load.message
