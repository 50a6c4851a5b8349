"""One small function per failure mode: what was seen, in, a finding or nothing, out.

``CHECKS`` is in order of precedence: if several confirmed findings take a sensor out of use, the
first one names the reason.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from mm_robust_seg.config import Config
from mm_robust_seg.dataflow import Frame, Reason
from mm_robust_seg.modality import Modality
from mm_robust_seg.stages.health.finding import Finding
from mm_robust_seg.stages.health.frame_statistics import (
    DepthStatistics,
    RgbStatistics,
    Statistics,
    ThermalStatistics,
)
from mm_robust_seg.stages.health.track import Track

_STRUCTURE = 2.0
"""Grey levels between the mean brightness of blocks; a covered lens stays below."""


@dataclass(frozen=True)
class Observation:
    """One frame, its statistics, and the history it belongs to (this frame included)."""

    frame: Frame
    statistics: Statistics
    track: Track
    rate_hz: float | None

    @property
    def age_s(self) -> float:
        """Time from the stamp to the arrival."""
        return (self.frame.arrival_ns - self.frame.stamp_ns) * 1e-9


Check = Callable[[Observation, Config], Finding | None]


def size_changed(seen: Observation, config: Config) -> Finding | None:
    """FORMAT: the image has another size than the first good one of its stream."""
    found, first = seen.frame.image.shape, seen.track.good_shape
    if first is None or found == first:
        return None
    return Finding(
        Reason.FORMAT,
        f'size is {found[1]} x {found[0]} px; the first good frame had {first[1]} x {first[0]}: '
        'if this is intended, reset the monitor',
        {'width_px': found[1], 'height_px': found[0]},
    )


def clock_differs(seen: Observation, config: Config) -> Finding | None:
    """CLOCK: the stamp lies in the future, or was never set."""
    monitor, inputs = config.monitor[seen.frame.modality], config.inputs[seen.frame.modality]
    offset_s = inputs.stamp_offset_s
    if seen.frame.stamp_ns == round(offset_s * 1e9) and seen.age_s > monitor.max_age_s:
        return Finding(Reason.CLOCK, 'stamp is zero; expected the time of exposure')
    if -seen.age_s <= monitor.max_future_s:
        return None
    return Finding(
        Reason.CLOCK,
        f'stamp lies {-seen.age_s:.3f} s in the future; at most {monitor.max_future_s:g} s is '
        f'allowed; if this is constant, set stamp_offset_s to {offset_s + seen.age_s:.3f}',
        {'age_s': seen.age_s},
    )


def is_stale(seen: Observation, config: Config) -> Finding | None:
    """STALE: the frame was old when it came."""
    limit_s = config.monitor[seen.frame.modality].max_age_s
    if seen.age_s <= limit_s:
        return None
    return Finding(
        Reason.STALE,
        f'frame was {seen.age_s:.3f} s old when it came; at most {limit_s:g} s is allowed',
        {'age_s': seen.age_s},
    )


def stamp_stuck(seen: Observation, config: Config) -> Finding | None:
    """STAMP_STUCK: the stamp does not increase."""
    previous_ns = seen.track.previous_stamp_ns
    if previous_ns is None or seen.frame.stamp_ns > previous_ns:
        return None
    step_s = (seen.frame.stamp_ns - previous_ns) * 1e-9
    return Finding(
        Reason.STAMP_STUCK,
        f'stamp moved by {step_s:.3f} s since the last frame; expected an increase',
        {'stamp_step_s': step_s},
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
    """FROZEN: the same image again and again; FFC while a thermal shutter may explain it."""
    limits, track = config.monitor[seen.frame.modality], seen.track
    equal_s = (seen.frame.arrival_ns - track.equal_since_ns) * 1e-9
    if track.equal_frames < limits.frozen_frames or equal_s < limits.frozen_s:
        return None
    evidence = {'equal_frames': track.equal_frames, 'equal_s': equal_s}
    found = f'{track.equal_frames} equal images in {equal_s:.2f} s'
    ffc_max_s = config.monitor.thermal.ffc_max_s
    if seen.frame.modality is Modality.THERMAL and equal_s <= ffc_max_s:
        detail = f'{found}; a shutter calibration may take {ffc_max_s:g} s'
        return Finding(Reason.FFC, detail, evidence, fails=False)
    return Finding(Reason.FROZEN, f'{found}; expected the image to change', evidence)


def is_slow(seen: Observation, config: Config) -> Finding | None:
    """SLOW: the rate is low enough to warn, or to fail."""
    limits = config.monitor[seen.frame.modality]
    expected_hz = config.inputs[seen.frame.modality].expected_rate_hz
    if seen.rate_hz is None or seen.rate_hz >= limits.rate_warn_ratio * expected_hz:
        return None
    return Finding(
        Reason.SLOW,
        f'{seen.rate_hz:.1f} frames per second; expected {expected_hz:g}',
        {'rate_hz': seen.rate_hz},
        fails=seen.rate_hz < limits.rate_fail_ratio * expected_hz,
    )


def is_good(seen: Observation, config: Config) -> Finding:
    """OK: what is left to say of every frame."""
    rate = '' if seen.rate_hz is None else f'{seen.rate_hz:.1f} frames per second, '
    evidence = {'age_s': seen.age_s, **seen.statistics._asdict()}
    if seen.rate_hz is not None:
        evidence['rate_hz'] = seen.rate_hz
    detail = f'{rate}{seen.age_s * 1e3:.0f} ms old on arrival'
    return Finding(Reason.OK, detail, evidence, fails=False)


CHECKS: tuple[Check, ...] = (
    size_changed,
    clock_differs,
    is_stale,
    stamp_stuck,
    is_dark,
    is_saturated,
    is_flat,
    units_wrong,
    no_return,
    is_frozen,
    is_slow,
    is_good,
)
