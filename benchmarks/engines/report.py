# Copyright 2026 mm_robust_seg maintainers
# SPDX-License-Identifier: Apache-2.0

"""The figures of the engine benchmark, beside what is wanted of them."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Figure:
    """One row of the result; ``wanted`` is an upper bound, None where there is none."""

    name: str
    value: float
    unit: str = ''
    wanted: float | None = None

    @property
    def verdict(self) -> str:
        """Say whether it is as wanted."""
        if self.wanted is None:
            return ''
        return 'met' if self.value <= self.wanted else 'missed'


class Report:
    """Figures as they come, and what could not be measured."""

    def __init__(self) -> None:
        self.figures: list[Figure] = []
        self.notes: list[str] = []

    def add(self, name: str, value: float, unit: str = '', wanted: float | None = None) -> None:
        """Take in a figure and show it."""
        figure = Figure(name, value, unit, wanted)
        self.figures.append(figure)
        print(_row(figure), flush=True)

    def note(self, text: str) -> None:
        """Take in a sentence and show it."""
        self.notes.append(text)
        print(f'- {text}', flush=True)


def _row(figure: Figure) -> str:
    wanted = '' if figure.wanted is None else f'<= {figure.wanted:g} {figure.unit}'.rstrip()
    value = f'{figure.value:.4g} {figure.unit}'.rstrip()
    return f'| {figure.name} | {value} | {wanted} | {figure.verdict} |'


def markdown(report: Report) -> str:
    """Return notes and figures as a page."""
    lines = ['# Inference engines', '', *(f'- {note}' for note in report.notes), '']
    lines += ['| figure | measured | wanted | |', '|---|---|---|---|']
    return '\n'.join([*lines, *map(_row, report.figures), ''])
