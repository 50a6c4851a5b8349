# Copyright 2026 mm_robust_seg maintainers
# SPDX-License-Identifier: Apache-2.0

from itertools import pairwise

from hypothesis import given
from hypothesis import strategies as st
import pytest

from mm_robust_seg.config import Config, OutputConfig
from mm_robust_seg.stages.rate_limit import RateLimit

PERIOD_NS = 33_333_333


def configured(rate_hz):
    return Config(output=OutputConfig(max_rate_hz=rate_hz))


def limit_of(rate_hz):
    return RateLimit(configured(rate_hz))


def admitted(limit, times_ns):
    return [now_ns for now_ns in times_ns if limit.admits(now_ns)]


def test_zero_admits_everything():
    assert admitted(limit_of(0.0), [5, 5, 5, 4]) == [5, 5, 5, 4]


def test_a_slower_limit_thins_out_evenly():
    times_ns = admitted(limit_of(10.0), [k * PERIOD_NS for k in range(300)])
    gaps = [b - a for a, b in pairwise(times_ns)]
    assert len(times_ns) == pytest.approx(100, abs=2)
    assert set(gaps[1:]) == {3 * PERIOD_NS}


@given(jitters_ns=st.lists(st.integers(-5_000_000, 5_000_000), min_size=20, max_size=60))
def test_a_source_of_the_same_rate_passes_whole_in_spite_of_jitter(jitters_ns):
    times_ns = [k * PERIOD_NS + jitter_ns for k, jitter_ns in enumerate(jitters_ns)]
    # The first event sets the schedule: the others are early by its jitter and their own.
    assert admitted(limit_of(30.0), times_ns) == times_ns


@given(gaps_ns=st.lists(st.integers(0, 400_000_000), max_size=80), rate_hz=st.floats(1, 50))
def test_the_average_never_exceeds_the_limit(gaps_ns, rate_hz):
    times_ns, now_ns = [], 0
    for gap_ns in gaps_ns:
        now_ns += gap_ns
        times_ns.append(now_ns)
    count = len(admitted(limit_of(rate_hz), times_ns))
    assert count <= now_ns * 1e-9 * rate_hz + 2


def test_what_is_refused_is_counted_whatever_the_rate_becomes():
    limit = limit_of(10.0)
    assert admitted(limit, [0, 1, 2]) == [0] and limit.refused == 2
    limit.reconfigure(configured(10.0))
    assert not limit.admits(3), 'the same rate changes nothing'
    limit.reconfigure(configured(20.0))
    assert admitted(limit, [4, 5]) == [4] and limit.refused == 4
    limit.reset(0)
    assert limit.admits(6) and limit.refused == 4


def test_a_pause_does_not_allow_a_burst():
    limit = limit_of(10.0)
    assert limit.admits(0)
    later_ns = 10_000_000_000
    assert admitted(limit, [later_ns, later_ns + 1, later_ns + 40_000_000]) == [later_ns]
