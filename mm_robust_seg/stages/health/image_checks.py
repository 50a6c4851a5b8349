"""Checks of the image itself: one small function per failure mode."""

from __future__ import annotations

from mm_robust_seg.config import Config
from mm_robust_seg.dataflow import Reason
from mm_robust_seg.modality import Modality
from mm_robust_seg.stages.health.finding import Finding
from mm_robust_seg.stages.health.frame_statistics import (
    DepthStatistics,
    RgbStatistics,
    ThermalStatistics,
)
from mm_robust_seg.stages.health.history import ImageFormat
from mm_robust_seg.stages.health.observation import Observation

_STRUCTURE = 2.0
"""Grey levels between the mean brightness of blocks. A simulated covered lens has less than 0.5,
whatever its black level; of 91 road scenes at night the least structured has 33."""


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
        f'{what}: if this is intended, reset the monitor',
        {
            'width_px': found.width_px,
            'height_px': found.height_px,
            'step_bytes': found.step_bytes,
        },
    )


def is_dark(seen: Observation, config: Config) -> Finding | None:
    """DARK: hardly any light and no structure, as behind a lens cap; a night scene has some."""
    image, limit = seen.statistics, config.monitor.rgb.dark_mean
    if not isinstance(image, RgbStatistics) or image.mean >= limit or image.structure > _STRUCTURE:
        return None
    return Finding(
        Reason.DARK,
        f'mean grey level is {image.mean:.1f} without structure; expected {limit:g} or more',
        image._asdict(),
    )


def is_saturated(seen: Observation, config: Config) -> Finding | None:
    """SATURATED: nearly every pixel is white."""
    image, limit = seen.statistics, config.monitor.rgb.saturated_ratio
    if not isinstance(image, RgbStatistics) or image.white_ratio < limit:
        return None
    return Finding(
        Reason.SATURATED,
        f'{image.white_ratio:.0%} of the pixels are white; expected less than {limit:.0%}',
        image._asdict(),
    )


def is_flat(seen: Observation, config: Config) -> Finding | None:
    """FLAT: the image holds one value, or no valid pixel."""
    image = seen.statistics
    if isinstance(image, RgbStatistics) and image.std < config.monitor.rgb.flat_std:
        found, limit = f'{image.std:.2f} grey levels', f'{config.monitor.rgb.flat_std:g}'
    elif isinstance(image, ThermalStatistics) and image.std_k < config.monitor.thermal.flat_std_k:
        found, limit = f'{image.std_k:.3f} K', f'{config.monitor.thermal.flat_std_k:g}'
    else:
        return None
    return Finding(
        Reason.FLAT, f'image varies by {found}; expected {limit} or more', image._asdict()
    )


def units_wrong(seen: Observation, config: Config) -> Finding | None:
    """UNITS: the median temperature is implausible, as with a wrong scale or offset."""
    image, inputs = seen.statistics, config.inputs.thermal
    if not isinstance(image, ThermalStatistics) or not image.valid_ratio:
        return None
    if inputs.valid_min_k <= image.median_k <= inputs.valid_max_k:
        return None
    return Finding(
        Reason.UNITS,
        f'median is {image.median_k:.1f} K; expected {inputs.valid_min_k:g} to '
        f'{inputs.valid_max_k:g}: check scale_k and offset_k',
        image._asdict(),
    )


def no_return(seen: Observation, config: Config) -> Finding | None:
    """NO_RETURN: too few depth pixels are valid."""
    image, limit = seen.statistics, config.monitor.depth.min_valid_ratio
    if not isinstance(image, DepthStatistics) or image.valid_ratio >= limit:
        return None
    return Finding(
        Reason.NO_RETURN,
        f'{image.valid_ratio:.1%} of the pixels have a return in range; expected {limit:.1%}',
        image._asdict(),
    )


def is_frozen(seen: Observation, config: Config) -> Finding | None:
    """FROZEN: the same image again and again; FFC while a thermal shutter may explain it.

    A freeze is known only from frame to frame, so half a period may be missing from ``frozen_s``
    and a whole one be added to ``ffc_max_s``.
    """
    limits, history = config.monitor[seen.frame.modality], seen.history
    period_s = 1 / config.inputs[seen.frame.modality].expected_rate_hz
    equal_s = (seen.frame.arrival_ns - history.equal_since_ns) * 1e-9
    if history.equal_frames < limits.frozen_frames or equal_s < limits.frozen_s - period_s / 2:
        return None
    evidence = {'equal_frames': history.equal_frames, 'equal_s': equal_s}
    found = f'{history.equal_frames} equal images in {equal_s:.2f} s'
    ffc_max_s = config.monitor.thermal.ffc_max_s
    if seen.frame.modality is Modality.THERMAL and equal_s <= ffc_max_s + period_s:
        detail = f'{found}; a shutter calibration may take {ffc_max_s:g} s'
        return Finding(Reason.FFC, detail, evidence, fails=False)
    return Finding(Reason.FROZEN, f'{found}; expected the image to change', evidence)
