# Copyright 2026 mm_robust_seg maintainers
# SPDX-License-Identifier: Apache-2.0

"""The charts of all reports, as PNG bytes: scores with intervals, curves, tables in colours."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from mm_robust_seg.report.figures import new_figure, png, tidy
from mm_robust_seg.report.palette import FAINT, NAVY, SERIES

_NAN = float('nan')


class Estimate(NamedTuple):
    """A score and its interval in percent; NaN where there is none."""

    value: float
    low: float = _NAN
    high: float = _NAN

    @classmethod
    def of(cls, share: float | None, interval: Sequence[float | None] = ()) -> Estimate:
        """Take a share from 0 to 1 and its interval as they are in a file of scores."""
        return cls(*(_NAN if part is None else 100 * part for part in (share, *interval)))


@dataclass(frozen=True)
class Curve:
    """Estimates over x; ``style`` is one of matplotlib's, such as ``'o-'``."""

    x: Sequence[float] | NDArray[np.float64]
    y: Sequence[Estimate]
    style: str = 'o-'


@dataclass(frozen=True)
class Curves:
    """One panel of curves by label.

    Attributes:
        ticks: names of the places 0, 1, ... on the x-axis, instead of numbers.
    """

    curves: Mapping[str, Curve]
    x_label: str
    title: str = ''
    ticks: Sequence[str] = ()


@dataclass(frozen=True)
class HeatMap:
    """One panel of numbers in colours.

    Attributes:
        values: (rows, columns), NaN where there is none.
        is_signed: whether 0 is in the middle of the colours.
        reach: the value of the strongest colour.
    """

    rows: Sequence[str]
    columns: Sequence[str]
    values: NDArray[np.float64]
    title: str
    is_signed: bool = False
    reach: float = 100.0


def ranked(rows: Mapping[str, Estimate], label: str) -> bytes:
    """Draw a line for each row, from top to bottom, with the number beside it."""
    figure = new_figure(9.0, 1.0 + 0.4 * max(len(rows), 1))
    axes = figure.subplots()
    places = range(len(rows))
    values, reach = _whiskers(list(rows.values()))
    axes.errorbar(values, places, xerr=reach, fmt='o', color=NAVY, capsize=3)
    for place, (value, high) in enumerate(zip(values, reach[1], strict=True)):
        if not np.isnan(value):
            axes.annotate(
                f'{value:.1f}', (value + np.nan_to_num(high), place), xytext=(6, 0),
                textcoords='offset points', va='center', fontsize=10,
            )  # fmt: skip
    axes.set_yticks(places, list(rows))
    axes.set_ylim(len(rows) - 0.4, -0.6)
    axes.margins(x=0.08)
    axes.set_xlabel(label)
    tidy(axes, 'x')
    return png(figure)


def grouped(groups: Sequence[str], series: Mapping[str, Sequence[Estimate]], label: str) -> bytes:
    """Draw a group of bars for each of ``groups``, a bar of every series in each."""
    figure = new_figure(max(9.0, 1.0 + len(groups) * (0.4 + 0.14 * len(series))), 4.6)
    axes, width = figure.subplots(), 0.84 / len(series)
    for number, (name, row) in enumerate(series.items()):
        places = np.arange(len(groups)) + (number - (len(series) - 1) / 2) * width
        values, reach = _whiskers(row)
        axes.bar(places, values, width * 0.92, label=name, color=SERIES[number % len(SERIES)])
        axes.errorbar(places, values, reach, fmt='none', ecolor=FAINT, elinewidth=0.8)
    axes.set_xticks(range(len(groups)), [name.replace('+', '\n+') for name in groups])
    axes.set_ylabel(label)
    tidy(axes)
    figure.legend(loc='outside upper center', ncols=6, frameon=False, fontsize=9)
    return png(figure)


def curves(panels: Sequence[Curves], label: str, bottom: float | None = None) -> bytes:
    """Draw panels of curves beside each other, with one y-axis that begins at ``bottom``."""
    figure = new_figure(2.5 + 4.5 * len(panels), 4.2)
    every = figure.subplots(1, len(panels), sharey=True, squeeze=False)[0]
    for axes, panel in zip(every, panels, strict=True):
        for number, (name, curve) in enumerate(panel.curves.items()):
            values, reach = _whiskers(curve.y)
            color = SERIES[number % len(SERIES)]
            axes.plot(curve.x, values, curve.style, color=color, label=name, markersize=4)
            axes.errorbar(curve.x, values, reach, fmt='none', ecolor=color, capsize=3)
        if panel.ticks:
            axes.set_xticks(range(len(panel.ticks)), panel.ticks)
        axes.set_xlabel(panel.x_label)
        axes.set_title(panel.title, fontsize=11)
        if len(panel.curves) > 1:
            axes.legend(frameon=False, fontsize=9)
        tidy(axes)
    every[0].set_ylabel(label)
    every[0].set_ylim(bottom=bottom)
    return png(figure)


def heat_maps(panels: Sequence[HeatMap], title: str = '') -> bytes:
    """Draw panels of numbers in colours beside each other."""
    widest = max(len(panel.columns) for panel in panels)
    longest = max(len(panel.rows) for panel in panels)
    figure = new_figure((2.2 + 1.0 * widest) * len(panels), 1.8 + 0.27 * longest)
    figure.suptitle(title, fontsize=11)
    for axes, panel in zip(figure.subplots(1, len(panels), squeeze=False)[0], panels, strict=True):
        _draw_heat_map(axes, panel)
    return png(figure)


def _draw_heat_map(axes: Any, panel: HeatMap) -> None:
    low, colors = (-panel.reach, 'RdBu') if panel.is_signed else (0.0, 'Blues')
    axes.imshow(panel.values, cmap=colors, vmin=low, vmax=panel.reach, aspect='auto')
    for (row, column), value in np.ndenumerate(panel.values):
        text = '-' if np.isnan(value) else f'{value:.1f}'
        color = 'white' if abs(value) > 0.6 * panel.reach else 'black'
        axes.text(column, row, text, ha='center', va='center', fontsize=8, color=color)
    columns = [name.replace('+', '\n+') for name in panel.columns]
    axes.set_xticks(range(len(columns)), columns, fontsize=9)
    axes.set_yticks(range(len(panel.rows)), panel.rows, fontsize=8)
    axes.tick_params(length=0)
    axes.spines[:].set_visible(False)
    axes.set_title(panel.title, fontsize=10)


def _whiskers(rows: Sequence[Estimate]) -> tuple[list[float], list[list[float]]]:
    """Return the values, and how far their intervals reach down and up, for error bars."""
    values = [row.value for row in rows]
    return values, [[row.value - row.low for row in rows], [row.high - row.value for row in rows]]
