# Copyright 2026 mm_robust_seg maintainers
# SPDX-License-Identifier: Apache-2.0

"""More images than one camera sends: who publishes them, and rates that are too high."""

from __future__ import annotations

from episode import configured, DEPTH, Episode, MS, RGB, rgb, running
from hypothesis import given
from hypothesis import strategies as st
import numpy as np
import pytest

from mm_robust_seg.dataflow import Frame, HealthLevel, Reason
from mm_robust_seg.stages.health.history import SensorHistory
from mm_robust_seg.transport import PublisherCount

TWO = ('/camera_1', '/camera_2')
SENTENCE = '2 nodes publish /rgb/image: /camera_1, /camera_2; remap one'
LEARNED = configured(inputs__rgb__expected_rate_hz=0.0)


def told(episode: Episode, *nodes: str) -> Episode:
    """Let the middleware count the nodes that publish RGB."""
    count = PublisherCount(RGB, max(len(nodes), 1), '/rgb/image' if nodes else '', nodes)
    episode.monitor.note(count, episode.now_ms * MS)
    return episode


def doubled(episode: Episode, age_ms: float = 30, scale: int = 1):
    """Images of two cameras, the stamps of one before those of the other."""

    def source(number: int, random: np.random.Generator) -> list[Frame]:
        first, second = rgb(number, random), rgb(number + 1, random)[::scale, ::scale]
        return [episode.frame(RGB, first, age_ms), episode.frame(RGB, second)]

    return source


@pytest.mark.parametrize('config', [None, LEARNED], ids=['expected rate', 'learned rate'])
def test_two_nodes_that_send_are_named_and_the_sensor_stays_in_use(config) -> None:
    episode = told(running(config), *TWO)
    episode.run(1500, rgb=doubled(episode))
    health = episode.health(RGB)
    assert (health.reason, health.level, health.usable) == (Reason.SURPLUS, HealthLevel.WARN, True)
    assert health.detail == SENTENCE
    assert episode.reasons(DEPTH) == [Reason.OK]
    told(episode).run(1500)
    assert episode.health(RGB).reason is Reason.OK


def test_of_two_nodes_one_may_have_ended_a_moment_ago() -> None:
    episode = told(running(), *TWO).run(22_000)
    assert episode.reasons(RGB) == [Reason.OK]
    told(episode, *TWO).run(5_000)
    assert episode.health(RGB).detail == SENTENCE


def test_images_of_two_sizes_are_explained_by_their_senders() -> None:
    episode = running()
    episode.run(1000, rgb=doubled(episode, scale=2))
    assert episode.health(RGB).detail.endswith('if this is intended, reset the monitor')
    told(episode, *TWO).run(300, rgb=doubled(episode, scale=2))
    assert (episode.health(RGB).reason, SENTENCE in episode.health(RGB).detail) == (
        Reason.FORMAT,
        True,
    )
    assert 'reset the monitor' not in episode.health(RGB).detail


def test_images_of_two_sizes_do_not_change_the_state_with_every_frame() -> None:
    episode = told(running(LEARNED), *TWO)
    before = len(episode.reasons(RGB))
    episode.run(6000, rgb=doubled(episode, scale=2))
    assert len(episode.reasons(RGB)) - before <= 4
    assert episode.health(RGB).usable
    assert SENTENCE in episode.health(RGB).detail


def test_messages_that_cannot_be_read_are_explained_by_their_senders() -> None:
    episode = told(running(), *TWO).run(100, rgb=Reason.FORMAT)
    assert episode.health(RGB).detail == f'why; {SENTENCE}'


@pytest.mark.parametrize(
    ('expected_hz', 'reason'),
    [(15.0, Reason.SURPLUS), (25.0, Reason.OK), (30.0, Reason.OK), (0.0, Reason.OK)],
)
def test_a_rate_far_above_the_one_that_was_set_is_a_warning(expected_hz, reason) -> None:
    episode = Episode(configured(inputs__rgb__expected_rate_hz=expected_hz)).run(5000)
    health = episode.health(RGB)
    assert (health.reason, health.usable) == (reason, True)
    if reason is Reason.SURPLUS:
        assert health.detail == (
            '30.3 frames per second; expected 15: set inputs.rgb.expected_rate_hz to 30, or to 0 '
            'to have it learned'
        )


@given(st.floats(1, 120), st.floats(0, 0.2), st.integers(0, 99))
def test_one_camera_is_even_and_two_that_are_out_of_phase_are_not(rate_hz, jitter, seed) -> None:
    random, period_ns = np.random.default_rng(seed), 1e9 / rate_hz
    image = np.zeros((4, 4, 3), np.uint8)

    def history(stamps_ns) -> SensorHistory:
        made = SensorHistory(0, 0.0)
        for stamp_ns in stamps_ns:
            made.received(Frame(RGB, round(stamp_ns), round(stamp_ns), image), 0)
        return made

    one = [(n + random.uniform(-jitter, jitter)) * period_ns for n in range(100, 140)]
    assert not history(one).is_uneven
    two = [
        stamp_ns for at in range(100, 140) for stamp_ns in (at * period_ns, (at + 0.2) * period_ns)
    ]
    assert history(two).is_uneven
