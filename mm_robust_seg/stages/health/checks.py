# Copyright 2026 mm_robust_seg maintainers
# SPDX-License-Identifier: Apache-2.0

"""All checks: what was seen of a sensor, in, a finding or nothing, out.

``CHECKS`` is in order of precedence: if several confirmed findings take a sensor out of use, the
first one names the reason; of several warnings the first one is shown. Those that packages add,
and the configuration asks for, come after ours.
"""

from __future__ import annotations

from dataclasses import replace

from mm_robust_seg import plugins
from mm_robust_seg.config import Config
from mm_robust_seg.dataflow import Reason
from mm_robust_seg.finding import Finding
from mm_robust_seg.foreign_text import SENTENCE_LENGTH, shortened
from mm_robust_seg.schema import shown
from mm_robust_seg.stages.health import image_checks, timing_checks
from mm_robust_seg.stages.health.matching import is_unmatched
from mm_robust_seg.stages.health.observation import Check, Observation
from mm_robust_seg.stages.health.rules import RULES


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
    image_checks.is_damaged,
    image_checks.is_frozen,
    timing_checks.has_surplus,
    timing_checks.is_lossy,
    timing_checks.is_slow,
    timing_checks.is_skewed,
    is_unmatched,
)


def checks_of(config: Config) -> tuple[Check, ...]:
    """Return all checks, with those that ``monitor.extra_checks`` names.

    Raises:
        PluginError: if one is not there, or its package cannot be imported.
    """
    names = filter(None, map(str.strip, config.monitor.extra_checks.split(',')))
    extra = [_guarded(name, plugins.CHECKS.find(name)) for name in dict.fromkeys(names)]
    return (*CHECKS, *extra, is_good)


def _guarded(name: str, check: Check) -> Check:
    """Let a check of a package that goes wrong warn of itself; the others still see the frame."""

    def guarded(seen: Observation, config: Config) -> Finding | None:
        try:
            found = check(seen, config)
            if found is None:
                return None
            if found.reason not in RULES:
                raise ValueError(f'{found.reason} is no reason that a check may give')
            evidence = {key: float(value) for key, value in found.evidence.items()}
            detail = shortened(f'{name}: {found.detail}', SENTENCE_LENGTH)
            return replace(found, detail=detail, evidence=evidence)
        except Exception as error:
            detail = f'failed with {shown(error)}: mend it, or take it out of monitor.extra_checks'
            return Finding(Reason.EXTRA, f'{name}: {detail}', fails=False)

    return guarded
