# Copyright 2026 mm_robust_seg maintainers
# SPDX-License-Identifier: Apache-2.0

"""Checks of when frames come and what they are stamped: one small function per failure mode."""

from __future__ import annotations

import math

from mm_robust_seg.config import Config
from mm_robust_seg.dataflow import Reason
from mm_robust_seg.finding import Finding
from mm_robust_seg.stages.health.observation import Observation

_LARGEST_OFFSET_S = 10.0
_LATENCY_MARGIN = 1.2
"""How much more than the age that was found the age should be allowed, for its jitter."""
_LOST_FRAMES = 9
"""Of about 100. At 1 % loss, 9 are missing by chance less than once in a million windows."""
_LOST_FRAMES_AT_LOW_RATE = 5
"""Enough to tell why a rate is low: frames that were sent did not come."""
_SKEWED_PERIODS = 1.5
"""Behind the others by more, a camera has either a clock of its own or a long way."""
_FAST = 1.3
"""Times the expected rate. Frames that catch up after a pause make a second look like 1.2."""
_RATE_MARGIN = 0.2
"""Share of the way from a limit of the rate to the full rate, to be gained to pass it again.
Without it a camera at half the expected rate, with 20 % jitter, changed its state three times a
second."""


def clock_differs(seen: Observation, config: Config) -> Finding | None:
    """CLOCK: the stamp lies in the future, or was never set."""
    monitor, inputs = config.monitor[seen.frame.modality], config.inputs[seen.frame.modality]
    evidence = {'age_s': seen.age_s}
    is_zero = inputs.stamp == 'message' and seen.frame.header_stamp_ns == 0
    if is_zero and seen.age_s > monitor.max_age_s:
        return Finding(Reason.CLOCK, 'stamp is zero; expected the time of exposure', evidence)
    if -seen.age_s <= monitor.max_future_s:
        return None
    return Finding(
        Reason.CLOCK,
        f'stamp lies {-seen.age_s:.3f} s in the future; at most {monitor.max_future_s:g} s is '
        f'allowed{_offset_hint(seen, config)}',
        evidence,
    )


def stamp_stuck(seen: Observation, config: Config) -> Finding | None:
    """STAMP_STUCK: the stamp is an earlier one again; one that is merely out of order is new."""
    if not seen.history.stamps.is_repeated:
        return None
    return Finding(
        Reason.STAMP_STUCK,
        f'stamp {seen.frame.stamp_ns * 1e-9:.3f} s came before; expected a new one with each '
        'frame',
        {'stamp_s': seen.frame.stamp_ns * 1e-9, 'age_s': seen.age_s},
    )


def is_stale(seen: Observation, config: Config) -> Finding | None:
    """STALE: the frame was old when it came."""
    modality = seen.frame.modality
    limit_s = config.monitor[modality].max_age_s
    if seen.is_delayed or seen.age_s <= limit_s:
        return None
    clocks = _offset_hint(seen, config)
    latency = ''
    if clocks and seen.age_s <= _LARGEST_OFFSET_S:
        enough_s = math.ceil(seen.age_s * _LATENCY_MARGIN * 10) / 10
        latency = f'; if images take so long, set monitor.{modality}.max_age_s to {enough_s:g}'
    return Finding(
        Reason.STALE,
        f'frame was {seen.age_s:.3f} s old when it came; at most {limit_s:g} s is '
        f'allowed{latency}{clocks}',
        {'age_s': seen.age_s},
    )


def _offset_hint(seen: Observation, config: Config) -> str:
    """Say how to cancel an offset that is constant, as between two clocks."""
    age_s, inputs = seen.history.stamps.constant_age_s, config.inputs[seen.frame.modality]
    if age_s is None:
        return ''
    offset_s = inputs.stamp_offset_s + age_s
    if abs(offset_s) > _LARGEST_OFFSET_S:
        return (
            '; this is constant: synchronise the clocks of sensor and computer, or set '
            f'inputs.{seen.frame.modality}.stamp to arrival'
        )
    return (
        f'; if the clocks differ, as the age is constant, synchronise them, or set inputs.'
        f'{seen.frame.modality}.stamp_offset_s to {offset_s:.3f}'
    )


def is_lossy(seen: Observation, config: Config) -> Finding | None:
    """LOSSY: frames are missing between others that come at the full rate."""
    lost, rate_hz = seen.history.stamps.lost_frames, seen.history.arrivals.rate_hz
    expected_hz = seen.history.nominal.hz
    warn_hz = config.monitor[seen.frame.modality].rate_warn_ratio * expected_hz
    is_low = rate_hz is not None and rate_hz < warn_hz
    if seen.is_delayed or lost < (_LOST_FRAMES_AT_LOW_RATE if is_low else _LOST_FRAMES):
        return None
    return Finding(
        Reason.LOSSY,
        f'{lost} frames are missing among the last ones; check the network and the size of the '
        "middleware's buffers",
        {'lost_frames': lost} | ({} if rate_hz is None else {'rate_hz': rate_hz}),
        fails=False,
    )


