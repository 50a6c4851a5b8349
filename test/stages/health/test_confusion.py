# Copyright 2026 mm_robust_seg maintainers
# SPDX-License-Identifier: Apache-2.0

"""The confusion matrix: every fault on every sensor is named for what it is, and nothing else."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from functools import partial

from episode import (
    aged,
    constant,
    DEPTH,
    Episode,
    GOOD,
    MS,
    PERIOD_MS,
    RGB,
    running,
    same,
    Source,
    THERMAL,
    TICK_MS,
)
import numpy as np
import pytest

from mm_robust_seg.dataflow import Frame, HealthLevel, Reason
from mm_robust_seg.modality import Modality
from mm_robust_seg.transport import IncompatibleQos, LostMessages, PublisherCount

FAILS, WARNS, NOTHING = HealthLevel.ERROR, HealthLevel.WARN, HealthLevel.OK
Begin = Callable[[Episode, Modality], 'Source | Reason | None']


def silent(episode: Episode, modality: Modality) -> None:
    return None


def gone(episode: Episode, modality: Modality) -> None:
    episode.monitor.note(PublisherCount(modality, 0), episode.now_ms * MS)


def refused(episode: Episode, modality: Modality) -> None:
    episode.monitor.note(PublisherCount(modality, 1), episode.now_ms * MS)
    episode.monitor.note(IncompatibleQos(modality, 'RELIABILITY'), episode.now_ms * MS)


def rejected(reason: Reason, episode: Episode, modality: Modality) -> Reason:
    return reason


def frozen(episode: Episode, modality: Modality) -> Source:
    return same(modality)


def level(value: float, noise: float, episode: Episode, modality: Modality) -> Source:
    return constant(modality, value, noise)


def offset(age_ms: float, episode: Episode, modality: Modality) -> Source:
    return aged(episode, modality, age_ms)


def stuck(episode: Episode, modality: Modality) -> Source:
    stamp_ns = episode.now_ms * MS
    return lambda n, random: Frame(
        modality, stamp_ns, episode.now_ms * MS, GOOD[modality](n, random)
    )


def unset(episode: Episode, modality: Modality) -> Source:
    return lambda n, random: Frame(modality, 0, episode.now_ms * MS, GOOD[modality](n, random))


def every(keeps: Callable[[int], bool], episode: Episode, modality: Modality) -> Source:
    return lambda n, random: GOOD[modality](n, random) if keeps(n) else None


def lossy(ratio: float, episode: Episode, modality: Modality) -> Source:
    chance = np.random.default_rng(5)
    return lambda n, random: GOOD[modality](n, random) if chance.random() > ratio else None


def reported(episode: Episode, modality: Modality) -> Source:
    def source(number: int, random: np.random.Generator) -> np.ndarray:
        if number % 4 == 0:
            episode.monitor.note(LostMessages(modality, 1), episode.now_ms * MS)
        return GOOD[modality](number, random)

    return source


def swapped(episode: Episode, modality: Modality) -> Source:
    """Send neighbours in the wrong order, both at the turn of the second."""
    held: list[Frame] = []

    def source(number: int, random: np.random.Generator) -> list[Frame]:
        frame = episode.frame(modality, GOOD[modality](number, random))
        if not held:
            held.append(frame)
            return []
        first = held.pop()
        late = Frame(modality, first.stamp_ns, episode.now_ms * MS, first.image)
        return [frame, late]

    return source


def relaid(episode: Episode, modality: Modality) -> Source:
    def source(number: int, random: np.random.Generator) -> Frame:
        frame = episode.frame(modality, GOOD[modality](number, random))
        return Frame(modality, frame.stamp_ns, frame.arrival_ns, frame.image, '', 'other', 9)

    return source


def resized(episode: Episode, modality: Modality) -> Source:
    return lambda n, random: GOOD[modality](n, random)[::2, ::2]


@dataclass(frozen=True)
class Row:
    """A fault, and what the monitor should make of it.

    Attributes:
        within_ms: from the first message that is wrong or missing, but for a tick of the watchdog.
        again_ms: from the end of the fault to normal.
        on_the_way: reasons that may be given before it can be known.
    """

    name: str
    begin: Begin
    reason: Reason
    level: HealthLevel
    within_ms: int = 0
    again_ms: int = 0
    on: tuple[Modality, ...] = tuple(Modality)
    on_the_way: frozenset[Reason] = field(default_factory=frozenset)


PHASE_MS = {RGB: 0, THERMAL: 11, DEPTH: 22}
CONTENT_MS, FRAMES_MS = 2 * PERIOD_MS, 11 * PERIOD_MS
ROWS = [
    Row('silent', silent, Reason.SILENT, FAILS, 101, 1100),
    Row('gone', gone, Reason.GONE, FAILS, 17, 1100),
    Row('refused', refused, Reason.QOS, FAILS, 101, FRAMES_MS),
    Row('frozen', frozen, Reason.FROZEN, FAILS, 300, FRAMES_MS, (RGB, DEPTH)),
    Row('shutter', frozen, Reason.FFC, WARNS, 300, PERIOD_MS, (THERMAL,)),
    Row('dark', partial(level, 1, 1), Reason.DARK, FAILS, CONTENT_MS, FRAMES_MS, (RGB,)),
    Row('white', partial(level, 254, 1), Reason.SATURATED, FAILS, CONTENT_MS, FRAMES_MS, (RGB,)),
    Row('grey', partial(level, 90, 0.9), Reason.FLAT, FAILS, CONTENT_MS, FRAMES_MS, (RGB,)),
    Row(
        'uniform',
        partial(level, 300, 0.001),
        Reason.FLAT,
        FAILS,
        CONTENT_MS,
        FRAMES_MS,
        (THERMAL,),
    ),
    Row('units', partial(level, 30, 5), Reason.UNITS, FAILS, CONTENT_MS, FRAMES_MS, (THERMAL,)),
    Row('blind', partial(level, 0, 0), Reason.NO_RETURN, FAILS, CONTENT_MS, FRAMES_MS, (DEPTH,)),
    Row('old', partial(offset, 800), Reason.STALE, FAILS, CONTENT_MS, FRAMES_MS),
    Row('ahead', partial(offset, -500), Reason.CLOCK, FAILS, CONTENT_MS, FRAMES_MS),
    Row('unset', unset, Reason.CLOCK, FAILS, CONTENT_MS, FRAMES_MS),
    Row('stuck', stuck, Reason.STAMP_STUCK, FAILS, 100, PERIOD_MS),
    Row('late', swapped, Reason.OK, NOTHING),
    Row('skewed', partial(offset, 65), Reason.SKEW, WARNS, 700, 800),
    Row('early', partial(offset, -55), Reason.SKEW, WARNS, 700, 800),
    Row('slow', partial(every, lambda n: n % 5 in (0, 2)), Reason.SLOW, FAILS, 1300, 1100),
    Row('slower', partial(every, lambda n: n % 3 == 0), Reason.SLOW, FAILS, 1300, 1100),
    Row(
        'trickle',
        partial(every, lambda n: n % 6 == 0),
        Reason.SLOW,
        FAILS,
        1700,
        1600,
        on_the_way=frozenset([Reason.SILENT]),
    ),
    Row('lossy', partial(lossy, 0.2), Reason.LOSSY, WARNS, 2000, 5000),
    Row('very lossy', partial(lossy, 0.35), Reason.LOSSY, WARNS, 2000, 5000),
    Row('reported', reported, Reason.LOSSY, WARNS, 1500, 4500),
    Row(
        'truncated',
        partial(rejected, Reason.TRUNCATED),
        Reason.TRUNCATED,
        FAILS,
        CONTENT_MS,
        PERIOD_MS,
    ),
    Row('encoding', partial(rejected, Reason.FORMAT), Reason.FORMAT, FAILS, CONTENT_MS, PERIOD_MS),
    Row('relaid', relaid, Reason.FORMAT, FAILS, CONTENT_MS, PERIOD_MS),
    Row('resized', resized, Reason.FORMAT, FAILS, CONTENT_MS, PERIOD_MS),
]
CASES = [pytest.param(row, m, id=f'{row.name}-{m}') for row in ROWS for m in row.on]


@pytest.mark.parametrize(('row', 'modality'), CASES)
def test_a_fault_is_named_in_time_and_blamed_on_nobody_else(row: Row, modality: Modality) -> None:
    episode = running().run(PERIOD_MS + PHASE_MS[modality])
    source = row.begin(episode, modality)
    start_ms = episode.turn_ms
    episode.run(2700, **{modality.value: source})
    verdicts = [h for at, h in episode.changes[modality] if at >= start_ms]
    given = {h.reason for h in verdicts} - {Reason.OK, Reason.RECOVERING}
    expected = set() if row.level is NOTHING else {row.reason}
    assert given - row.on_the_way == expected
    if row.level is not NOTHING:
        assert episode.delay_ms(modality, row.reason, start_ms) <= row.within_ms + TICK_MS
        health = episode.health(modality)
        assert (health.reason, health.level) == (row.reason, row.level)
        assert health.usable == (row.level is WARNS)
        assert health.evidence
        back_ms = episode.now_ms
        episode.run(row.again_ms + 400)
        assert episode.delay_ms(modality, Reason.OK, back_ms) <= row.again_ms + PERIOD_MS
        episode.run(1000)
        assert episode.health(modality).reason is Reason.OK
    for other in set(Modality) - {modality}:
        assert episode.reasons(other) == [Reason.OK], f'{row.name} of {modality} blamed {other}'
    assert not episode.monitor.jumped(episode.now_ms * MS)
