# Copyright 2026 mm_robust_seg maintainers
# SPDX-License-Identifier: Apache-2.0

"""What a person sees while the demo runs: a live table, or plain lines without a terminal."""

from __future__ import annotations

import numpy as np
from rich.console import Console, Group, RenderableType
from rich.live import Live
from rich.panel import Panel
from rich.progress_bar import ProgressBar
from rich.table import Table
from rich.text import Text

from mm_robust_seg.dataflow import Reason
from mm_robust_seg.modality import Modality
from mm_robust_seg.observation.captures import answers
from mm_robust_seg.observation.record import PhaseRecord, StateRecord
from mm_robust_seg.observation.recorder import RunRecorder
from mm_robust_seg.observation.score import miou
from mm_robust_seg.report.palette import state_tone, STYLES

_SETTLED_NS = 150_000_000
_SECOND_NS = 1_000_000_000
_RECENT = 300


class LiveView:
    """Shows what the recorder has observed; ``update`` redraws.

    Args:
        recorder: collects what is observed.
        console: where to draw.
        duration_s: length of the scenario.
        phase_count: how many phases it has.
    """

    def __init__(
        self, recorder: RunRecorder, console: Console, duration_s: float, phase_count: int
    ) -> None:
        self._recorder, self._console = recorder, console
        self._duration_s, self._phase_count = duration_s, phase_count
        self._said_phase: PhaseRecord | None = None
        self._said_state: StateRecord | None = None
        self._live = Live(console=console, auto_refresh=False, transient=True)

    def __enter__(self) -> LiveView:
        if self._console.is_terminal:
            self._live.start()
        return self

    def __exit__(self, *_exception: object) -> None:
        self._live.stop()

    def update(self, now_ns: int) -> None:
        """Draw the present state, or print what has changed."""
        if self._console.is_terminal:
            self._live.update(self.picture(now_ns), refresh=True)
        else:
            self._print_changes(now_ns)

    def picture(self, now_ns: int) -> RenderableType:
        """Return the table."""
        state = self._recorder.states[-1] if self._recorder.states else None
        phase = self._phase_at(now_ns)
        sensors = Table(box=None, padding=(0, 3, 0, 0))
        for column in ('sensor', 'truth', 'node says'):
            sensors.add_column(column, header_style='bold', min_width=10)
        for modality in Modality:
            reason = state.reasons.get(modality) if state else None
            fault = phase.faults.get(modality) if phase else None
            truth = Text(str(fault), 'red') if fault else Text('works', 'green')
            sensors.add_row(str(modality), truth, _styled(reason))
        elapsed_s = min(max(self._elapsed_s(now_ns), 0.0), self._duration_s)
        progress = Table.grid(padding=(0, 1))
        progress.add_row(
            ProgressBar(self._duration_s, elapsed_s, width=40, complete_style='green'),
            f'{elapsed_s:.0f} of {self._duration_s:.0f} s',
        )
        active = Text('mask from  ').append(str(state.active) if state else '-', 'bold')
        return Panel(
            Group(
                Text(self._title(phase), 'bold'), progress, '', sensors, '', active,
                self._figures(now_ns),
            ),
            title='mm_robust_seg demo',
            title_align='left',
            width=64,
        )  # fmt: skip

    def say(self, line: str) -> None:
        """Print one line."""
        self._console.print(line, markup=False, highlight=False, soft_wrap=True)

    def _print_changes(self, now_ns: int) -> None:
        phase, at = self._phase_at(now_ns), f'{self._elapsed_s(now_ns):5.1f} s'
        state = self._recorder.states[-1] if self._recorder.states else None
        if phase is not None and phase != self._said_phase:
            self._said_phase = phase
            self.say(f'{at}  == {self._title(phase)} (last second: {self._figures(now_ns)})')
        before = self._said_state
        if state is not None and (
            before is None or (before.active, before.reasons) != (state.active, state.reasons)
        ):
            self._said_state = state
            reasons = ', '.join(f'{m} {reason}' for m, reason in state.reasons.items())
            self.say(f'{at}  {reasons}: masks from {state.active}')

    def _phase_at(self, now_ns: int) -> PhaseRecord | None:
        begun = [phase for phase in self._recorder.phases if phase.start_ns <= now_ns]
        return begun[-1] if begun else None

    def _elapsed_s(self, now_ns: int) -> float:
        phases = self._recorder.phases
        return (now_ns - phases[0].start_ns) * 1e-9 if phases else 0.0

    def _title(self, phase: PhaseRecord | None) -> str:
        if phase is None:
            return 'about to start'
        return f'phase {self._recorder.phases.index(phase) + 1}/{self._phase_count}: {phase.name}'

    def _figures(self, now_ns: int) -> str:
        """Say rate, latency and accuracy over the last second."""
        captures = self._recorder.captures[-_RECENT:]
        masks = [
            mask
            for capture, mask in zip(
                captures, answers(captures, self._recorder.masks[-_RECENT:]), strict=True
            )
            if _SETTLED_NS <= now_ns - capture.stamp_ns < _SETTLED_NS + _SECOND_NS
        ]
        served = [mask for mask in masks if mask is not None]
        if not served:
            return 'no masks yet'
        latency_ms, score = np.median([mask.latency_ms for mask in served]), miou(served)
        accuracy = '' if score is None else f', mIoU {score:.2f}'
        return f'{len(served)} masks/s for {len(masks)} frames/s, {latency_ms:.0f} ms{accuracy}'


def _styled(reason: Reason | None) -> Text:
    return Text(str(reason or '-'), STYLES[state_tone(reason)] if reason else '')
