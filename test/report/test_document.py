# Copyright 2026 mm_robust_seg maintainers
# SPDX-License-Identifier: Apache-2.0

"""Reports: both forms say the same, and the page needs nothing else."""

from __future__ import annotations

import base64
import re

from mm_robust_seg.report.document import (
    Bullets,
    Heading,
    Picture,
    Table,
    Text,
    to_html,
    to_markdown,
    write_document,
)

PNG = b'\x89PNG picture'
BLOCKS = [
    Text('Scores of a < b & c.'),
    Bullets(['one', 'two']),
    Heading('Table'),
    Table(('name', 'value'), [('a|b', '1.0'), ('c', '-')]),
    Picture('plot.png', PNG, 'A "plot".'),
]


def test_markdown_has_every_block():
    text = to_markdown('Report', BLOCKS)
    assert text.startswith('# Report\n\nScores of a < b & c.\n\n- one\n- two\n\n## Table\n')
    assert '| name | value |\n| --- | ---: |\n| a\\|b | 1.0 |\n| c | - |' in text
    assert text.endswith('![A "plot".](plot.png)\n')


def test_html_escapes_text_and_embeds_pictures():
    page = to_html('R<port', BLOCKS)
    assert '<title>R&lt;port</title>' in page
    assert 'Scores of a &lt; b &amp; c.' in page
    assert page.count('<tr>') == 3
    assert base64.b64encode(PNG).decode() in page
    assert re.findall(r'(?:src|href)="(?!data:)', page) == []


def test_pictures_lie_beside_the_markdown(tmp_path):
    write_document('Report', BLOCKS, tmp_path / 'r.md', tmp_path / 'r.html')
    assert (tmp_path / 'plot.png').read_bytes() == PNG
    assert sorted(p.name for p in tmp_path.iterdir()) == ['plot.png', 'r.html', 'r.md']
