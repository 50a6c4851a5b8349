"""What the plots of all reports share: style, colours, and a figure as PNG bytes."""

from __future__ import annotations

import io
from typing import Any

from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure

DPI = 110
COLORS = (
    '#1d3557', '#c1443c', '#2f6b3a', '#e09f3e', '#5b4a8a', '#3a9ea5',
    '#8d5524', '#d66ba0', '#6b7a8f', '#a3b18a', '#000000', '#7fb2f0',
)  # fmt: skip
_GRID = '#e3e3e3'


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
    axes.grid(axis=grid, color=_GRID, linewidth=0.7)
    axes.set_axisbelow(True)
    axes.spines[['top', 'right']].set_visible(False)
