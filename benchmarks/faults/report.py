# Copyright 2026 mm_robust_seg maintainers
# SPDX-License-Identifier: Apache-2.0

"""What bench_faults found: figures per fault, verdicts, a table, a picture."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from benchmarks.faults.plan import COMPARE, TRIAL
from benchmarks.faults.shares import Share
from mm_robust_seg.dataflow import Reason
from mm_robust_seg.modality import COMPLETE, Modality
from mm_robust_seg.observation.detection import Outcome
from mm_robust_seg.observation.score import percentile
from mm_robust_seg.report.figures import new_figure, png, tidy
from mm_robust_seg.report.palette import SERIES
from mm_robust_seg.simulation.faults import Fault

_WANTED_AT_HZ = 30.0
_CONTENT = (Fault.DARK, Fault.SATURATED, Fault.FLAT, Fault.NO_RETURN)
WANTED_MS: Mapping[Fault, float] = {
    Fault.SILENT: 150.0,
    Fault.FROZEN: 350.0,
    **dict.fromkeys(_CONTENT, 150.0),
}
"""Bounds on the 95th percentile for cameras at 30 Hz; slower ones have as many periods."""

WANTED_SHARE = 0.99
WANTED_IDLE = 0.03


@dataclass(frozen=True)
class Verdict:
    """One thing that was wanted.

    Attributes:
        is_judged: whether enough was seen to tell; what was not judged is not missed.
    """

    name: str
    wanted: str
    measured: str
    is_met: bool
    is_judged: bool = True

    def __str__(self) -> str:
        word = 'met' if self.is_met else 'MISSED'
        return f'{word if self.is_judged else "not judged"}: {self.name}: {self.measured}'


def by_fault(
    outcomes: Sequence[Outcome], rates_hz: Mapping[Modality, float]
) -> dict[str, dict[str, Any]]:
    """Summarise the trials of each fault; those of a sensor that was not ready are left out.

    Args:
        rates_hz: of the sensors; latencies are given in periods of the sensor too.
    """
    return {
        str(fault): _summary(fault, [o for o in outcomes if o.episode.fault is fault], rates_hz)
        for fault in Fault
        if any(o.episode.fault is fault for o in outcomes)
    }


def _summary(
    fault: Fault, outcomes: Sequence[Outcome], rates_hz: Mapping[Modality, float]
) -> dict[str, Any]:
    ready = [o for o in outcomes if o.was_ready]
    latencies = [o.latency_ms for o in ready]
    periods = [
        o.latency_ms * rates_hz[o.episode.modality] / 1e3
        for o in ready
        if o.latency_ms is not None and o.episode.modality is not None
    ]
    wrong = sorted({o.wrong for o in ready if not o.is_right})
    return {
        'expected': str(fault.reason) if fault.reason is not Reason.OK else 'no accusation',
        'trials': len(ready),
        'not_ready': len(outcomes) - len(ready),
        'right': sum(o.is_right for o in ready),
        'silent_first': sum(o.was_silent_first for o in ready),
        'wrong_reasons': wrong,
        'others_blamed': sorted({text for o in ready for text in o.others}),
        'detect_ms_p50': percentile(latencies, 50),
        'detect_ms_p95': percentile(latencies, 95),
        'detect_periods_p95': percentile(periods, 95),
        'detect_periods': periods,
        'detect_ms': latencies,
    }


def detection_verdicts(faults: Mapping[str, Mapping[str, Any]]) -> list[Verdict]:
    """Judge latencies, in periods of the sensor, and reasons."""
    verdicts = []
    for fault, limit_ms in WANTED_MS.items():
        limit = limit_ms * _WANTED_AT_HZ / 1e3
        periods = faults.get(str(fault), {}).get('detect_periods_p95')
        measured = 'never detected' if periods is None else f'{periods:.1f} periods'
        is_met = periods is not None and periods <= limit
        verdicts.append(Verdict(f'{fault} p95', f'<= {limit:g} periods', measured, is_met))
    right, tried = (sum(row[key] for row in faults.values()) for key in ('right', 'trials'))
    blamed = [text for row in faults.values() for text in row['others_blamed']]
    lost = sum(row['not_ready'] for row in faults.values())
    return [
        *verdicts,
        Verdict('right reason', 'all', f'{right} of {tried}', right == tried > 0),
        Verdict('well sensors blamed', 'none', ', '.join(blamed) or 'none', not blamed),
        Verdict('trials with a sensor not ready', '0', str(lost), lost == 0),
    ]


def share_verdicts(compared: Mapping[str, Share]) -> list[Verdict]:
    """Judge the masks against the baseline's sets, by live sensors."""
    complete = str(COMPLETE)
    ours = min((share.availability for share in compared.values()), default=0.0)
    theirs = max((s.baseline for name, s in compared.items() if name != complete), default=1.0)
    fair = compared[complete].baseline if complete in compared else 0.0
    return [
        Verdict(
            'masks wherever a sensor lives, worst', '>= 99 %', f'{ours:.1%}', ours >= WANTED_SHARE
        ),
        Verdict('baseline with a topic silent, best', '0 %', f'{theirs:.1%}', theirs == 0),
        Verdict('baseline with all topics', '>= 99 %', f'{fair:.1%}', fair >= WANTED_SHARE),
    ]


