# Copyright 2026 mm_robust_seg maintainers
# SPDX-License-Identifier: Apache-2.0

"""A few bad messages cost themselves, not their sensor; most of them do."""

from dataclasses import replace
from itertools import groupby

from cameras import raw, RGB, START_NS
import numpy as np
from played import play, Played, Stream
import pytest

from mm_robust_seg.config import Config
from mm_robust_seg.dataflow import Reason
from mm_robust_seg.modality import Modality
from mm_robust_seg.schema import with_values

LEARNED = with_values(Config(), {'sync.held_frames': 'plain'})
GOOD = dict.fromkeys(Modality, Stream())
OUTAGE = range(60, 96)
"""1.2 s, from 2 s on."""


def short(number, image):
    return replace(image, data=image.data[:40])


def dark(number, image):
    return raw(RGB, image.stamp_ns, number, dark=True)


def half_size(number, image):
    height, width = image.height_px // 2, image.width_px // 2
    pixels = np.random.default_rng(number).integers(0, 256, (height, width, 3), np.uint8)
    size = {'height_px': height, 'width_px': width, 'step_bytes': 3 * width}
    return replace(image, data=pixels.tobytes(), **size)


def every(count):
    return lambda number: number % count == count - 1


def at_random(share, seed=1):
    bad = np.random.default_rng(seed).random(3000) < share
    return lambda number: bool(bad[number])


def seen(make_cameras, is_bad, alter, seconds, outage=(), rate_hz=30.0) -> Played:
    """Play RGB of which some messages are altered, beside two good cameras."""

    def sends(number, image):
        if number in outage:
            return None
        return alter(number, image) if is_bad(number) else image

    return play(
        make_cameras(LEARNED).pipeline, GOOD | {RGB: Stream(rate_hz, sends=sends)}, seconds
    )


def turns(played):
    """How often the sensor left or entered use."""
    return len([*groupby(report.sensors[RGB].usable for report in played.reports)]) - 1


@pytest.mark.parametrize('alter', [short, dark, half_size])
@pytest.mark.parametrize('count', [50, 20, 9])
def test_a_few_bad_messages_leave_the_sensor_in_use(make_cameras, alter, count):
    played = seen(make_cameras, every(count), alter, 8.0)
    assert len(played.masks) >= 238
    assert played.share_with(RGB) >= 1 - 2 / count
    assert played.switches <= 2
    assert played.reasons(RGB) == [Reason.OK]


@pytest.mark.parametrize('alter', [short, dark, half_size])
@pytest.mark.parametrize('count', [20, 9])
def test_nor_do_they_keep_it_out_after_an_outage(make_cameras, alter, count):
    played = seen(make_cameras, every(count), alter, 8.0, OUTAGE)
    assert played.first_s(RGB, Reason.OK, 3.2) <= 1.4
    assert played.share_with(RGB, 5.0) >= 1 - 2 / count
    assert played.switches <= 5


@pytest.mark.parametrize('share', [0.02, 0.05, 0.1])
def test_nor_if_they_come_at_random(make_cameras, share):
    is_bad = at_random(share)
    played = seen(make_cameras, is_bad, short, 30.0, OUTAGE)
    assert played.share_with(RGB, 5.0) >= 1 - 2 * share
    runs = [len([*run]) for bad, run in groupby(map(is_bad, range(900))) if bad]
    assert turns(played) <= 2 + 2 * sum(length >= 3 for length in runs)
    pairs = sum(length >= 2 for length in runs)
    assert played.switches <= 5 + 2 * pairs, 'of two in a row the second finds no held image'


@pytest.mark.parametrize('alter', [short, half_size])
def test_of_nothing_but_bad_messages_it_is_out_with_the_third(make_cameras, alter):
    played = seen(make_cameras, lambda number: number >= 60, alter, 5.0)
    reason = Reason.TRUNCATED if alter is short else Reason.FORMAT
    assert played.first_s(RGB, reason, 2.0) == pytest.approx(2 / 30 + 0.005, abs=0.001)
    assert played.share_with(RGB, 2.1) == 0
    assert played.switches <= 3


@pytest.mark.parametrize('alter', [short, half_size])
def test_no_mask_is_made_of_a_bad_message(make_cameras, alter):
    played = seen(make_cameras, every(10), alter, 5.0)
    bad_ns = {START_NS + round(number / 30 * 1e9) for number in range(9, 150, 10)}
    used_ns = {m.frames.frames[RGB].stamp_ns for m in played.masks if RGB in m.combination}
    assert used_ns and not used_ns & bad_ns


def test_two_cameras_of_other_sizes_on_one_topic_do_not_flap(make_cameras):
    """The one that came first is used, and a warning says what is left out."""
    played = seen(make_cameras, every(2), half_size, 6.0, rate_hz=60.0)
    assert played.reasons(RGB) == [Reason.OK, Reason.FORMAT]
    last = played.reports[-1].sensors[RGB]
    assert (last.usable, last.level.name) == (True, 'WARN')
    assert last.detail.startswith('30 of the last 60 messages were bad: size is 40 x 30 px')
    assert played.share_with(RGB, 1.0) >= 0.99
    assert played.switches <= 2


@pytest.mark.parametrize('share', [0.2, 0.35, 0.5, 0.7])
def test_what_is_often_bad_is_taken_in_and_out_seldom(make_cameras, share):
    """30 s; 30 messages a second."""
    played = seen(make_cameras, at_random(share), short, 30.0)
    assert turns(played) <= 16
    assert len(played.reasons(RGB)) <= 32


def test_what_was_often_bad_and_is_good_again_is_not_locked_out(make_cameras):
    is_bad = at_random(0.5)
    played = seen(make_cameras, lambda number: number < 300 and is_bad(number), short, 12.5)
    assert played.share_with(RGB, 12.0) == 1
    assert played.reasons(RGB, 12.0) == [Reason.OK]
