# Copyright 2026 mm_robust_seg maintainers
# SPDX-License-Identifier: Apache-2.0

"""Every file of JSON that others may have written: one sentence, whatever it holds."""

from __future__ import annotations

from collections.abc import Callable
import os
from pathlib import Path

import pytest

from mm_robust_seg.bundling.merging import read_merging
from mm_robust_seg.datasets.class_list import read_classes
from mm_robust_seg.datasets.nyuv2 import NYUv2
from mm_robust_seg.errors import RobustSegError
from mm_robust_seg.experiments.trials import Trial

TEXTS = {
    'deep': '[' * 200_000,
    'deep mapping': '{"a":' * 100_000,
    'digits': '9' * 5000,
    'infinite': '{"0": 1e999}',
    'long': '"' + 'x' * (1 << 20) + '"',
    'scalar': '7',
    'of a terminal': '["\\u001b[2J", 3]',
    'a long value': '[["' + 'y' * 500_000 + '"]]',
    'no text': '\udcff',
}


def _run(path: Path) -> object:
    from mm_robust_seg.training.run_folder import read_run

    return read_run(path.parent)


def _importance(path: Path) -> object:
    from mm_robust_seg.training.placement import read_importance

    return read_importance(path)


READERS: dict[str, tuple[str, Callable[[Path], object]]] = {
    'class list': ('classes.json', lambda path: read_classes(path, 'a class list')),
    'classes of NYU Depth V2': ('classes.json', lambda path: NYUv2(path.parent, 'val')),
    'importance': ('importance.json', _importance),
    'merging': ('merging', lambda path: read_merging(path, 3)),
    'run': ('run.json', _run),
    'trial': ('trial.json', lambda path: Trial(None, 0, path.parent).failure()),  # type: ignore[arg-type]
}


@pytest.mark.parametrize('text', TEXTS.values(), ids=TEXTS)
@pytest.mark.parametrize('reader', READERS)
def test_no_text_ends_in_anything_but_a_sentence(tmp_path, reader, text):
    if reader in ('importance', 'run'):
        pytest.importorskip('torch')
    name, read = READERS[reader]
    (tmp_path / name).write_bytes(text.encode(errors='surrogateescape'))
    with pytest.raises(RobustSegError) as caught:
        read(tmp_path / name)
    message = str(caught.value)
    assert len(message) < 2000 and message.isprintable()


@pytest.mark.parametrize('make', [os.mkfifo, os.mkdir, lambda p: p.symlink_to(p.name)])
@pytest.mark.parametrize('reader', sorted(READERS.keys() - {'trial'}))
def test_what_is_no_plain_file_is_not_waited_for(tmp_path, reader, make):
    if reader in ('importance', 'run'):
        pytest.importorskip('torch')
    name, read = READERS[reader]
    make(tmp_path / name)
    with pytest.raises(RobustSegError) as caught:
        read(tmp_path / name)
    assert len(str(caught.value)) < 2000
