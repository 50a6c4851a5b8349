"""Checks of a sensor that says nothing: GONE, ABSENT and SILENT."""

from __future__ import annotations

from mm_robust_seg.config import Config
from mm_robust_seg.dataflow import Reason
from mm_robust_seg.modality import Modality
from mm_robust_seg.stages.health.finding import Finding
from mm_robust_seg.stages.health.track import Track


def timeout_s(modality: Modality, config: Config) -> float:
    """Return the longest silence of a healthy sensor."""
    fixed_s = config.monitor[modality].timeout_s
    return fixed_s or max(4 / config.inputs[modality].expected_rate_hz, 0.1)


def absence(
    modality: Modality, track: Track, publishers: int | None, config: Config, now_ns: int
) -> Finding | None:
    """Tell why no message comes; nothing while that is normal.

    Args:
        publishers: how many publish the topic; None if nobody counts them.
    """
    silence_s = track.silence_s(now_ns)
    evidence = {'silence_s': silence_s}
    nobody = ' and nobody publishes the topic' if publishers == 0 else ''
    if track.arrival_ns is None:
        grace_s = config.monitor[modality].startup_grace_s
        if silence_s <= grace_s:
            return None
        detail = f'no frame in {silence_s:.1f} s{nobody}; expected one within {grace_s:g} s'
        return Finding(Reason.ABSENT, detail, evidence)
    if nobody:
        return Finding(Reason.GONE, f'no frame for {silence_s:.2f} s{nobody}', evidence)
    limit_s = timeout_s(modality, config)
    if silence_s <= limit_s:
        return None
    detail = f'no frame for {silence_s:.2f} s; expected one every {limit_s:.3g} s at the least'
    return Finding(Reason.SILENT, detail, evidence)
