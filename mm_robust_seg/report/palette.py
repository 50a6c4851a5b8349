# Copyright 2026 mm_robust_seg maintainers
# SPDX-License-Identifier: Apache-2.0

"""The colours of the package: of curves, of sensor states, of text. Classes bring their own."""

from __future__ import annotations

from collections.abc import Mapping

from mm_robust_seg.finding import Reason
from mm_robust_seg.report.document import Tone

SERIES = (
    '#1d3557', '#c1443c', '#2f6b3a', '#e09f3e', '#5b4a8a', '#3a9ea5',
    '#8d5524', '#d66ba0', '#6b7a8f', '#a3b18a', '#000000', '#7fb2f0',
)  # fmt: skip
"""Of curves and bars, in this order; the first is also that of everything single."""
NAVY, RED, GREEN, VIOLET = SERIES[0], SERIES[1], SERIES[2], SERIES[4]
GRID, FAINT, SHADE = '#e3e3e3', '#9a9a9a', '#eef1f5'

_IMPAIRED, _GONE = '#8ecae6', '#7a1f1f'
STATES: Mapping[Reason, str] = {
    Reason.OK: '#5aa469',
    Reason.WAITING: '#c9c9c9',
    Reason.RECOVERING: '#efc050',
    Reason.FFC: _IMPAIRED,
    Reason.STILL: _IMPAIRED,
    Reason.LOSSY: _IMPAIRED,
    Reason.SURPLUS: _IMPAIRED,
    Reason.SLOW: _IMPAIRED,
    Reason.SKEW: _IMPAIRED,
    Reason.UNMATCHED: _IMPAIRED,
    Reason.SILENT: _GONE,
    Reason.GONE: _GONE,
    Reason.DARK: '#2b2d42',
    Reason.FROZEN: '#3a6ea5',
}
"""Of sensor states in a figure; every other one is ``RED``."""

STYLES: Mapping[Tone, str] = {'good': 'green', 'remark': 'yellow', 'problem': 'red', '': ''}
"""Of text on a terminal."""


def state_tone(reason: Reason) -> Tone:
    """Return the tone in which a state is told: nobody minds FFC, rest, or a return."""
    if reason is Reason.OK:
        return 'good'
    harmless = (Reason.WAITING, Reason.RECOVERING, Reason.FFC, Reason.STILL)
    return 'remark' if reason in harmless else 'problem'
