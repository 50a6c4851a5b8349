# Copyright 2026 mm_robust_seg maintainers
# SPDX-License-Identifier: Apache-2.0

"""Every limit does what it says: one scenario, two values on either side of it, two outcomes.

A limit that is ignored, or taken from another sensor, cannot lead to both. What is set while
running counts as much as what was set before.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from cameras import Cameras, FIXED
from episode import aged, constant, DEPTH, Episode, GOOD, MS, PERIOD_MS, RGB, same, Source, THERMAL
import numpy as np
import pytest

from mm_robust_seg.config import Config
from mm_robust_seg.dataflow import Frame, Reason
from mm_robust_seg.modality import COMPLETE, Modality
from mm_robust_seg.schema import flatten, with_values

PARAMETERS = {name: spec for name, _, spec in flatten(Config())}

Outcome = tuple[Reason, bool] | float
"""The reason of a verdict and whether the sensor is usable, or a time in milliseconds."""

Scenario = Callable[[Any, Modality], Outcome]
"""Takes an Episode or Cameras, and the sensor that it is about."""

OK = (Reason.OK, True)


def verdict(episode: Episode, modality: Modality) -> Outcome:
    health = episode.health(modality)
    return health.reason, health.usable


def sends(source: Source, duration_ms: int = 200) -> Scenario:
    return lambda episode, modality: verdict(
        episode.run(duration_ms, **{modality.value: source}), modality
    )


def stamps(age_ms: float, duration_ms: int = 200) -> Scenario:
    return lambda episode, modality: sends(aged(episode, modality, age_ms), duration_ms)(
        episode, modality
    )


def never_stamps(episode: Episode, modality: Modality) -> Outcome:
    def source(number: int, random: np.random.Generator) -> Frame:
        return Frame(modality, 0, episode.now_ms * MS, GOOD[modality](number, random))

    return sends(source)(episode, modality)


def loses_one_in_15(episode: Episode, modality: Modality) -> Outcome:
    def source(number: int, random: np.random.Generator) -> Any:
        return GOOD[modality](number, random) if number % 15 else None

    return sends(source, 3000)(episode, modality)


def slows_to_20_hz(episode: Episode, modality: Modality) -> Outcome:
    return verdict(episode.run(1500, period_ms=50), modality)


def partly(modality: Modality, bad_value: float) -> Source:
    """Return images of which 15 rows of 24 hold one value."""

    def source(number: int, random: np.random.Generator) -> np.ndarray:
        image = np.array(GOOD[modality](number, random))
        image[:15] = bad_value
        return image

    return source


Sources = Mapping[Modality, 'Source | None']
SILENCE: Sources = dict.fromkeys(Modality)
COPIES: Sources = {modality: same(modality) for modality in Modality}
NONSENSE: Sources = {
    RGB: constant(RGB, 1, noise=1),
    THERMAL: constant(THERMAL, 30, noise=9),
    DEPTH: constant(DEPTH, 0),
}


def delay(sources: Sources, *reasons: Reason, stalled_ms: int = 0) -> Scenario:
    """Return how long it takes until one of the reasons is given; 3 s if none is."""

    def delay_ms(episode: Episode, modality: Modality) -> float:
        episode.now_ms += stalled_ms
        start_ms = episode.now_ms
        while episode.now_ms < start_ms + 3000 and episode.health(modality).reason not in reasons:
            episode.run(1, **{modality.value: sources[modality]})
        return episode.now_ms - start_ms

    return delay_ms


freezes = delay(COPIES, Reason.FROZEN, Reason.FFC)
degrades = delay(NONSENSE, Reason.DARK, Reason.UNITS, Reason.NO_RETURN)
recovers = delay(GOOD, Reason.OK)


def recovers_from(sources: Sources, times: int = 1) -> Scenario:
    """Return how long the last recovery takes."""

    def delay_ms(episode: Episode, modality: Modality) -> Outcome:
        for _ in range(times):
            episode.run(300, **{modality.value: sources[modality]})
            last_ms = recovers(episode, modality)
        return last_ms

    return delay_ms


def recovers_from_skew(episode: Episode, modality: Modality) -> Outcome:
    """The skew is that of the median of 15 stamps, so it ends with the eighth good one."""
    stamps(65, 1000)(episode, modality)
    return recovers(episode.run(7 * PERIOD_MS), modality)


def returns_after_another(cameras: Cameras, modality: Modality) -> Outcome:
    """Return when both are used again: the other, good 0.2 s earlier, and a dwell later this."""
    other = next(m for m in Modality if m is not modality)
    cameras.play(6, COMPLETE - {other})
    cameras.play(6, COMPLETE - {modality})
    start_ns, masks = cameras.now_ns, cameras.play(65)
    first = next(mask for mask in masks if mask.combination == COMPLETE)
    return (first.reference.stamp_ns - start_ns) / MS


def misses_a_turn(cameras: Cameras, modality: Modality) -> Outcome:
    (mask,) = cameras.play(1, COMPLETE - {modality})
    return mask.frames.wait_s * 1e3


def lies_ahead(cameras: Cameras, modality: Modality) -> Outcome:
    """Return when the first mask comes."""
    start_ns, masks = cameras.now_ns, cameras.play(40, ahead_s=0.2)
    return (masks[0].reference.stamp_ns - start_ns) / MS - 200


@dataclass(frozen=True)
class Case:
    """A parameter and what two of its values lead to.

    Attributes:
        name: dotted; the star stands for each sensor that has the parameter.
        scenario: what happens to the sensor, and what comes of it.
        outcomes: by the value of the parameter.
        given: other parameters, to keep out of the way what is not asked for.
        warm_up: how long all is well before, in milliseconds of an Episode or periods of Cameras.
        within_ms: how exact a time is.
    """

    name: str
    scenario: Scenario
    outcomes: Mapping[float, Outcome]
    given: Mapping[str, float] = field(default_factory=dict)
    warm_up: int = 1200
    within_ms: float = 2 * PERIOD_MS

    def check(self, modality: Modality, start: Callable[[Config, int], object]) -> None:
        """Play the scenario with either value."""
        for value, outcome in self.outcomes.items():
            values = {**self.given, self.name: value}
            named = {name.replace('*', modality.value): v for name, v in values.items()}
            found = self.scenario(start(with_values(FIXED, named), self.warm_up), modality)
            assert found == pytest.approx(outcome, abs=self.within_ms), f'with {value}'


SKEWED: Mapping[float, Outcome] = {0.05: (Reason.SKEW, True), 0.08: OK}

MONITOR_CASES = [
    Case('monitor.*.timeout_s', delay(SILENCE, Reason.SILENT), {0.3: 300, 0.8: 800}),
    # Of time that was not monitored, half the timeout counts as silence.
    Case(
        'monitor.*.timeout_s',
        delay(SILENCE, Reason.SILENT, stalled_ms=800),
        {0.4: 200, 1.0: 500},
    ),
    Case(
        'monitor.*.startup_grace_s',
        delay(SILENCE, Reason.ABSENT),
        {0.5: 500, 2.0: 2000},
        warm_up=0,
    ),
    Case('monitor.*.rate_warn_ratio', slows_to_20_hz, {0.6: OK, 0.9: (Reason.SLOW, True)}),
    Case('monitor.*.rate_warn_ratio', loses_one_in_15, {0.8: OK, 0.97: (Reason.LOSSY, True)}),
    Case(
        'monitor.*.rate_fail_ratio',
        slows_to_20_hz,
        {0.4: (Reason.SLOW, True), 0.75: (Reason.SLOW, False)},
    ),
    Case('monitor.*.max_age_s', stamps(300), {0.2: (Reason.STALE, False), 0.4: OK}),
    Case(
        'monitor.*.max_age_s',
        never_stamps,
        {40.0: (Reason.CLOCK, False), 60.0: (Reason.STAMP_STUCK, False)},
    ),
    Case('monitor.*.max_future_s', stamps(-200), {0.15: (Reason.CLOCK, False), 0.3: OK}),
    Case('monitor.*.frozen_frames', freezes, {15: 495, 30: 990}, {'monitor.*.frozen_s': 0.0}),
    Case('monitor.*.frozen_s', freezes, {0.6: 600, 1.2: 1200}),
    Case('monitor.*.ffc_max_s', delay(COPIES, Reason.FROZEN), {0.7: 750, 2.0: 2050}),
    Case(
        'monitor.*.dark_mean',
        sends(constant(RGB, 40, 1)),
        {30.0: OK, 50.0: (Reason.DARK, False)},
        {'monitor.*.flat_std': 0.0},
    ),
    Case(
        'monitor.*.saturated_ratio',
        sends(partly(RGB, 255)),
        {0.5: (Reason.SATURATED, False), 0.7: OK},
    ),
    Case('monitor.*.flat_std', sends(constant(RGB, 90, 9)), {2.0: OK, 6.0: (Reason.FLAT, False)}),
    Case(
        'monitor.*.flat_std_steps',
        sends(constant(THERMAL, 300, 0.3)),
        {10.0: OK, 50.0: (Reason.FLAT, False)},
    ),
    Case(
        'monitor.*.min_valid_ratio',
        sends(partly(DEPTH, 0)),
        {0.3: OK, 0.5: (Reason.NO_RETURN, False)},
    ),
    Case(
        'inputs.*.valid_min_k',
        sends(constant(THERMAL, 260, 1)),
        {250.0: OK, 270.0: (Reason.UNITS, False)},
    ),
    Case(
        'inputs.*.valid_max_k',
        sends(constant(THERMAL, 400, 1)),
        {380.0: (Reason.UNITS, False), 420.0: OK},
    ),
    Case('sync.max_skew_s', stamps(65, 1000), SKEWED),
    Case('sync.max_skew_s', stamps(-55, 1000), SKEWED),
    Case('sync.wait_s', stamps(65, 1000), SKEWED),
    Case('hysteresis.fail_frames', degrades, {8: 264, 20: 660}, {'monitor.*.frozen_s': 60.0}),
    Case('hysteresis.recover_frames', recovers_from(NONSENSE), {5: 165, 20: 660}),
    Case('hysteresis.recover_frames', recovers_from_skew, {5: 165, 20: 660}),
    Case('hysteresis.recover_s', recovers_from(SILENCE), {0.5: 500, 2.0: 2000}),
    Case('hysteresis.flap_limit', recovers_from(NONSENSE, times=4), {3: 660, 6: 330}),
    Case('hysteresis.flap_window_s', recovers_from(NONSENSE, times=4), {1.0: 330, 10.0: 660}),
]

PIPELINE_CASES = [
    Case('hysteresis.recover_s', returns_after_another, {0.5: 800, 1.5: 1800}, warm_up=20),
    Case('hysteresis.min_dwell_s', returns_after_another, {0.3: 1100, 1.0: 1800}, warm_up=20),
    Case('sync.wait_s', misses_a_turn, {0.01: 10, 0.015: 15}, warm_up=20, within_ms=0.01),
    Case('monitor.*.max_future_s', lies_ahead, {0.15: 1000, 0.3: 0}, warm_up=20),
]


def each(cases: list[Case]) -> pytest.MarkDecorator:
    """Try every case on each sensor, with values set at the start and, if live, later."""
    parameters = [
        pytest.param(case, modality, live, id=f'{name}-{modality}-{"live" if live else "built"}')
        for case in cases
        for modality in Modality
        if (name := case.name.replace('*', modality.value)) in PARAMETERS
        for live in ([False, True] if PARAMETERS[name].live else [False])
    ]
    return pytest.mark.parametrize(('case', 'modality', 'live'), parameters)


@each(MONITOR_CASES)
def test_the_monitor_obeys(case: Case, modality: Modality, live: bool) -> None:
    def start(config: Config, warm_up_ms: int) -> Episode:
        episode = Episode(None if live else config).run(warm_up_ms)
        if live:
            episode.monitor.reconfigure(config)
        return episode

    case.check(modality, start)


@each(PIPELINE_CASES)
def test_the_pipeline_obeys(
    make_cameras: Callable[..., Cameras], case: Case, modality: Modality, live: bool
) -> None:
    def start(config: Config, warm_up_periods: int) -> Cameras:
        cameras = make_cameras(None if live else config)
        cameras.play(warm_up_periods)
        if live:
            cameras.pipeline.reconfigure(config)
        return cameras

    case.check(modality, start)


def test_no_limit_is_left_out() -> None:
    cases = MONITOR_CASES + PIPELINE_CASES
    tried = {case.name.replace('*', modality.value) for modality in Modality for case in cases}
    limits = {name for name in PARAMETERS if name.startswith(('monitor.', 'hysteresis.'))}
    limits.remove('monitor.extra_checks')
    limits -= {name for name in limits if '.damage_' in name or '.glare_' in name}
    assert limits <= tried