def is_slow(seen: Observation, config: Config) -> Finding | None:
    """SLOW: the rate is low enough to warn, or to fail; or it was, and has not gained enough.

    It does not warn of a rate that lost frames may explain: LOSSY will, once they are enough.
    """
    limits, arrivals = config.monitor[seen.frame.modality], seen.history.arrivals
    expected_hz = seen.history.nominal.hz
    warns = seen.verdict.reason is Reason.SLOW
    warn_hz = _rate_limit(limits.rate_warn_ratio, warns) * expected_hz
    fail_hz = _rate_limit(limits.rate_fail_ratio, warns and not seen.verdict.usable) * expected_hz
    rate_hz = arrivals.rate_hz
    if rate_hz is None and arrivals.interval_s and arrivals.interval_s * fail_hz > 1:
        rate_hz = 1 / arrivals.interval_s
    is_judged = seen.history.nominal.is_known and not seen.is_delayed
    if not is_judged or rate_hz is None or rate_hz >= warn_hz:
        return None
    fails, stamps = rate_hz < fail_hz, seen.history.stamps
    if not fails and stamps.may_be_lossy and (stamps.sent_hz or 0) >= warn_hz:
        return None
    return Finding(
        Reason.SLOW,
        f'{rate_hz:.1f} frames per second; expected {expected_hz:g}{_rate_hint(seen, config)}',
        {'rate_hz': rate_hz},
        fails,
    )


def _rate_hint(seen: Observation, config: Config) -> str:
    """Say how to correct an expected rate, unless it may be right and images are lost."""
    history, modality = seen.history, seen.frame.modality
    if not config.inputs[modality].expected_rate_hz or history.has_lost:
        return ''
    return (
        f'; if this is the rate of the camera, set inputs.{modality}.expected_rate_hz to it, or '
        'to 0 to have it learned'
    )


def _rate_limit(ratio: float, is_passed: bool) -> float:
    """Return the share of the expected rate that is enough: more, once it was too little."""
    return ratio + _RATE_MARGIN * (1 - ratio) if is_passed else ratio


def has_surplus(seen: Observation, config: Config) -> Finding | None:
    """SURPLUS: several nodes publish, and images look like it; or more come than are expected.

    One of two nodes may have ended a moment ago: they are told at once only if the stamps, or the
    rate, speak for two cameras. Of a learned rate nobody knows whether it is too high.
    """
    modality, history = seen.frame.modality, seen.history
    rate_hz, expected_hz = history.arrivals.rate_hz, config.inputs[modality].expected_rate_hz
    is_fast = bool(expected_hz and rate_hz and rate_hz > _FAST * expected_hz)
    is_fast = is_fast and not seen.is_delayed
    evidence = {} if rate_hz is None else {'rate_hz': rate_hz}
    rivals, now_ns = history.publishers.rivals, seen.frame.arrival_ns
    if rivals and (is_fast or history.is_uneven or history.publishers.have_lasted(now_ns)):
        return Finding(Reason.SURPLUS, rivals, evidence, fails=False)
    if not is_fast:
        return None
    return Finding(
        Reason.SURPLUS,
        f'{rate_hz:.1f} frames per second; expected {expected_hz:g}: set inputs.{modality}.'
        f'expected_rate_hz to {rate_hz:.0f}, or to 0 to have it learned',
        evidence,
        fails=False,
    )


def is_skewed(seen: Observation, config: Config) -> Finding | None:
    """SKEW: frames that come together are stamped far apart.

    A sensor may lie behind by as much as the others wait for it.
    """
    skew_s = seen.skew_s
    limit_s = config.sync.max_skew_s or _SKEWED_PERIODS / seen.history.nominal.hz
    if seen.is_delayed or skew_s is None or -limit_s <= skew_s <= max(limit_s, config.sync.wait_s):
        return None
    modality = seen.frame.modality
    offset_s = config.inputs[modality].stamp_offset_s + skew_s
    return Finding(
        Reason.SKEW,
        f'stamps lie {abs(skew_s):.3f} s {"behind" if skew_s > 0 else "ahead of"} those of the '
        f'other sensors; expected at most {limit_s:.3g} s: set inputs.{modality}.stamp_offset_s '
        f'to {offset_s:.3f} if the clocks differ, raise sync.wait_s if frames come late and those '
        'of the same moment are worth waiting for',
        {'skew_s': skew_s, 'suggested_stamp_offset_s': offset_s},
        fails=False,
    )
