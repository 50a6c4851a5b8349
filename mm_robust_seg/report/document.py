# Copyright 2026 mm_robust_seg maintainers
# SPDX-License-Identifier: Apache-2.0

"""A report written once: rendered as Markdown, as one self-contained HTML page, on a terminal."""

from __future__ import annotations

import base64
from collections.abc import Sequence
from dataclasses import dataclass
from html import escape
from pathlib import Path
from typing import Literal

from mm_robust_seg.files import write_bytes

Tone = Literal['', 'good', 'remark', 'problem']


@dataclass(frozen=True)
class Heading:
    """Title of a section."""

    text: str


@dataclass(frozen=True)
class Text:
    """A paragraph, without markup; ``tone`` colours it on a terminal."""

    text: str
    tone: Tone = ''


@dataclass(frozen=True)
class Bullets:
    """A list of remarks."""

    items: Sequence[str]
    tone: Tone = ''


@dataclass(frozen=True)
class Table:
    """Cells of text.

    Attributes:
        left: how many columns are aligned to the left; the others are to the right.
        colors: shown before each row on a terminal.
    """

    header: Sequence[str]
    rows: Sequence[Sequence[str]]
    left: int = 1
    colors: Sequence[tuple[int, int, int]] = ()


@dataclass(frozen=True)
class Picture:
    """A PNG: embedded in the page, and a file of ``name`` beside the Markdown."""

    name: str
    png: bytes
    caption: str


Block = Heading | Text | Bullets | Table | Picture


def write_document(
    title: str, blocks: Sequence[Block], markdown: Path, page: Path | None = None
) -> None:
    """Write Markdown, the pictures beside it, and a page if one is wanted."""
    for block in blocks:
        if isinstance(block, Picture):
            write_bytes(markdown.parent / block.name, block.png)
    write_bytes(markdown, to_markdown(title, blocks).encode())
    if page is not None:
        write_bytes(page, to_html(title, blocks).encode())


def to_markdown(title: str, blocks: Sequence[Block]) -> str:
    """Render as Markdown; pictures are links to files."""
    return '\n\n'.join([f'# {title}', *map(_markdown, blocks)]) + '\n'


def to_html(title: str, blocks: Sequence[Block]) -> str:
    """Render as a page that needs no other file and no network."""
    body = '\n'.join(map(_html, blocks))
    return _PAGE.format(title=escape(title), style=_STYLE, body=body)


def _markdown(block: Block) -> str:
    if isinstance(block, Heading):
        return f'## {block.text}'
    if isinstance(block, Text):
        return block.text
    if isinstance(block, Bullets):
        return '\n'.join(f'- {item}' for item in block.items)
    if isinstance(block, Picture):
        return f'![{block.caption}]({block.name})'
    right = len(block.header) - block.left
    rule = [*['---'] * block.left, *['---:'] * right]
    rows = (
        [cell.replace('|', '\\|') for cell in row] for row in (block.header, rule, *block.rows)
    )
    return '\n'.join(f'| {" | ".join(row)} |' for row in rows)


def _html(block: Block) -> str:
    if isinstance(block, Heading):
        return f'<h2>{escape(block.text)}</h2>'
    if isinstance(block, Text):
        return f'<p>{escape(block.text)}</p>'
    if isinstance(block, Bullets):
        return '<ul>' + ''.join(f'<li>{escape(item)}</li>' for item in block.items) + '</ul>'
    if isinstance(block, Picture):
        data = base64.b64encode(block.png).decode()
        caption = escape(block.caption)
        image = f'<img alt="{caption}" src="data:image/png;base64,{data}">'
        return f'<figure>{image}<figcaption>{caption}</figcaption></figure>'
    head = _cells(block.header, 'th', block.left)
    body = ''.join(_cells(row, 'td', block.left) for row in block.rows)
    return f'<div class="wide"><table><thead>{head}</thead><tbody>{body}</tbody></table></div>'


def _cells(row: Sequence[str], tag: str, left: int) -> str:
    marks = [' class="left"'] * left + [''] * (len(row) - left)
    cells = zip(marks, row, strict=True)
    return f'<tr>{"".join(f"<{tag}{mark}>{escape(cell)}</{tag}>" for mark, cell in cells)}</tr>'


_STYLE = """
body { font: 16px/1.5 system-ui, sans-serif; color: #1c2530; background: #fff;
       max-width: 1100px; margin: 2rem auto; padding: 0 1rem; }
h1 { font-size: 1.7rem; margin-bottom: .3rem; }
h2 { font-size: 1.25rem; margin-top: 2.2rem; border-bottom: 1px solid #d5dbe2; }
.wide { overflow-x: auto; }
table { border-collapse: collapse; font-variant-numeric: tabular-nums; font-size: .92rem; }
th, td { padding: .28rem .7rem; text-align: right; white-space: nowrap; }
.left { text-align: left; }
thead th { border-bottom: 2px solid #8a97a6; }
tbody tr:nth-child(even) { background: #f3f5f8; }
figure { margin: 1.2rem 0; }
img { max-width: 100%; height: auto; }
figcaption { color: #55606d; font-size: .9rem; }
"""

_PAGE = """<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>{title}</title>
<style>{style}</style>
</head>
<body>
<h1>{title}</h1>
{body}
</body>
</html>
"""
