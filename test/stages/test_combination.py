# Copyright 2026 mm_robust_seg maintainers
# SPDX-License-Identifier: Apache-2.0

"""The policy: supported subsets of usable sensors, dropped at once, re-admitted slowly."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from hypothesis import given
from hypothesis import strategies as st
import pytest

from mm_robust_seg.config import (
    Config,
    HysteresisConfig,
    InputsConfig,
    PolicyConfig,
    RgbInputConfig,
    SyncConfig,
)
from mm_robust_seg.dataflow import HealthLevel, HealthReport, Reason, SensorHealth
from mm_robust_seg.errors import ConfigError
from mm_robust_seg.finding import READABLE
from mm_robust_seg.modality import all_combinations, COMPLETE, Modality, ModalitySet
from mm_robust_seg.stages.combination import CombinationPolicy

MS = 1_000_000
DWELL_MS = 500

NOTHING = ModalitySet()
RGB, RGB_THERMAL, RGB_DEPTH = (ModalitySet.parse(t) for t in ('rgb', 'rgb+thermal', 'rgb+depth'))
THERMAL, DEPTH, THERMAL_DEPTH = (
    ModalitySet.parse(t) for t in ('thermal', 'depth', 'thermal+depth')
)


def report(
    usable: ModalitySet, recovering: ModalitySet = NOTHING, reason: Reason = Reason.SILENT
) -> HealthReport:
    reasons = {m: Reason.OK if m in usable else reason for m in Modality}
    reasons |= dict.fromkeys(recovering, Reason.RECOVERING)
    sensors = {
        m: SensorHealth(m, HealthLevel.OK, reason, m in usable, '', 0)
        for m, reason in reasons.items()
    }
    return HealthReport(0, sensors)


def configured(
    dwell_ms: int = DWELL_MS, order: Sequence[Modality] = tuple(Modality), **policy: str
) -> Config:
    return Config(
        policy=PolicyConfig(**policy),
        hysteresis=HysteresisConfig(min_dwell_s=dwell_ms / 1000),
        sync=SyncConfig(reference=order[0].value, fallback_order=[m.value for m in order]),
    )


def make(
    supported: Sequence[ModalitySet] = all_combinations(), config: Config | None = None
) -> CombinationPolicy:
    return CombinationPolicy(config or configured(), supported)


def choose(policy: CombinationPolicy, usable: ModalitySet, now_ms: int) -> ModalitySet:
    return policy.choose(report(usable), now_ms * MS)


def serve(
    policy: CombinationPolicy, active: ModalitySet, members: ModalitySet
) -> ModalitySet | None:
    policy.reset(0)
    assert choose(policy, active, 0) == active
    return policy.serve(members, report(active))


def test_the_first_choice_takes_all_usable_sensors() -> None:
    assert choose(make(), RGB_DEPTH, 0) == RGB_DEPTH


def test_a_sick_sensor_leaves_at_once_and_returns_after_the_dwell() -> None:
    policy = make()
    assert choose(policy, COMPLETE, 0) == COMPLETE
    assert choose(policy, RGB, 1) == RGB
    assert choose(policy, COMPLETE, 499) == RGB
    assert choose(policy, COMPLETE, 500) == COMPLETE
    assert choose(policy, RGB_DEPTH, 501) == RGB_DEPTH
    assert choose(policy, COMPLETE, 999) == RGB_DEPTH
    assert choose(policy, COMPLETE, 1000) == COMPLETE


def test_at_the_start_every_sensor_enters_with_its_first_frame() -> None:
    policy = make()
    assert choose(policy, RGB, 0) == RGB
    assert choose(policy, RGB_DEPTH, 1) == RGB_DEPTH
    assert choose(policy, COMPLETE, 2) == COMPLETE


def test_a_drop_does_not_smuggle_in_another_sensor() -> None:
    policy = make()
    assert choose(policy, COMPLETE, 0) == COMPLETE
    assert choose(policy, RGB_DEPTH, 0) == RGB_DEPTH
    assert choose(policy, RGB_THERMAL, 100) == RGB
    assert choose(policy, RGB_THERMAL, 500) == RGB_THERMAL


def test_when_nothing_is_left_any_sensor_is_welcome_at_once() -> None:
    policy = make()
    assert choose(policy, RGB, 0) == RGB
    assert choose(policy, THERMAL_DEPTH, 1) == THERMAL_DEPTH
    assert choose(policy, NOTHING, 2) == NOTHING
    assert choose(policy, DEPTH, 3) == DEPTH


def test_with_nothing_usable_recovering_sensors_are_trusted_until_they_have_recovered() -> None:
    policy = make()
    assert choose(policy, COMPLETE, 0) == COMPLETE
    assert choose(policy, NOTHING, 1) == NOTHING
    assert policy.choose(report(NOTHING, RGB), 2 * MS) == RGB
    assert policy.choose(report(NOTHING, RGB_DEPTH), 3 * MS) == RGB_DEPTH
    assert policy.choose(report(RGB, DEPTH), 4 * MS) == RGB_DEPTH
    assert policy.choose(report(RGB, THERMAL), 5 * MS) == RGB
    assert policy.choose(report(NOTHING), 6 * MS) == NOTHING


def report_of(**reasons: Reason) -> HealthReport:
    """Return a report of sensors of which only those that are OK are usable."""
    sensors = {
        m: SensorHealth(m, HealthLevel.OK, reason, reason is Reason.OK, '', 0)
        for m in Modality
        for reason in [reasons.get(m.value, Reason.SILENT)]
    }
    return HealthReport(0, sensors)


@pytest.mark.parametrize('reason', [Reason.SLOW, Reason.STALE, Reason.FROZEN])
def test_with_nothing_better_what_can_be_read_makes_the_mask(reason: Reason) -> None:
    policy = make()
    assert choose(policy, COMPLETE, 0) == COMPLETE
    assert policy.choose(report_of(rgb=reason, depth=reason), MS) == RGB_DEPTH
    assert policy.choose(report_of(rgb=reason, depth=Reason.RECOVERING), 2 * MS) == DEPTH
    assert policy.choose(report_of(rgb=reason, depth=Reason.OK), 3 * MS) == DEPTH
    assert policy.choose(report_of(rgb=reason), 4 * MS) == RGB


def test_of_what_can_be_read_a_frozen_image_comes_last() -> None:
    policy = make()
    slow = report_of(rgb=Reason.SLOW, thermal=Reason.STALE, depth=Reason.FROZEN)
    assert policy.choose(slow, 0) == RGB_THERMAL


@pytest.mark.parametrize(
    'reason', sorted(set(Reason) - READABLE - {Reason.OK, Reason.RECOVERING}, key=str)
)
def test_what_cannot_be_read_is_no_better_than_nothing(reason: Reason) -> None:
    assert make().choose(report_of(**dict.fromkeys(['rgb', 'depth'], reason)), 0) == NOTHING


def test_what_the_bundle_cannot_serve_alone_is_joined_by_the_next_best() -> None:
    policy = make([RGB_THERMAL, RGB_DEPTH, RGB])
    thermal_left = {'thermal': Reason.OK}
    assert policy.choose(report_of(**thermal_left), 0) == NOTHING
    assert policy.choose(report_of(**thermal_left, rgb=Reason.SLOW), MS) == RGB_THERMAL
    better = report_of(**thermal_left, rgb=Reason.RECOVERING, depth=Reason.SLOW)
    assert policy.choose(better, 2 * MS) == RGB_THERMAL
    assert report_of(**thermal_left, rgb=Reason.SLOW).degraded(RGB_THERMAL) == RGB


def test_degraded_sensors_can_be_refused() -> None:
    policy = make(config=configured(degraded='refuse'))
    assert policy.choose(report_of(rgb=Reason.SLOW), 0) == NOTHING
    assert policy.choose(report_of(rgb=Reason.RECOVERING), MS) == RGB


@pytest.mark.parametrize(('required', 'served'), [(False, RGB), (True, None)])
def test_a_required_sensor_that_is_degraded_is_not_enough(
    required: bool, served: ModalitySet | None
) -> None:
    inputs = InputsConfig(rgb=RgbInputConfig(required=required))
    policy = make(config=replace(configured(), inputs=inputs))
    slow = report_of(rgb=Reason.SLOW)
    assert policy.choose(slow, 0) == RGB
    assert policy.serve(COMPLETE, slow) == served


def test_beside_a_usable_sensor_a_recovering_one_has_to_wait() -> None:
    policy = make()
    assert choose(policy, COMPLETE, 0) == COMPLETE
    assert choose(policy, RGB, 1000) == RGB
    assert policy.choose(report(RGB, THERMAL), 3000 * MS) == RGB


def test_ties_go_to_the_reference() -> None:
    pairs = [THERMAL_DEPTH, RGB_DEPTH, RGB_THERMAL]
    assert choose(make(pairs), COMPLETE, 0) == RGB_THERMAL
    reverse = (Modality.DEPTH, Modality.THERMAL, Modality.RGB)
    assert choose(make(pairs, configured(order=reverse)), COMPLETE, 0) == THERMAL_DEPTH


def test_a_forced_set_is_used_however_bad_its_images_are() -> None:
    policy = make(config=configured(force_set='thermal+depth'))
    assert policy.choose(report(NOTHING, reason=Reason.FLAT), 0) == THERMAL_DEPTH
    assert choose(policy, RGB_DEPTH, 1) == THERMAL_DEPTH, 'depth is left'
    assert choose(policy, COMPLETE, 2) == THERMAL_DEPTH


def test_of_a_forced_set_without_any_image_none_is_left() -> None:
    policy = make(config=configured(force_set='thermal+depth'))
    assert choose(policy, COMPLETE, 0) == THERMAL_DEPTH
    assert choose(policy, RGB, 1) == NOTHING
    assert policy.choose(report(RGB, DEPTH), 2 * MS) == THERMAL_DEPTH


def test_when_a_set_is_no_longer_forced_the_health_since_then_counts() -> None:
    policy = make()
    assert choose(policy, COMPLETE, 0) == COMPLETE
    policy.reconfigure(configured(force_set='rgb'))
    assert choose(policy, RGB_DEPTH, 1) == RGB
    policy.reconfigure(configured())
    assert choose(policy, COMPLETE, 2) == RGB_DEPTH


def test_a_set_that_lacks_a_frame_is_served_by_what_is_there() -> None:
    policy = make([COMPLETE, RGB_DEPTH, RGB, THERMAL])
    assert serve(policy, COMPLETE, RGB_DEPTH) == RGB_DEPTH
    assert serve(policy, COMPLETE, THERMAL_DEPTH) == THERMAL
    assert serve(policy, COMPLETE, COMPLETE) == COMPLETE
    assert serve(policy, RGB_DEPTH, THERMAL_DEPTH) is None


@pytest.mark.parametrize(('on_none', 'served'), [('unlabeled', NOTHING), ('hold_off', None)])
def test_without_an_active_sensor_on_none_decides(
    on_none: str, served: ModalitySet | None
) -> None:
    policy = make(config=configured(on_none=on_none))
    assert serve(policy, NOTHING, RGB_DEPTH) == served


def test_without_a_required_sensor_no_mask_is_wanted() -> None:
    inputs = InputsConfig(rgb=RgbInputConfig(required=True))
    policy = make(config=replace(configured(), inputs=inputs))
    assert serve(policy, RGB_DEPTH, RGB_DEPTH) == RGB_DEPTH
    assert serve(policy, THERMAL_DEPTH, COMPLETE) is None
    assert serve(policy, NOTHING, COMPLETE) is None


def test_reset_forgets_the_choice_and_the_dwell() -> None:
    policy = make()
    choose(policy, RGB, 10_000)
    policy.reset(0)
    assert choose(policy, COMPLETE, 0) == COMPLETE


def test_other_parameters_are_followed_and_the_dwell_goes_on() -> None:
    policy = make()
    assert choose(policy, COMPLETE, 0) == COMPLETE
    assert choose(policy, RGB_DEPTH, 1) == RGB_DEPTH
    policy.reconfigure(configured(dwell_ms=800))
    assert choose(policy, COMPLETE, 799) == RGB_DEPTH
    assert choose(policy, COMPLETE, 800) == COMPLETE


def test_a_refused_force_set_changes_nothing() -> None:
    policy = make([RGB_DEPTH, RGB])
    choose(policy, RGB_DEPTH, 0)
    choose(policy, RGB, 1)
    with pytest.raises(ConfigError, match='force_set is thermal'):
        policy.reconfigure(configured(0, tuple(Modality)[::-1], force_set='thermal'))
    assert choose(policy, RGB_DEPTH, DWELL_MS - 1) == RGB
    assert choose(policy, RGB_DEPTH, DWELL_MS) == RGB_DEPTH


def test_impossible_demands_are_refused() -> None:
    with pytest.raises(ConfigError, match=r'force_set is thermal.*choose one of rgb\+depth, rgb'):
        make([RGB_DEPTH, RGB], configured(force_set='thermal'))
    with pytest.raises(ConfigError, match='no combination'):
        make([])


SETS = st.sets(st.sampled_from(list(Modality))).map(ModalitySet)


@given(
    supported=st.lists(SETS.filter(bool), min_size=1, max_size=7),
    steps=st.lists(st.tuples(st.integers(0, 300), SETS), max_size=40),
)
def test_laws_of_the_choice(
    supported: list[ModalitySet], steps: list[tuple[int, ModalitySet]]
) -> None:
    policy, now_ms, before, grown_ms, known = make(supported), 0, NOTHING, None, NOTHING
    for wait_ms, usable in steps:
        now_ms += wait_ms
        choice = choose(policy, usable, now_ms)
        assert choice in supported or not choice
        assert choice <= usable
        assert choice or not any(c <= usable for c in supported), 'a served set was left out'
        if before and before < choice and (choice - before) & known:
            assert grown_ms is None or now_ms - grown_ms >= DWELL_MS
            grown_ms = now_ms
        before, known = choice, known | choice


@given(active=SETS, members=SETS)
def test_what_is_served_is_part_of_both(active: ModalitySet, members: ModalitySet) -> None:
    served = serve(make(), active, members)
    assert (served or NOTHING) == active & members
    assert (served is None) == bool(active and not active & members)