def mask_verdict(name: str, share: Share) -> Verdict:
    """Judge the masks of a run without a fault of a sensor."""
    measured = f'{share.availability:.1%} of {share.captures} captures'
    is_met = share.availability >= WANTED_SHARE
    return Verdict(f'masks made from a sensor, {name}', '>= 99 %', measured, is_met)


def alarm_verdict(name: str, alarms: Sequence[str]) -> Verdict:
    """Judge what was said while nothing was wrong."""
    measured = f'{len(alarms)}' + (f' ({", ".join(alarms[:4])})' if alarms else '')
    return Verdict(f'false alarms, {name}', '0', measured, not alarms)


def idle_verdict(share: float) -> Verdict:
    """Judge what the active node costs without images, in CPU seconds per second."""
    return Verdict('idle CPU of a core', '< 3 %', f'{share:.2%}', share < WANTED_IDLE)


def markdown(result: Mapping[str, Any]) -> str:
    """Return the tables of a result."""
    lines = [
        '| fault | expected | trials | right reason | p50 | p95 | p95 in periods | wanted '
        '| baseline served |',
        '|---|---|---|---|---|---|---|---|---|',
    ]
    for name, row in result['faults'].items():
        limit_ms, periods = WANTED_MS.get(Fault(name)), row['detect_periods_p95']
        share = result['availability'][TRIAL].get(name)
        cells = (
            name,
            row['expected'],
            row['trials'],
            _right(row),
            _ms(row['detect_ms_p50']),
            _ms(row['detect_ms_p95']),
            '-' if periods is None else f'{periods:.1f}',
            '-' if limit_ms is None else f'{limit_ms * _WANTED_AT_HZ / 1e3:g}',
            '-' if share is None else f'{share["baseline"]:.0%}',
        )
        lines.append('| ' + ' | '.join(map(str, cells)) + ' |')
    lines += [
        '',
        '| live sensors | captures | masks | made from a sensor | approximate synchroniser |',
        '|---|---|---|---|---|',
    ]
    for name, share in result['availability'][COMPARE].items():
        parts = (f'{share[key]:.1%}' for key in ('answered', 'availability', 'baseline'))
        lines.append(f'| {name} | {share["captures"]} | {" | ".join(parts)} |')
    lines += ['', '| | wanted | measured | |', '|---|---|---|---|']
    for verdict in result['verdicts']:
        met = 'met' if verdict['is_met'] else 'MISSED'
        lines.append(
            f'| {verdict["name"]} | {verdict["wanted"]} | {verdict["measured"]} | {met} |'
        )
    return '\n'.join(lines) + '\n'


def _right(row: Mapping[str, Any]) -> str:
    text = str(row['right'])
    if row['silent_first']:
        text += f' (in {row["silent_first"]} SILENT came first, rightly)'
    if row['wrong_reasons']:
        text += f' (else {", ".join(row["wrong_reasons"])})'
    return text


def _ms(value: float | None) -> str:
    return '-' if value is None else f'{value:g} ms'


def picture(faults: Mapping[str, Mapping[str, Any]]) -> bytes:
    """Draw every detection, the 95th percentile and the bound, per fault; return a PNG."""
    shown = {name: row for name, row in faults.items() if row['detect_periods']}
    figure = new_figure(8.0, 1.2 + 0.34 * max(len(shown), 1))
    axes = figure.subplots()
    rng = np.random.default_rng(0)
    for place, (name, row) in enumerate(shown.items()):
        known = row['detect_periods']
        spread = place + rng.uniform(-0.16, 0.16, len(known))
        is_right = row['right'] == row['trials']
        axes.scatter(known, spread, 14, SERIES[0 if is_right else 1], alpha=0.55, linewidths=0)
        p95, limit_ms = row['detect_periods_p95'], WANTED_MS.get(Fault(name))
        axes.plot([p95] * 2, [place - 0.3, place + 0.3], color=SERIES[0], linewidth=2)
        if limit_ms is not None:
            limit = limit_ms * _WANTED_AT_HZ / 1e3
            axes.plot([limit] * 2, [place - 0.4, place + 0.4], color=SERIES[3], linewidth=2)
    axes.set_yticks(range(len(shown)), list(shown))
    axes.set_ylim(max(len(shown), 1) - 0.5, -0.5)
    axes.set_xlim(left=0)
    axes.set_xlabel('periods of the sensor from the first missing or wrong image to the state')
    axes.set_title(
        'Detection over DDS. Bar: p95, orange: wanted, red: a reason was wrong',
        fontsize=9,
        loc='left',
    )
    tidy(axes, 'x')
    return png(figure)
