# Copyright 2026 mm_robust_seg maintainers
# SPDX-License-Identifier: Apache-2.0

"""When drivers that hang are woken: not too early, ever less often, and not without end."""

from __future__ import annotations

from itertools import pairwise

from hypothesis import given
from hypothesis import strategies as st
import pytest

from mm_robust_seg.config import Config, RecoveryConfig
from mm_robust_seg.finding import HealthLevel, Reason, SensorHealth
from mm_robust_seg.modality import Modality
from mm_robust_seg.schema import with_values
from mm_robust_seg.stages.wake_up import WakeUp

RGB, THERMAL, DEPTH = Modality
TICK_S = 0.01
REASONS = (Reason.OK, Reason.SILENT, Reason.FROZEN, Reason.GONE, Reason.RECOVERING)


def recovery(**values: object) -> RecoveryConfig:
    settings = {'service': '/reset', **values}
    return with_values(
        Config(), {f'recovery.thermal.{name}': value for name, value in settings.items()}
    ).recovery


def verdicts(reason: Reason, usable: bool | None = None) -> dict[Modality, SensorHealth]:
    works = reason is Reason.OK if usable is None else usable
    level = HealthLevel.OK if works else HealthLevel.ERROR
    return {m: SensorHealth(m, level, reason, works, '', 0) for m in Modality}


def calls_s(wake_up: WakeUp, *phases: tuple[Reason, float]) -> list[float]:
    """Play phases of a reason and its seconds; return when which call came."""
    found, tick = [], 0
    for reason, duration_s in phases:
        for _ in range(round(duration_s / TICK_S)):
            for call in wake_up.due(verdicts(reason), round(tick * TICK_S * 1e9)):
                assert (call.modality, call.reason) == (THERMAL, reason)
                found.append(round(tick * TICK_S, 2))
            tick += 1
    return found


def test_a_driver_that_hangs_is_called_ever_less_often_up_to_the_limit():
    wake_up = WakeUp(recovery(after_s=2.0, retry_s=5.0, max_calls=4))
    assert calls_s(wake_up, (Reason.OK, 1), (Reason.SILENT, 100)) == [3.0, 8.0, 18.0, 38.0]


@pytest.mark.parametrize('reason', [Reason.SILENT, Reason.FROZEN])
def test_a_pause_that_is_too_short_is_none(reason):
    wake_up = WakeUp(recovery(after_s=2.0))
    assert calls_s(wake_up, *[(Reason.OK, 1), (reason, 1.9)] * 3) == []


@pytest.mark.parametrize(
    'reason', [r for r in Reason if r not in (Reason.SILENT, Reason.FROZEN)], ids=str
)
def test_no_other_reason_calls(reason):
    assert calls_s(WakeUp(recovery(after_s=0.1)), (reason, 5)) == []


def test_a_frozen_sensor_that_stays_in_use_is_left_alone():
    wake_up = WakeUp(recovery(after_s=0.1))
    ticks_ns = range(0, 9_000_000_000, 100_000_000)
    assert not [c for ns in ticks_ns for c in wake_up.due(verdicts(Reason.FROZEN, True), ns)]


def test_calls_are_counted_until_the_sensor_has_worked_for_long_enough():
    config = recovery(after_s=1.0, retry_s=4.0, max_calls=2)
    flaps = [(Reason.SILENT, 5), (Reason.OK, 1)] * 5
    assert calls_s(WakeUp(config), *flaps) == [1.0, 7.0], 'a moment is not long enough'
    well = [(Reason.SILENT, 2), (Reason.OK, 5)] * 3
    assert calls_s(WakeUp(config), *well) == [1.0, 8.0, 15.0]


def test_without_a_service_nothing_is_called():
    assert calls_s(WakeUp(Config().recovery), (Reason.SILENT, 60)) == []


@given(
    st.lists(st.tuples(st.sampled_from(REASONS), st.floats(0.05, 6)), max_size=12),
    st.floats(0.1, 3),
    st.floats(0.1, 3),
    st.integers(1, 4),
)
def test_laws(phases, after_s, retry_s, max_calls):
    config = recovery(after_s=after_s, retry_s=retry_s, max_calls=max_calls)
    wake_up, tick, hung_s, numbers, times_s = WakeUp(config), 0, 0.0, [], []
    for reason, duration_s in phases:
        for _ in range(round(duration_s / TICK_S)):
            hung_s = hung_s + TICK_S if reason in (Reason.SILENT, Reason.FROZEN) else 0.0
            for call in wake_up.due(verdicts(reason), round(tick * TICK_S * 1e9)):
                assert hung_s >= after_s - TICK_S
                numbers.append(call.number)
                times_s.append(tick * TICK_S)
            tick += 1
    assert all(1 <= number <= max_calls for number in numbers)
    for (a, b), (before, number) in zip(pairwise(times_s), pairwise(numbers), strict=True):
        assert number in (1, before + 1)
        if number > 1:
            assert b - a >= retry_s * 2 ** (before - 1) - TICK_S
        else:
            assert b - a >= retry_s
