# Copyright 2026 mm_robust_seg maintainers
# SPDX-License-Identifier: Apache-2.0

"""What the plots of all reports share: style, and a figure as PNG bytes."""

from __future__ import annotations

import io
from typing import Any

from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure

from mm_robust_seg.report.palette import GRID

DPI = 110


def new_figure(width_in: float, height_in: float) -> Figure:
    """Return an empty figure with a canvas that needs no display."""
    figure = Figure(
        figsize=(width_in, height_in), dpi=DPI, facecolor='white', layout='constrained'
    )
    FigureCanvasAgg(figure)
    return figure


def png(figure: Figure) -> bytes:
    """Render ``figure``."""
    stream = io.BytesIO()
    figure.savefig(stream, format='png', dpi=DPI)
    return stream.getvalue()


def tidy(axes: Any, grid: str = 'y') -> None:
    """Leave what carries information: light grid lines along ``grid``, no box."""
    axes.grid(axis=grid, color=GRID, linewidth=0.7)
    axes.set_axisbelow(True)
    axes.spines[['top', 'right']].set_visible(False)
