# Copyright 2026 mm_robust_seg maintainers
# SPDX-License-Identifier: Apache-2.0

"""What stored values of a wrong unit may be: questions, since the values alone cannot tell."""

from __future__ import annotations

_LIKELY_K = (250.0, 350.0)
_ZERO_C_K = 273.15
_STEPS_K = (0.01, 0.1, 0.04)
"""Steps of temperature-linear modes: docs/thermal_cameras.md says of which cameras."""
_STEPS_M = {
    0.001: 'millimetres',
    0.0001: 'tenths of a millimetre',
    0.01: 'centimetres',
    1.0: 'metres',
}
_RELATIVE = 'set inputs.thermal.kind to relative'


def thermal_hint(median: float, bits: int, scale_k: float) -> str:
    """Say what to do about thermal values that are no temperatures.

    Args:
        median: of the stored values.
        bits: of an integer; 0 for floating point.
        scale_k: the step that they were taken for.
    """
    if bits == 8:
        return f'8 bit hold contrast rather than temperature: {_RELATIVE}'
    if bits == 0:
        if _is_likely(median + _ZERO_C_K):
            return f'degrees Celsius? Then set inputs.thermal.offset_k to {_ZERO_C_K:g}'
        return f'counts of a camera without radiometry? Then {_RELATIVE}'
    fitting = [s for s in _STEPS_K if s != scale_k and _is_likely(s * median)]
    counts = f'counts of a camera without radiometry? Then {_RELATIVE}'
    if not fitting:
        return f'{counts}; else set scale_k and offset_k as the camera states them'
    step_k = fitting[0]
    return (
        f'steps of {step_k:g} K, which make it {step_k * median:.0f} K? Then set '
        f'inputs.thermal.scale_k to {step_k:g}; or {counts}'
    )


def depth_hint(median: float, nearest_m: float, farthest_m: float) -> str:
    """Ask for the unit in which the median of the stored values is in range; empty if in none."""
    for step_m, name in _STEPS_M.items():
        if nearest_m <= median * step_m <= farthest_m:
            return f'are these {name}? Then set inputs.depth.scale_m to {step_m:g}'
    return ''


def _is_likely(kelvin: float) -> bool:
    return _LIKELY_K[0] <= kelvin <= _LIKELY_K[1]
