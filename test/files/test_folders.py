# Copyright 2026 mm_robust_seg maintainers
# SPDX-License-Identifier: Apache-2.0

"""Folders of results: one run at a time, whole or as they were, and nothing foreign lost."""

import os
from pathlib import Path
import signal
import subprocess
import sys

import pytest

from mm_robust_seg.errors import ConfigError, DataError
from mm_robust_seg.files import claimed, is_free, renewing, replacing, write_bytes

MAIN = 'summary.json'
LEFT = '.mm_robust_seg.unfinished'


def write(folder: Path, **texts: str) -> None:
    for stem, text in texts.items():
        write_bytes(folder / f'{stem}.json', text.encode())


def contents(folder: Path) -> dict[str, str]:
    files = [path for path in folder.rglob('*') if path.is_file()]
    return {path.relative_to(folder).as_posix(): path.read_text() for path in files}


def renew(folder: Path, *, error: BaseException | None = None, **texts: str) -> None:
    with renewing(folder, MAIN, lambda path: path.glob('*.json')) as made:
        write(made, **texts)
        if error:
            raise error


def test_new_files_take_the_place_of_ours_and_leave_the_others(tmp_path):
    (tmp_path / 'NOTES.md').write_text('mine')
    renew(tmp_path, summary='1', picture='1', sample='1')
    renew(tmp_path, summary='2', picture='2')
    assert contents(tmp_path) == {'NOTES.md': 'mine', 'summary.json': '2', 'picture.json': '2'}


@pytest.mark.parametrize('error', [ValueError(), KeyboardInterrupt(), OSError(28, 'No space')])
def test_earlier_files_stay_until_the_new_ones_are_whole(tmp_path, error):
    renew(tmp_path, summary='1', picture='1')
    with pytest.raises(type(error)):
        renew(tmp_path, summary='2', error=error)
    assert contents(tmp_path) == {'summary.json': '1', 'picture.json': '1'}


def test_a_folder_that_got_nothing_is_not_left(tmp_path):
    with pytest.raises(ValueError, match='no'):
        renew(tmp_path / 'new', summary='1', error=ValueError('no'))
    assert not (tmp_path / 'new').exists()


def test_a_full_disk_says_which_folder_it_is(tmp_path):
    with pytest.raises(OSError, match='No space') as caught:
        renew(tmp_path / 'new', error=OSError(28, 'No space left on device'))
    assert caught.value.filename == str(tmp_path / 'new')


def test_what_cannot_be_written_is_named_where_it_would_come_to_be(tmp_path):
    with pytest.raises(OSError, match='No space') as caught, renewing(tmp_path, MAIN) as made:
        raise OSError(28, 'No space left on device', str(made / 'masks' / '1.png'))
    assert caught.value.filename == str(tmp_path / 'masks' / '1.png')


def test_a_move_that_fails_brings_back_what_was_there(tmp_path, monkeypatch):
    renew(tmp_path, summary='1', a='1')
    replace = Path.replace

    def failing(path, target):
        if target == tmp_path / MAIN and path.parent.name != 'before':
            raise OSError(5, 'Input/output error')
        return replace(path, target)

    monkeypatch.setattr(Path, 'replace', failing)
    with pytest.raises(OSError, match='Input/output error'):
        renew(tmp_path, summary='2', a='2', b='2')
    assert contents(tmp_path) == {'summary.json': '1', 'a.json': '1'}


def test_links_are_followed_and_stay(tmp_path):
    elsewhere, out = tmp_path / 'elsewhere', tmp_path / 'out'
    elsewhere.mkdir()
    (elsewhere / 'real.json').write_text('0')
    out.symlink_to(elsewhere)
    (elsewhere / MAIN).symlink_to('real.json')
    renew(out, summary='1')
    assert out.is_symlink() and (elsewhere / MAIN).is_symlink()
    assert (elsewhere / 'real.json').read_text() == '1'


def test_a_file_behind_a_link_is_replaced_where_it_is(tmp_path):
    (tmp_path / 'link.json').symlink_to('real.json')
    write_bytes(tmp_path / 'link.json', b'1')
    write_bytes(tmp_path / 'link.json', b'2')
    assert (tmp_path / 'link.json').is_symlink()
    assert (tmp_path / 'real.json').read_bytes() == b'2'


