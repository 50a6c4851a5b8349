# Copyright 2026 mm_robust_seg maintainers
# SPDX-License-Identifier: Apache-2.0

"""Judge a soak: memory, threads, files, lifecycle, detections, false alarms; and draw it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from benchmarks.faults.plan import CLEAN, TRIAL
from benchmarks.faults.report import alarm_verdict, mask_verdict, Verdict
from benchmarks.faults.shares import Measured, Share, shares
from benchmarks.process_use import Use
from mm_robust_seg.observation.detection import false_alarms, Outcome, outcomes
from mm_robust_seg.observation.record import RunRecord
from mm_robust_seg.report.figures import new_figure, png, tidy
from mm_robust_seg.report.palette import SERIES

_WARM_UP_SHARE = 0.25
_BLOCK_S = 10.0
_FEWEST_BLOCKS = 18
"""Three minutes: in less, the last 0.5 MiB of the warm-up look like growth."""

_NORMAL_95 = 1.96
_READY_SHARE = 0.9
GROWTH_MIB_PER_MIN = 0.1
"""Growth of memory that fails, if it is certain: 140 MiB a day."""


@dataclass(frozen=True)
class Sample:
    """What the node used at a time since the start, in which kind of phase."""

    at_s: float
    kind: str
    use: Use


@dataclass(frozen=True)
class Slope:
    """Growth of memory in MiB per minute, with its 95 % interval."""

    value: float
    low: float
    high: float


@dataclass(frozen=True)
class Soak:
    """What one soak showed.

    Attributes:
        states: the lifecycle states that the node gave, each once per run of equal ones.
        unanswered: requests for the state that got no answer.
        cycle: the transitions at the end that failed.
    """

    record: RunRecord
    samples: Sequence[Sample]
    states: Sequence[str]
    unanswered: int
    cycle: Sequence[str]

    @property
    def settled(self) -> list[Sample]:
        """The samples after the warm-up."""
        start_s = _WARM_UP_SHARE * self.samples[-1].at_s if self.samples else 0.0
        return [sample for sample in self.samples if sample.at_s >= start_s]

    @property
    def quiet(self) -> list[Sample]:
        """Those of clean phases, when every publisher is there."""
        return [sample for sample in self.settled if sample.kind == CLEAN]


def memory_slope(samples: Sequence[Sample]) -> Slope | None:
    """Fit a line through the medians of blocks of ten seconds; None if they are too few.

    Blocks keep samples that follow each other from counting as independent ones.
    """
    blocks: dict[int, list[Sample]] = {}
    for sample in samples:
        blocks.setdefault(int(sample.at_s / _BLOCK_S), []).append(sample)
    if len(blocks) < _FEWEST_BLOCKS:
        return None
    minutes = np.array([np.median([s.at_s for s in some]) / 60 for some in blocks.values()])
    rss_mib = np.array([np.median([s.use.rss_mib for s in some]) for some in blocks.values()])
    centred = minutes - minutes.mean()
    spread = float((centred**2).sum())
    value = float(centred @ rss_mib) / spread
    residuals = rss_mib - rss_mib.mean() - value * centred
    error = float(np.sqrt((residuals**2).sum() / (len(minutes) - 2) / spread))
    reach = _NORMAL_95 * error
    return Slope(round(value, 4), round(value - reach, 4), round(value + reach, 4))


def verdicts(soak: Soak, is_alone: bool = True) -> list[Verdict]:
    """Say what was wanted and what was found.

    Args:
        is_alone: whether nothing else keeps the machine busy; only then every capture must have a
            mask.
    """
    record = soak.record
    clean = [phase for phase in record.phases if phase.name == CLEAN]
    served = shares(Measured(record), lambda _, phase: 'clean' if phase.name == CLEAN else None)
    lost = [state for state in soak.states if state != 'active']
    lifecycle = [*lost, *(f'{n} failed' for n in soak.cycle)]
    if soak.unanswered:
        lifecycle.append(f'{soak.unanswered} requests unanswered')
    masks = mask_verdict('clean phases', served.get('clean', Share(0, 0.0, 0.0, 0.0)))
    return [
        _memory_verdict(memory_slope(soak.settled)),
        _constant('threads', [sample.use.threads for sample in soak.quiet]),
        _constant('open files', [sample.use.files for sample in soak.quiet]),
        Verdict('lifecycle', 'active', ', '.join(lifecycle) or 'active', not lifecycle),
        *_fault_verdicts(soak),
        alarm_verdict('clean phases', list(false_alarms(clean, record.states))),
        replace(masks, is_met=masks.is_met or not is_alone, is_judged=is_alone),
    ]


def _fault_verdicts(soak: Soak) -> list[Verdict]:
    """Judge what was said about the faults, and about the sensors beside them."""
    ready, tried = trials_of(soak), len(outcomes(soak.record))
    missed = [f'not {one.episode}' for one in ready if one.is_undetected]
    wrong = [f'{one.episode}: {one.wrong}' for one in ready if not one.is_right]
    blamed = [f'{text} in {one.episode}' for one in ready for text in one.others]
    found = f'{len(ready) - len(missed)} of {len(ready)}' + _listed(missed)
    right = f'{len(ready) - len(wrong)} of {len(ready)}' + _listed(wrong)
    met = f'{len(ready)} of {tried}'
    is_met, is_judged = len(ready) >= _READY_SHARE * tried, tried > 0
    return [
        Verdict('faults detected', 'all', found, not missed, is_judged),
        Verdict('right reason first', 'all', right, not wrong, is_judged),
        Verdict('well sensors blamed', 'none', ', '.join(blamed) or 'none', not blamed, is_judged),
        Verdict(
            'faults that met a sensor in use', f'>= {_READY_SHARE:.0%}', met, is_met, is_judged
        ),
    ]


def trials_of(soak: Soak) -> list[Outcome]:
    """Judge the faults whose sensor was ready."""
    return [one for one in outcomes(soak.record) if one.was_ready]


def _listed(texts: Sequence[str]) -> str:
    text = ', '.join(texts)
    return f' ({text})' if text else ''


def _memory_verdict(slope: Slope | None) -> Verdict:
    wanted = f'<= {GROWTH_MIB_PER_MIN:g} MiB/min'
    if slope is None:
        return Verdict('memory', wanted, 'too short to tell', True, is_judged=False)
    measured = f'{slope.value:+.3f} MiB/min ({slope.low:+.3f} to {slope.high:+.3f})'
    return Verdict('memory', wanted, measured, slope.low <= GROWTH_MIB_PER_MIN)


def _constant(name: str, counts: Sequence[int]) -> Verdict:
    """Compare the ends of the soak; a middle value of each, since a count may flicker."""
    third = max(len(counts) // 3, 1)
    if not counts:
        return Verdict(name, 'constant', 'too short to tell', True, is_judged=False)
    first, last = (int(np.median(some)) for some in (counts[:third], counts[-third:]))
    measured = f'{first} to {last} (between {min(counts)} and {max(counts)})'
    return Verdict(name, 'constant', measured, last <= first)


def picture(soak: Soak) -> bytes:
    """Draw memory, threads and files over time, faults shaded; return a PNG."""
    figure = new_figure(9.0, 5.0)
    above, below = figure.subplots(2, 1, sharex=True)
    minutes = [sample.at_s / 60 for sample in soak.samples]
    above.plot(minutes, [s.use.rss_mib for s in soak.samples], color=SERIES[0], linewidth=1.2)
    above.set_ylabel('resident memory, MiB')
    below.plot(minutes, [s.use.threads for s in soak.samples], color=SERIES[2], label='threads')
    below.plot(minutes, [s.use.files for s in soak.samples], color=SERIES[3], label='open files')
    below.set_ylim(0, 1.25 * max(max(s.use.threads, s.use.files) for s in soak.samples))
    below.set_xlabel('minutes; shaded: a fault')
    below.legend(frameon=False, loc='lower right')
    phases = soak.record.phases
    for axes in (above, below):
        tidy(axes)
        for phase in phases:
            if phase.name == TRIAL:
                span = ((t - phases[0].start_ns) / 6e10 for t in (phase.start_ns, phase.end_ns))
                axes.axvspan(*span, color=SERIES[1], alpha=0.12, linewidth=0)
    return png(figure)


def figures(soak: Soak) -> dict[str, Any]:
    """Return the numbers behind the verdicts."""
    slope = memory_slope(soak.settled)
    ready = trials_of(soak)
    return {
        'memory_mib_per_min': None if slope is None else slope.value,
        'memory_mib_per_min_interval': None if slope is None else [slope.low, slope.high],
        'rss_mib': [round(sample.use.rss_mib, 1) for sample in soak.samples],
        'faults': len(ready),
        'right_reason_first': sum(one.is_right for one in ready),
        'wrong_reasons': sorted({f'{o.episode}: {o.wrong}' for o in ready if not o.is_right}),
        'rig': dict(soak.record.rig),
    }
