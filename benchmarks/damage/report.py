# Copyright 2026 mm_robust_seg maintainers
# SPDX-License-Identifier: Apache-2.0

"""The tables of bench_damage."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any


def table(found: Mapping[str, Any]) -> str:
    """Lay out what was found, as Markdown."""
    lines = []
    for when in (name for name in found if name != 'break_even'):
        part = found[when]
        lines += [
            '',
            f'{when}: {part["learning_accused"]} of {part["learning_pictures"]} pictures accused '
            'while learning',
            '',
            '| damage | told within 1 s | out of use | as | share | strength | false before |',
            '|---|---|---|---|---|---|---|',
        ]
        for name, row in part['trials'].items():
            said = ', '.join(f'{reason} {count}' for reason, count in row['reasons'].items())
            lines.append(
                f'| {name} | {row["told"]} of {row["trials"]} | {row["out"]} | {said} | '
                f'{row["share"]:.2f} | {row["strength"]:.2f} | {row["false"]} |'
            )
    if 'break_even' in found:
        lines += ['', '| damage of RGB | mIoU, complete | without RGB |', '|---|---|---|']
        for name, row in found['break_even'].items():
            lines.append(f'| {name} | {100 * row["miou"]:.1f} | {100 * row["without"]:.1f} |')
    return '\n'.join(lines)
