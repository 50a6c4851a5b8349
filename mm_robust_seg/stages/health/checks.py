"""All checks: what was seen of a sensor, in, a finding or nothing, out.

``CHECKS`` is in order of precedence: if several confirmed findings take a sensor out of use, the
first one names the reason; of several warnings the first one is shown.
"""

from __future__ import annotations

from mm_robust_seg.config import Config
from mm_robust_seg.dataflow import Reason
from mm_robust_seg.finding import Finding
from mm_robust_seg.stages.health import image_checks, timing_checks
from mm_robust_seg.stages.health.observation import Check, Observation


def is_good(seen: Observation, config: Config) -> Finding:
    """OK: what is left to say of every frame."""
    rate_hz = seen.history.arrivals.rate_hz
    evidence = {'age_s': seen.age_s, **seen.statistics._asdict()}
    if rate_hz is not None:
        evidence['rate_hz'] = rate_hz
    rate = '' if rate_hz is None else f'{rate_hz:.1f} frames per second, '
    detail = f'{rate}{seen.age_s * 1e3:.0f} ms old on arrival'
    return Finding(Reason.OK, detail, evidence, fails=False)


CHECKS: tuple[Check, ...] = (
    image_checks.layout_changed,
    timing_checks.clock_differs,
    timing_checks.stamp_stuck,
    timing_checks.is_stale,
    *image_checks.content_checks(),
    image_checks.is_frozen,
    timing_checks.is_lossy,
    timing_checks.is_slow,
    timing_checks.is_skewed,
    is_good,
)
