# Copyright 2026 mm_robust_seg maintainers
# SPDX-License-Identifier: Apache-2.0

"""Simulated time between the steps of its clock."""

from itertools import pairwise

from hypothesis import given
from hypothesis import strategies as st
import pytest

pytest.importorskip('rclpy', reason='rclpy is not installed')

from mm_robust_seg.ros.node.present import Interpolation

pytestmark = pytest.mark.ros
MS = 1_000_000


def told(clock_ns, until_ms, every_ms=5, interpolation=None):
    """What is told at each moment of steady time, of a clock that says ``clock_ns(steady_ns)``."""
    interpolation = interpolation or Interpolation()
    times_ns = [at_ms * MS for at_ms in range(0, until_ms, every_ms)]
    return [(at_ns, interpolation.present_ns(clock_ns(at_ns), at_ns)) for at_ns in times_ns]


@pytest.mark.parametrize('speed', [0.3, 1.0, 4.0])
def test_time_goes_on_between_the_steps_at_the_speed_of_the_simulation(speed):
    def clock_ns(at_ns):
        return round(at_ns * speed) // (100 * MS) * 100 * MS

    warm_ms = round(200 / speed) + 50
    for at_ns, now_ns in told(clock_ns, 5000)[warm_ms // 5 :]:
        assert now_ns == pytest.approx(at_ns * speed, abs=25 * MS * max(speed, 1))


def test_it_never_runs_ahead_of_a_clock_that_stands_still():
    def clock_ns(at_ns):
        return min(at_ns, 1000 * MS) // (100 * MS) * 100 * MS

    assert told(clock_ns, 9000)[-1][1] == 1100 * MS


def test_after_a_pause_time_goes_on_as_before():
    def clock_ns(at_ns):
        running_ns = at_ns if at_ns < 1000 * MS else max(1000 * MS, at_ns - 7000 * MS)
        return running_ns // (100 * MS) * 100 * MS

    late = [(at_ns, now_ns) for at_ns, now_ns in told(clock_ns, 10000) if at_ns > 8300 * MS]
    for at_ns, now_ns in late:
        assert now_ns == pytest.approx(at_ns - 7000 * MS, abs=25 * MS)


@pytest.mark.parametrize('jump_s', [-50, -0.5, 3, 5000])
def test_a_jump_of_the_clock_is_followed_at_once(jump_s):
    interpolation = Interpolation()
    told(lambda at_ns: 100_000 * MS + at_ns // (50 * MS) * 50 * MS, 1000, 5, interpolation)
    clock_ns = 101_000 * MS + round(jump_s * 1e9)
    assert interpolation.present_ns(clock_ns, 1000 * MS) == clock_ns


STEPS = st.lists(st.tuples(st.integers(0, 300 * MS), st.integers(0, 300 * MS)), max_size=60)


@given(STEPS)
def test_it_never_goes_back_and_stays_within_the_longest_step(steps):
    interpolation, clock_ns, steady_ns, seen = Interpolation(), 10**12, 0, []
    longest_ns = max((step_ns for step_ns, _ in steps), default=0)
    for step_ns, passed_ns in steps:
        clock_ns, steady_ns = clock_ns + step_ns, steady_ns + passed_ns
        now_ns = interpolation.present_ns(clock_ns, steady_ns)
        assert clock_ns <= now_ns <= clock_ns + longest_ns
        seen.append(now_ns)
    assert all(earlier <= later for earlier, later in pairwise(seen))
