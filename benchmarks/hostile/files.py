# Copyright 2026 mm_robust_seg maintainers
# SPDX-License-Identifier: Apache-2.0

"""What stands where a file is expected, and texts that a parser should not believe."""

from __future__ import annotations

from collections.abc import Callable, Mapping
import os
from pathlib import Path
from random import Random
import re

_NUMBER = re.compile(r': (-?\d+(?:\.\d+)?)\b')


def odd_file(path: Path, random: Random) -> None:
    """Put something in the place of a file that is none, is another, or has no end."""
    path.unlink(missing_ok=True)
    kind = random.choice(['fifo', 'loop', 'folder', 'dangling', 'zero', 'none', 'empty', 'huge'])
    if kind == 'fifo':
        os.mkfifo(path)
    elif kind == 'loop':
        path.symlink_to(path.name)
    elif kind == 'folder':
        path.mkdir()
    elif kind == 'dangling':
        path.symlink_to('nothing')
    elif kind == 'zero':
        path.symlink_to('/dev/zero')
    elif kind != 'none':
        path.touch()
        os.truncate(path, 5 << 30 if kind == 'huge' else 0)


def damaged_json(text: str, random: Random) -> bytes:
    """Return what no reader of JSON should take, or take for ever."""
    kinds: Mapping[str, Callable[[], str]] = {
        'cut': lambda: text[: random.randrange(1, int(0.9 * len(text)))],
        'deep': lambda: _put(text, '[' * 200_000 + ']' * 200_000, random),
        'deep mapping': lambda: _put(text, '{"a":' * 100_000 + '1' + '}' * 100_000, random),
        'digits': lambda: _put(text, '9' * random.choice([400, 5000, 500_000]), random),
        'exponent': lambda: _put(
            text, random.choice(['1e999', '-1e400', '1' * 50 + '.5']), random
        ),
        'constant': lambda: _put(text, random.choice(['NaN', 'Infinity', '-Infinity']), random),
        'twice': lambda: text.replace('{', '{"name": "a", "name": "b", ', 1),
        'scalar': lambda: random.choice(['7', '"x"', '[]', 'null', 'true', '[[1, 2], [3]]']),
        'comma': lambda: text.replace(',', ',,', 1),
        'long': lambda: text + ' ' * (2 << 20),
        'text': lambda: _put(text, '"' + 'x' * (2 << 20) + '"', random),
        'nothing': lambda: '',
    }
    kind = random.choice([*kinds, 'bytes', 'binary'])
    if kind == 'bytes':
        at = random.randrange(len(text))
        return text[:at].encode() + bytes([random.choice([0, 0xFF, 0xC0])]) + text[at:].encode()
    return random.randbytes(4000) if kind == 'binary' else kinds[kind]().encode()


def _put(text: str, value: str, random: Random) -> str:
    """Replace a number of the text."""
    place = random.choice(list(_NUMBER.finditer(text)))
    return f'{text[: place.start(1)]}{value}{text[place.end(1) :]}'


def damaged_yaml(text: str, random: Random) -> bytes:
    """Return a text that is no YAML, is endless once read, or says nothing of what it should."""
    bomb = ['a0: &a0 [x]', *(f'a{n}: &a{n} [{f"*a{n - 1}, " * 10}]' for n in range(1, 10))]
    kinds: Mapping[str, Callable[[], str]] = {
        'anchors': lambda: '\n'.join([*bomb, 'seed: *a9', text]),
        'circle': lambda: f'seed: &a [*a]\n{text}',
        'merge': lambda: f'seed: &a {{<<: *a}}\n{text}',
        'deep': lambda: f'seed: {"[" * 5000}{"]" * 5000}\n{text}',
        'deep mapping': lambda: 'seed: ' + '{a: ' * 5000 + '}' * 5000 + f'\n{text}',
        'date': lambda: _put(text, random.choice(['2023-13-45', '2023-02-30']), random),
        'digits': lambda: _put(text, '9' * random.choice([41, 400, 100_000]), random),
        'infinite': lambda: _put(text, random.choice(['.inf', '-.inf', '.nan', '1e999']), random),
        'twice': lambda: f'{text}\nseed: 1\nseed: 2\n',
        'tag': lambda: f'seed: !!python/object/apply:os.system ["touch x"]\n{text}',
        'tag of binary': lambda: f'seed: !!binary "{"A" * 100}="\n{text}',
        'tab': lambda: text.replace('  ', '\t', 1) + '\n\t- x',
        'quote': lambda: f'{text}\nname: "no end',
        'type': lambda: _put(text, random.choice(['[1, 2]', '{a: 1}', 'text', 'true']), random),
        'range': lambda: _put(text, random.choice(['-1e30', '99999999999', '1e300']), random),
        'unknown': lambda: f'{text}\n{"x" * random.choice([5, 5000])}: 1\n',
        'scalar': lambda: random.choice(['7', 'x', '[]', 'null', '', '- a\n- b', '!!null x']),
        'documents': lambda: f'{text}\n---\n{text}',
        'long': lambda: f'{text}\n# {"x" * (2 << 20)}',
        'many': lambda: f'{text}\nmore: [{"1, " * 30_000}]',
        'escape': lambda: f'{text}\n"\\e[2J\\0": 1\n',
    }
    kind = random.choice([*kinds, 'bytes', 'binary'])
    if kind == 'bytes':
        at = random.randrange(len(text))
        return text[:at].encode() + bytes([random.choice([0, 0xFF, 0xC0])]) + text[at:].encode()
    return random.randbytes(4000) if kind == 'binary' else kinds[kind]().encode()


def write_yaml(good: Path, path: Path, random: Random) -> None:
    """Write a bad copy of a good YAML file."""
    if random.random() < 0.15:
        odd_file(path, random)
    else:
        path.write_bytes(damaged_yaml(good.read_text(), random))
