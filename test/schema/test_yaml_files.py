# Copyright 2026 mm_robust_seg maintainers
# SPDX-License-Identifier: Apache-2.0

"""Every file that people write is read by one reader: plain data, or one sentence."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from itertools import pairwise
import os
from pathlib import Path
import time
from typing import Any

import pytest

from mm_robust_seg.datasets.description import read_description
from mm_robust_seg.errors import ConfigError, RobustSegError
from mm_robust_seg.experiments.plan import load_plan
from mm_robust_seg.modality import Modality
from mm_robust_seg.schema import load, parameter, read_yaml, required
from mm_robust_seg.simulation.scenario import load_scenario
from mm_robust_seg.training.recipe import load_recipe

TEN = ', '.join(['*{}'] * 10)
LEVELS = '\n'.join(f'{b}: &{b} [{TEN.replace("{}", a)}]' for a, b in pairwise('abcdefghi'))
MERGED = '\n'.join(f'{b}: &{b} {{<<: [{TEN.replace("{}", a)}]}}' for a, b in pairwise('abcdefghi'))
HOSTILE = {
    'nine levels of ten anchors': (f'a: &a [{"x, " * 10}]\n{LEVELS}\n', 'anchors written out'),
    'merged anchors': (f'a: &a {{x: 1}}\n{MERGED}\n', 'anchors written out'),
    'an anchor in itself': ('a: &a [*a]', 'anchors written out'),
    'a number of 400 digits': (f'seed: {"1" * 400}', 'a number of 400 digits'),
    'a number of 5000 digits': (f'seed: {"1" * 5000}', 'a number of 5000 digits'),
    'a hexadecimal number of 9000 digits': (f'seed: 0x{"f" * 9000}', 'digits'),
    'a fraction of 400 digits': (f'seed: {"1" * 400}.5', 'a number of 402 digits'),
    '5000 nested lists': ('[' * 5000 + ']' * 5000, 'nested too deeply'),
    '5000 lists that do not end': ('[' * 5000, 'nested too deeply'),
    'a date that there is not': ('seed: 2023-13-45', 'month must be in 1..12'),
    'a key that comes twice': ('seed: 1\nname: x\nseed: 2', "'seed' comes twice, in line 3"),
    'a key that is a list': ('{[1]: 2}', 'unhashable key in line 1'),
    'a Python object': ('!!python/object/apply:os.system [ls]', 'could not determine a'),
    'half a list': ('a: [', 'expected the node content, but found .* in line 1'),
    'control characters': ('a: \x07', 'special characters are not allowed'),
    'two documents': ('a: 1\n---\nb: 2\n', 'but found another document in line 2'),
    'megabytes': ('# \n' * 500_000, 'it has 1500000 bytes, more than 1048576'),
}
HOSTILE_JSON = {
    'a number of 400 digits': ('{"name": ' + '1' * 400 + '}', 'a number of 400 digits'),
    '100000 nested lists': ('[' * 100_000 + ']' * 100_000, 'nested too deeply'),
    'a key that comes twice': ('{"name": "a", "name": "b"}', "'name' comes twice"),
    'half an object': ('{', 'line 1 column 2'),
}


def one_sentence(path: Path, message: str) -> bool:
    return message.startswith(str(path)) and '\n' not in message and len(message) < 500


@pytest.mark.parametrize('what', HOSTILE)
def test_a_hostile_file_gives_one_sentence_at_once(tmp_path, what):
    text, said = HOSTILE[what]
    path = tmp_path / 'file.yaml'
    path.write_text(text)
    start_s = time.process_time()
    with pytest.raises(ConfigError, match=f'cannot be read as a scenario: .*{said}') as caught:
        read_yaml(path, 'a scenario')
    assert one_sentence(path, str(caught.value))
    assert time.process_time() - start_s < 3.0


@pytest.mark.parametrize('what', HOSTILE_JSON)
def test_a_hostile_json_file_does_as_well(tmp_path, what):
    text, said = HOSTILE_JSON[what]
    path = tmp_path / 'file.json'
    path.write_text(text)
    with pytest.raises(ConfigError, match=f'cannot be read as a scenario: .*{said}') as caught:
        read_yaml(path, 'a scenario')
    assert one_sentence(path, str(caught.value))


def no_file(_path: Path) -> None:
    pass


def a_link_to_itself(path: Path) -> None:
    path.symlink_to(path)


@pytest.mark.parametrize(
    ('make', 'said'),
    [
        (os.mkfifo, 'it is no plain file'),
        (Path.mkdir, 'it is no plain file'),
        (a_link_to_itself, 'Too many levels of symbolic links'),
        (no_file, 'No such file or directory'),
    ],
)
def test_what_is_no_plain_file_is_not_opened(tmp_path, make, said):
    path = tmp_path / 'file.yaml'
    make(path)
    with pytest.raises(ConfigError, match=said) as caught:
        read_yaml(path, 'a scenario')
    assert one_sentence(path, str(caught.value))


READERS = {
    'compare.yaml': load_plan,
    'scenario.yaml': load_scenario,
    'recipe.yaml': load_recipe,
    'dataset.yaml': lambda path: read_description(path.parent),
}


@pytest.mark.parametrize('name', READERS)
@pytest.mark.parametrize('what', ['nine levels of ten anchors', 'a date that there is not'])
def test_every_reader_is_this_one(tmp_path, name, what):
    path = tmp_path / name
    path.write_text(HOSTILE[what][0])
    with pytest.raises(RobustSegError, match=f'cannot be read as .*{HOSTILE[what][1]}') as caught:
        READERS[name](path)
    assert one_sentence(path, str(caught.value))


@pytest.mark.parametrize('name', READERS)
@pytest.mark.parametrize(
    ('text', 'said'),
    [
        (f'nothing: {"x" * 10_000}', "unknown parameter 'nothing'"),
        (f'{"x" * 1000}: 1', 'unknown parameter '),
        (f'rows: {{{"x" * 1000}: 1}}', 'rows'),
        (f'name: {{a: {"x" * 10_000}}}', 'name'),
        (f'- {"x" * 10_000}', 'expected a mapping'),
    ],
)
def test_every_reader_names_file_and_entry_and_quotes_little(tmp_path, name, text, said):
    path = tmp_path / name
    path.write_text(text)
    with pytest.raises(RobustSegError, match=said) as caught:
        READERS[name](path)
    assert one_sentence(path, str(caught.value))


# What a schema may declare


@dataclass(frozen=True)
class Wheel:
    radius_m: float = required('From the axle.', 0.1, 2.0)
    brand: str | None = None


@dataclass(frozen=True)
class Cart:
    wheels: tuple[Wheel, ...] = required('All of them.')
    rates_hz: Mapping[Modality, float] = parameter({}, 'Of sensors.', 1.0, 9.0)
    load: Wheel = field(default_factory=lambda: Wheel(1.0))
    notes: Mapping[str, Any] = parameter({}, 'Anything.')
    colour: str = parameter('red', 'Paint.', choices=('red', 'blue'))


def cart(tmp_path: Path, text: str) -> Cart:
    path = tmp_path / 'cart.yaml'
    path.write_text(text)
    return load(Cart, path, 'a cart')


def test_lists_mappings_and_nested_entries_become_what_the_types_say(tmp_path):
    text = (
        'wheels: [{radius_m: 1}, {radius_m: 0.5, brand: x}]\nrates_hz: {depth: 2}\n'
        'notes: {a: {b: [1]}, 7: x}\nload:\n  radius_m: 2.0\n'
    )
    wheels = (Wheel(1.0), Wheel(0.5, 'x'))
    notes = {'a': {'b': [1]}, '7': 'x'}
    assert cart(tmp_path, text) == Cart(wheels, {Modality.DEPTH: 2.0}, Wheel(2.0), notes, 'red')
    assert isinstance(cart(tmp_path, text).wheels[0].radius_m, float)


def test_anchors_serve(tmp_path):
    assert cart(tmp_path, 'wheels: [&w {radius_m: 1}, *w]').wheels == (Wheel(1.0), Wheel(1.0))


def test_an_empty_mapping_is_as_good_as_none(tmp_path):
    assert cart(tmp_path, 'wheels: []\nnotes:\nrates_hz:\n') == Cart(())


@pytest.mark.parametrize(
    ('text', 'said'),
    [
        ('', r'it is None: expected a mapping of wheels, rates_hz, load, notes, colour'),
        ('{}', r'wheels is missing: All of them\.'),
        ('wheels: {}', r'wheels is \{\}: expected a list'),
        ('wheels: [{radius_m: 1}, {}]', r'wheels\[1\]\.radius_m is missing: From the axle\.'),
        ('wheels: [{radius_m: 3}]', r'wheels\[0\]\.radius_m is 3: expected a value from 0\.1'),
        ('wheels: [7]', r'wheels\[0\] is 7: expected a mapping of radius_m, brand'),
        ('wheels: [{radius: 3}]', r'wheels\[0\]\.radius\'; did you mean wheels\[0\]\.radius_m\?'),
        ('wheels: []\nrates_hz: {lidar: 3}', r'rates_hz\.lidar\' \(known: rgb, thermal, depth\)'),
        ('wheels: []\nrates_hz: {rgb: 10}', r'rates_hz\.rgb is 10: expected a value from 1 to 9'),
        ('wheels: []\ncolour: green', "colour is 'green': expected one of red, blue"),
        ('wheels: []\ncolour: 3', 'colour is 3 of type int: expected str'),
        ('wheels: []\nload:', r'load\.radius_m is missing'),
        (f'wheels: [{{radius_m: {"9" * 20}}}]', r'wheels\[0\]\.radius_m is beyond 64 bits'),
    ],
)  # fmt: skip
def test_what_does_not_fit_is_named(tmp_path, text, said):
    with pytest.raises(ConfigError, match=rf'cart\.yaml: .*{said}'):
        cart(tmp_path, text)
