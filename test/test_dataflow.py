# Copyright 2026 mm_robust_seg maintainers
# SPDX-License-Identifier: Apache-2.0

from __future__ import annotations

import dataclasses

import numpy as np
import pytest

from mm_robust_seg.dataflow import (
    Frame,
    FrameSet,
    HealthLevel,
    HealthReport,
    Reason,
    SensorHealth,
)
from mm_robust_seg.modality import Modality, ModalitySet

RGB, THERMAL, DEPTH = Modality


def frame(modality: Modality, stamp_ns: int = 0, arrival_ns: int = 0) -> Frame:
    shape, dtype = ((2, 3, 3), np.uint8) if modality is RGB else ((2, 3), np.float32)
    return Frame(modality, stamp_ns, arrival_ns, np.ones(shape, dtype))


@pytest.mark.parametrize(
    ('modality', 'shape', 'dtype'),
    [
        (RGB, (2, 3), np.uint8),
        (RGB, (2, 3, 3), np.float32),
        (THERMAL, (2, 3), np.uint16),
        (DEPTH, (2, 3, 1), np.float32),
        (DEPTH, (0, 3), np.float32),
    ],
)
def test_an_image_of_another_kind_is_no_frame(
    modality: Modality, shape: tuple[int, ...], dtype: type
) -> None:
    with pytest.raises(ValueError, match=f'{modality} frame has shape'):
        Frame(modality, 0, 0, np.zeros(shape, dtype))


def test_frames_are_immutable() -> None:
    item = frame(DEPTH)
    with pytest.raises(ValueError, match='read-only'):
        item.image[0, 0] = 7
    with pytest.raises(dataclasses.FrozenInstanceError):
        item.stamp_ns = 7  # type: ignore[misc]


@pytest.mark.parametrize(('shape', 'dtype'), [((3, 2), bool), ((2, 3), np.uint8), ((6,), bool)])
@pytest.mark.parametrize('modality', [RGB, DEPTH], ids=str)
def test_the_validity_of_a_frame_has_the_size_of_its_image(
    modality: Modality, shape: tuple[int, ...], dtype: type
) -> None:
    with pytest.raises(ValueError, match=rf'validity of a {modality} frame .*bool of \(2, 3\)'):
        dataclasses.replace(frame(modality), valid=np.ones(shape, dtype))
    known = dataclasses.replace(frame(modality), valid=np.ones((2, 3), bool))
    assert known.valid is not None and not known.valid.flags.writeable
    assert frame(modality).valid is None


def test_a_frame_set_knows_its_members_skew_and_wait() -> None:
    frames = {DEPTH: frame(DEPTH, 30_000_000), RGB: frame(RGB, 10_000_000)}
    found = FrameSet(frames, RGB, opened_ns=5_000_000, closed_ns=9_000_000)
    assert found.members == ModalitySet([RGB, DEPTH])
    assert found.skew_s == pytest.approx(0.020)
    assert found.wait_s == pytest.approx(0.004)
    assert found.stamp_ns == 10_000_000
    assert found.ages_s == {DEPTH: pytest.approx(-0.020), RGB: 0}
    frames.clear()
    assert len(found.frames) == 2
    with pytest.raises(TypeError):
        found.frames[THERMAL] = frame(THERMAL)  # type: ignore[index]


def test_an_empty_frame_set_is_refused() -> None:
    with pytest.raises(ValueError, match='at least one frame'):
        FrameSet({}, RGB, 0, 0)


def health(modality: Modality, reason: Reason, usable: bool) -> SensorHealth:
    return SensorHealth(modality, HealthLevel.OK, reason, usable, '', 0)


def test_a_report_tells_the_usable_sensors_and_a_caption() -> None:
    report = HealthReport(
        0,
        {
            RGB: health(RGB, Reason.OK, True),
            THERMAL: health(THERMAL, Reason.FFC, True),
            DEPTH: health(DEPTH, Reason.DISABLED, False),
        },
    )
    assert report.usable == ModalitySet([RGB, THERMAL])
    assert report.caption() == 'thermal: FFC'


def test_levels_are_those_of_diagnostic_msgs() -> None:
    assert [(level.name, int(level)) for level in HealthLevel] == [
        ('OK', 0),
        ('WARN', 1),
        ('ERROR', 2),
        ('STALE', 3),
    ]


def test_reasons_are_their_names() -> None:
    assert all(reason.name == reason.value == str(reason) for reason in Reason)
