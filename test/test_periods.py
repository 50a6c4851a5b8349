# Copyright 2026 mm_robust_seg maintainers
# SPDX-License-Identifier: Apache-2.0

"""The period of a stream."""

from hypothesis import given
from hypothesis import strategies as st
import numpy as np
import pytest

from mm_robust_seg.periods import usual_step_ns

MS = 1_000_000
PERIODS = st.integers(1 * MS, 1000 * MS)


@given(PERIODS, st.integers(10, 90), st.integers(0, 2**32 - 1))
def test_neither_losses_nor_jitter_nor_a_pause_change_it(period_ns, count, seed):
    rng = np.random.default_rng(seed)
    steps_ns = [period_ns * (1 + (rng.random() < 0.15)) for _ in range(count)]
    steps_ns[0] = 300 * period_ns
    jitter_ns = rng.uniform(-0.1, 0.1, count) * period_ns
    usual_ns = usual_step_ns([round(s + j) for s, j in zip(steps_ns, jitter_ns, strict=True)])
    losses = sum(s > period_ns for s in steps_ns)
    assert losses > 0.4 * count or usual_ns == pytest.approx(period_ns, rel=0.1)


@given(PERIODS, st.integers(2, 6), st.integers(5, 12))
def test_frames_in_bursts_have_the_period_of_their_mean(period_ns, length, bursts):
    short_ns = period_ns // 50
    burst = [short_ns] * (length - 1) + [length * period_ns - (length - 1) * short_ns]
    usual_ns = usual_step_ns(burst * bursts)
    assert usual_ns == pytest.approx(period_ns, rel=0.02) or length == 2


@given(st.lists(st.integers(1, 10**12), min_size=1, max_size=90))
def test_it_lies_among_the_steps(steps_ns):
    assert min(steps_ns) <= usual_step_ns(steps_ns) <= max(steps_ns)
