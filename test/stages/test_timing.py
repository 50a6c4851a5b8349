# Copyright 2026 mm_robust_seg maintainers
# SPDX-License-Identifier: Apache-2.0

"""What a stream teaches about its timing."""

from hypothesis import given
from hypothesis import strategies as st
import pytest
from streams import frame, MS, Stream

from mm_robust_seg.modality import Modality
from mm_robust_seg.stages.synchronizer.timing import TimingLearner

RGB, THERMAL, DEPTH = Modality


def learned(frames, rate_hz=0.0):
    learner = TimingLearner(rate_hz)
    for item in frames:
        learner.observe(item)
    return learner.timing


@pytest.mark.parametrize('rate_hz', [1, 5, 9, 30, 120])
def test_rate_and_latency_are_learned(rate_hz):
    timing = learned(
        Stream(rate_hz, latency_ms=40).frames(THERMAL, 4500 if rate_hz == 1 else 1000)
    )
    assert timing.period_ns == pytest.approx(1e9 / rate_hz, abs=2)
    assert timing.latency_ns == 40 * MS
    assert timing.jitter_ns == 0


def test_jitter_is_how_late_one_frame_in_ten_is():
    timing = learned(Stream(latency_ms=10, jitter_ms=20).frames(RGB, 2000))
    assert timing.latency_ns == pytest.approx(20 * MS, abs=5 * MS)
    assert timing.jitter_ns == pytest.approx(8 * MS, abs=4 * MS)


def test_lost_frames_do_not_change_the_period():
    timing = learned(Stream(lost=0.2).frames(DEPTH, 3000))
    assert timing.period_ns == pytest.approx(1e9 / 30, abs=2)


def test_nothing_is_known_before_three_periods():
    frames = Stream().frames(RGB, 1000)
    assert learned(frames[:3]) is None
    assert learned(frames[:4]) is not None


def test_a_configured_rate_is_taken_at_once():
    assert learned(Stream(30).frames(RGB, 1000)[:1], rate_hz=10).period_ns == 100 * MS
    assert learned([], rate_hz=10) is None


def test_a_camera_that_is_slower_than_configured_refutes_it():
    assert learned(Stream(14).frames(RGB, 1000), 30.0).period_ns == pytest.approx(1e9 / 14, abs=2)


def test_another_rate_is_learned_within_a_second():
    timing = learned(Stream(30).frames(RGB, 1000) + Stream(10, phase_ms=1000).frames(RGB, 3000))
    assert timing.period_ns == 100 * MS


@given(st.lists(st.tuples(st.integers(-(10**6), 10**6), st.integers(-5000, 5000)), max_size=60))
def test_any_stream_has_a_positive_period_and_no_negative_jitter(events):
    timing = learned([frame(RGB, stamp_ms, latency_ms) for stamp_ms, latency_ms in events])
    assert timing is None or (timing.period_ns > 0 and timing.jitter_ns >= 0)
