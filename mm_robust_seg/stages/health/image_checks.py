# Copyright 2026 mm_robust_seg maintainers
# SPDX-License-Identifier: Apache-2.0

"""Checks of the image itself: one small function per failure mode."""

from __future__ import annotations

from mm_robust_seg.config import Config
from mm_robust_seg.dataflow import Reason
from mm_robust_seg.finding import Finding
from mm_robust_seg.modalities import KINDS, SensorKind
from mm_robust_seg.modalities.kind import ContentCheck
from mm_robust_seg.stages.health.history import ImageFormat
from mm_robust_seg.stages.health.observation import Check, Observation


def layout_changed(seen: Observation, config: Config) -> Finding | None:
    """FORMAT: the message is laid out otherwise than the first good one of its stream."""
    found, first = ImageFormat.of(seen.frame), seen.history.good_format
    if first is None or found == first:
        return None
    if found[:2] != first[:2]:
        found_text, first_text = (f'{at.width_px} x {at.height_px}' for at in (found, first))
        what = f'size is {found_text} px; the first good frame had {first_text}'
    elif found.encoding != first.encoding:
        what = f'encoding is {found.encoding}; the first good frame had {first.encoding}'
    else:
        what = f'step is {found.step_bytes} bytes; the first good frame had {first.step_bytes}'
    return Finding(
        Reason.FORMAT,
        f'{what}: {seen.history.publishers.rivals or "if this is intended, reset the monitor"}',
        {
            'width_px': found.width_px,
            'height_px': found.height_px,
            'step_bytes': found.step_bytes,
        },
    )


def content_checks() -> tuple[Check, ...]:
    """Return the checks of the content of every kind of sensor."""
    return tuple(_of(kind, check) for kind in KINDS.values() for check in kind.checks)


def _of(kind: SensorKind, check: ContentCheck) -> Check:
    def checked(seen: Observation, config: Config) -> Finding | None:
        modality = seen.frame.modality
        if modality is not kind.modality:
            return None
        return check(seen.statistics, config.inputs[modality], config.monitor[modality])

    return checked


def is_damaged(seen: Observation, config: Config) -> Finding | None:
    """OBSTRUCTED, GLARE, BLURRED, NOISY, GHOST: a part of the image, or its detail, is lost."""
    return seen.damage


def is_frozen(seen: Observation, config: Config) -> Finding | None:
    """FROZEN: the same image again and again; STILL, or FFC, while that is explained.

    STILL: other sensors repeat their images too, and none saw the scene move. FFC: it may be a
    closed shutter. A freeze is known only from frame to frame, so half a period may be missing
    from ``frozen_s`` and a whole one be added to ``ffc_max_s``.
    """
    limits, images = config.monitor[seen.frame.modality], seen.history.images
    if not limits.frozen_frames or not images.is_long(limits):
        return None
    period_s = 1 / seen.history.nominal.hz
    equal_s = (images.last_ns - images.since_ns) * 1e-9
    evidence = {'equal_frames': images.frames, 'equal_s': equal_s}
    found = f'{images.frames} equal images in {equal_s:.2f} s'
    if seen.is_at_rest:
        detail = f'{found}, as all sensors repeat theirs: the scene is at rest'
        return Finding(Reason.STILL, detail, evidence, fails=False)
    shutter_max_s = limits.shutter_max_s
    if shutter_max_s is not None and equal_s <= shutter_max_s + period_s:
        detail = f'{found}; a shutter calibration may take {shutter_max_s:g} s'
        return Finding(Reason.FFC, detail, evidence, fails=False)
    return Finding(Reason.FROZEN, f'{found}; expected the image to change', evidence)
