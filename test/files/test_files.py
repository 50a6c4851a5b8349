# Copyright 2026 mm_robust_seg maintainers
# SPDX-License-Identifier: Apache-2.0

import json
import os
from pathlib import Path
import shutil
import subprocess
import sys

import pytest

from mm_robust_seg import errors, files, signals
from mm_robust_seg.errors import ConfigError
from mm_robust_seg.files import replacing, shipped, write_bytes, write_json


def names(folder):
    return sorted(path.name for path in folder.iterdir())


def test_a_file_appears_when_the_block_ends_and_not_before(tmp_path):
    path = tmp_path / 'new' / 'mask.png'
    with replacing(path) as temporary:
        temporary.write_bytes(b'half')
        assert not path.exists()
        assert temporary.parent == path.parent and temporary.suffix == '.png'
    assert path.read_bytes() == b'half'
    assert names(path.parent) == ['mask.png']


@pytest.mark.parametrize('error', [ValueError, KeyboardInterrupt, SystemExit])
def test_an_interrupted_write_leaves_the_old_file_and_nothing_else(tmp_path, error):
    path = tmp_path / 'summary.json'
    path.write_text('old')
    with pytest.raises(error), replacing(path) as temporary:
        temporary.write_text('ne')
        raise error
    assert path.read_text() == 'old'
    assert names(tmp_path) == ['summary.json']


def test_a_block_that_writes_nothing_is_an_error_and_keeps_the_old_file(tmp_path):
    path = tmp_path / 'a.txt'
    path.write_text('old')
    with pytest.raises(FileNotFoundError), replacing(path):
        pass
    assert path.read_text() == 'old'


def test_two_writers_do_not_share_a_temporary_file(tmp_path):
    path = tmp_path / 'a.bin'
    with replacing(path) as one, replacing(path) as other:
        assert one != other
        one.write_bytes(b'1')
        other.write_bytes(b'2')
    assert path.read_bytes() == b'1', 'the outer block ends last'
    assert names(tmp_path) == ['a.bin']


def test_write_bytes_replaces(tmp_path):
    path = tmp_path / 'a.bin'
    write_bytes(path, b'first, longer')
    write_bytes(path, b'second')
    assert path.read_bytes() == b'second'


def test_json_is_indented_and_ends_with_a_newline(tmp_path):
    path = tmp_path / 'a.json'
    write_json(path, {'miou': 0.5})
    assert path.read_text() == '{\n  "miou": 0.5\n}\n'


@pytest.mark.parametrize('value', [float('nan'), float('inf'), object()])
def test_what_json_cannot_hold_is_refused_before_the_file_is_touched(tmp_path, value):
    path = tmp_path / 'a.json'
    write_json(path, [1])
    with pytest.raises((ValueError, TypeError)):
        write_json(path, {'x': value})
    assert json.loads(path.read_text()) == [1]
    assert names(tmp_path) == ['a.json']


def test_what_is_shipped_is_found_in_the_repository():
    assert shipped('config/demo.yaml') == Path(__file__).parents[2] / 'config' / 'demo.yaml'


def test_what_is_not_shipped_is_named():
    with pytest.raises(ConfigError, match=r'config/none\.yaml was not found .*install it again'):
        shipped('config/none.yaml')


def test_what_is_shipped_is_found_where_the_package_is_installed(tmp_path):
    """As pip and colcon install: code under lib/, the rest under share/ of the same prefix."""
    package = tmp_path / 'lib' / 'python3' / 'site-packages' / 'mm_robust_seg'
    package.mkdir(parents=True)
    (package / '__init__.py').touch()
    for module in (errors, signals):
        shutil.copy(module.__file__, package)
    shutil.copytree(Path(files.__file__).parent, package / 'files')
    demo = tmp_path / 'share' / 'mm_robust_seg' / 'config' / 'demo.yaml'
    demo.parent.mkdir(parents=True)
    demo.touch()
    told = subprocess.run(
        [
            sys.executable,
            '-c',
            'from mm_robust_seg import files; print(files.shipped("config/demo.yaml"))',
        ],
        env={**os.environ, 'PYTHONPATH': str(package.parent)},
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=True,
    )
    assert told.stdout.strip() == str(demo)