@pytest.mark.parametrize('make', [os.mkfifo, os.mkdir])
def test_what_is_no_plain_file_is_never_replaced(tmp_path, make):
    make(tmp_path / MAIN)
    with pytest.raises(DataError, match='is no plain file, and stays'):
        write_bytes(tmp_path / MAIN, b'1')
    with pytest.raises(DataError, match='is no plain file, and stays'):
        renew(tmp_path, summary='1', a='1')
    assert [path.name for path in tmp_path.iterdir()] == [MAIN]


def test_a_file_or_a_circle_of_links_is_no_folder(tmp_path):
    (tmp_path / 'file').write_text('mine')
    (tmp_path / 'loop').symlink_to('loop')
    for name in ('file', 'loop'):
        with pytest.raises(ConfigError, match='is no folder'):
            renew(tmp_path / name, summary='1')
    assert (tmp_path / 'file').read_text() == 'mine' and (tmp_path / 'loop').is_symlink()


def test_two_runs_into_one_folder_are_told(tmp_path):
    (tmp_path / 'link').symlink_to('out')
    with claimed(tmp_path / 'out'):
        with pytest.raises(ConfigError, match='another run writes into'):
            renew(tmp_path / 'out', summary='1')
        with pytest.raises(ConfigError, match='another run writes into'):
            renew(tmp_path / 'link', summary='1')
    renew(tmp_path / 'link', summary='1')
    assert contents(tmp_path / 'out') == {'summary.json': '1'}


KILLED = """
import os, signal, sys
from pathlib import Path
from mm_robust_seg.files import renewing, replacing
out = Path(sys.argv[1])
with renewing(out, 'summary.json') as made, replacing(out / 'run.json') as temporary:
    (made / 'half.json').write_text('h')
    temporary.write_text('h')
    os.kill(os.getpid(), signal.SIGKILL)
"""


def test_what_a_killed_run_leaves_is_cleared_by_the_next_and_holds_nobody_up(tmp_path):
    out = tmp_path / 'out'
    done = subprocess.run([sys.executable, '-c', KILLED, str(out)], check=False)
    assert done.returncode == -signal.SIGKILL
    assert len(contents(out)) == 2 and (out / LEFT).is_dir()
    (out / '.mine.unfinished').write_text('mine')
    renew(out, summary='1')
    assert contents(out) == {'summary.json': '1', '.mine.unfinished': 'mine'}


def test_a_folder_with_nothing_but_the_rest_of_a_killed_run_is_free(tmp_path):
    assert is_free(tmp_path) and is_free(tmp_path / 'none')
    (tmp_path / LEFT).mkdir()
    assert is_free(tmp_path)
    (tmp_path / 'notes.txt').touch()
    assert not is_free(tmp_path) and not is_free(tmp_path / 'notes.txt')


def test_what_has_the_name_of_our_rest_and_is_none_is_not_removed(tmp_path):
    (tmp_path / 'mine').mkdir()
    (tmp_path / LEFT).symlink_to('mine')
    with pytest.raises(ConfigError, match='is no folder of ours'):
        renew(tmp_path, summary='1')
    assert (tmp_path / 'mine').is_dir() and (tmp_path / LEFT).is_symlink()


def test_a_folder_on_another_disk_gets_its_files(tmp_path, monkeypatch):
    """As where ``masks`` is a link to a larger disk."""
    replace = Path.replace

    def other_disk(path, target):
        if LEFT in str(path) and LEFT not in str(target):
            raise OSError(18, 'Invalid cross-device link')
        return replace(path, target)

    monkeypatch.setattr(Path, 'replace', other_disk)
    renew(tmp_path, summary='1')
    assert contents(tmp_path) == {'summary.json': '1'}


def test_a_write_that_fails_names_the_file(tmp_path):
    with pytest.raises(OSError, match='No space') as caught, replacing(tmp_path / 'a.png'):
        raise OSError(28, 'No space left on device')
    assert caught.value.filename == str(tmp_path / 'a.png')
