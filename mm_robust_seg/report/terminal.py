# Copyright 2026 mm_robust_seg maintainers
# SPDX-License-Identifier: Apache-2.0

"""The terminal: progress while a command works, and what came of it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
import json
import sys
from typing import Any

from rich.box import HEAVY_HEAD
from rich.columns import Columns
from rich.console import Console, RenderableType
from rich.progress import (
    BarColumn,
    MofNCompleteColumn,
    Progress,
    TaskID,
    TextColumn,
    TimeElapsedColumn,
    TimeRemainingColumn,
)
from rich.table import Table as RichTable
from rich.text import Text as RichText

from mm_robust_seg.errors import RobustSegError
from mm_robust_seg.report.document import Block, Bullets, Heading, Picture, Table, Text
from mm_robust_seg.report.palette import STYLES


@dataclass(frozen=True)
class Result:
    """What a command came to; nothing where another process tells it.

    Attributes:
        facts: for programs, as JSON.
        blocks: the same for people.
        next_step: what to do with it, in one line.
        code: exit code.
        failure: what ended the work early; it is told after what there is.
    """

    facts: Mapping[str, Any] = field(default_factory=dict)
    blocks: Sequence[Block] = ()
    next_step: str = ''
    code: int = 0
    failure: RobustSegError | None = None


def show(result: Result, as_json: bool) -> None:
    """Print a result: its facts as JSON, or its blocks and the next step."""
    if as_json:
        text = json.dumps(result.facts, indent=2, allow_nan=False) + '\n'
        sys.stdout.write(text if result.facts else '')
        return
    console = Console(highlight=False, markup=False, emoji=False)
    for block in result.blocks:
        if isinstance(block, Bullets) and not block.items:
            continue
        console.print(rendered(block), soft_wrap=not isinstance(block, Table))
    if result.next_step:
        console.print(f'next: {result.next_step}', soft_wrap=True)


def rendered(block: Block) -> RenderableType:
    """Return a block for a terminal; of a picture its caption."""
    if isinstance(block, Heading):
        return RichText(block.text, style='bold')
    if isinstance(block, Text):
        return RichText(block.text, style=STYLES[block.tone])
    if isinstance(block, Bullets):
        return RichText('\n'.join(f'- {item}' for item in block.items), STYLES[block.tone])
    if isinstance(block, Picture):
        return RichText(f'{block.name}: {block.caption}')
    firsts = [_first_cell(block, number) for number in range(len(block.rows))]
    if len(block.header) == 1:
        return Columns(firsts, column_first=True, title=RichText(block.header[0]))
    has_header = any(block.header)
    table = RichTable(show_header=has_header, box=HEAVY_HEAD if has_header else None)
    for number, name in enumerate(block.header):
        justify = 'left' if number < block.left else 'right'
        table.add_column(name, justify=justify, no_wrap=number == 0)  # type: ignore[arg-type]
    for first, row in zip(firsts, block.rows, strict=True):
        table.add_row(first, *row[1:])
    return table


def _first_cell(table: Table, number: int) -> RichText:
    text = table.rows[number][0]
    if not table.colors:
        return RichText(text)
    red, green, blue = table.colors[number]
    swatch = RichText('  ', style=f'on rgb({red},{green},{blue})')
    return swatch.append(f' {text}', style='default on default')


class TerminalProgress:
    """Bars and lines on standard error; the bars go when the work is done.

    Args:
        console: where to show them instead.
    """

    def __init__(self, console: Console | None = None) -> None:
        self._console = console or Console(stderr=True)
        self._bars = Progress(
            TextColumn('{task.description}'),
            BarColumn(),
            MofNCompleteColumn(),
            TimeElapsedColumn(),
            TimeRemainingColumn(),
            TextColumn('{task.fields[text]}'),
            console=self._console,
            transient=True,
        )

    def __enter__(self) -> TerminalProgress:
        self._bars.start()
        return self

    def __exit__(self, *_exception: object) -> None:
        self._bars.stop()

    def bar(self, name: str, total: float, done: float = 0) -> _TerminalBar:
        """Show a bar."""
        return _TerminalBar(
            self._bars,
            self._bars.add_task(name, total=total, completed=done, text=''),  # type: ignore[arg-type]
        )

    def say(self, line: str) -> None:
        """Print a line above the bars."""
        self._console.print(line, highlight=False, markup=False, soft_wrap=True)


@dataclass(frozen=True)
class _TerminalBar:
    bars: Progress
    task: TaskID

    def advance(self) -> None:
        self.bars.advance(self.task)

    def reach(self, done: float, text: str = '') -> None:
        self.bars.update(self.task, completed=done, text=text)
