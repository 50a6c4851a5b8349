# Copyright 2026 mm_robust_seg maintainers
# SPDX-License-Identifier: Apache-2.0

"""The one reader of YAML and JSON files.

Whatever the file is, it ends in plain data or in one sentence: its size, and with anchors what it
would grow to, is bounded, a key may come only once, and nothing but a plain file is opened.
"""

from __future__ import annotations

from collections.abc import Callable
import json
import math
from pathlib import Path
import stat
from typing import Any, NoReturn, TypeVar

import yaml

from mm_robust_seg.errors import ConfigError
from mm_robust_seg.schema.parameters import naming, shown
from mm_robust_seg.schema.tree import from_tree

T = TypeVar('T')

_MOST_BYTES = 1 << 20
_MOST_VALUES = 20_000
_MOST_DIGITS = 40
_DEEP = 'it is nested too deeply'
_NUMBERS = ('tag:yaml.org,2002:int', 'tag:yaml.org,2002:float')


def load(cls: type[T], path: Path, what: str) -> T:
    """Return the dataclass ``cls`` that a file describes; see :func:`tree.from_tree`.

    Args:
        what: what the file is expected to be, such as ``a scenario``.

    Raises:
        ConfigError: naming the file, and the entry that is missing, unknown or makes no sense.
    """
    tree = read_yaml(path, what)
    with naming(path):
        return from_tree(cls, tree)


def read_yaml(path: Path, what: str) -> Any:
    """Return the content of a YAML file, or of a JSON file by its suffix, as plain data.

    Raises:
        ConfigError: if it cannot be read, is damaged, or too large.
    """
    return _read(path, what, _MOST_BYTES, parsed_json if path.suffix == '.json' else _yaml)


def read_json(path: Path, what: str, most_bytes: int = _MOST_BYTES) -> Any:
    """Return the content of a JSON file as plain data.

    Raises:
        ConfigError: if it cannot be read, is damaged, or larger than ``most_bytes``.
    """
    return _read(path, what, most_bytes, parsed_json)


def parsed_json(text: str) -> Any:
    """Return what a JSON text says; bounded as a file is, but for its size.

    Raises:
        ValueError: if it is damaged, nested too deeply, or has endless or infinite numbers.
    """

    def whole(digits: str) -> int:
        return int(digits) if len(digits) <= _MOST_DIGITS else _refuse_number(digits)

    def real(digits: str) -> float:
        value = float(digits) if len(digits) <= _MOST_DIGITS else _refuse_number(digits)
        return value if math.isfinite(value) else _refuse_constant(digits)

    try:
        return json.loads(
            text,
            object_pairs_hook=_once,
            parse_int=whole,
            parse_float=real,
            parse_constant=_refuse_constant,
        )
    except RecursionError:
        raise ValueError(_DEEP) from None


def read_text(path: Path, most_bytes: int = _MOST_BYTES) -> str:
    """Return a plain file of UTF-8, which no pipe, device or endless file is.

    Raises:
        OSError, ValueError: if it is no such file, or larger than ``most_bytes``.
    """
    status = path.stat()
    if not stat.S_ISREG(status.st_mode):
        raise ValueError('it is no plain file')
    if status.st_size > most_bytes:
        raise ValueError(f'it has {status.st_size} bytes, more than {most_bytes}')
    return path.read_text(encoding='utf-8')


def _read(path: Path, what: str, most_bytes: int, parse: Callable[[str], Any]) -> Any:
    try:
        return parse(read_text(path, most_bytes))
    except (OSError, ValueError, yaml.YAMLError) as error:
        raise ConfigError(f'{path} cannot be read as {what}: {_reason(error)}') from error
    except RecursionError:
        raise ConfigError(f'{path} cannot be read as {what}: {_DEEP}') from None


def _once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    values = dict(pairs)
    if len(values) < len(pairs):
        keys = [key for key, _ in pairs]
        raise ValueError(f'{shown(max(keys, key=keys.count))} comes twice')
    return values


def _yaml(text: str) -> Any:
    loader = yaml.SafeLoader(text)
    try:
        root = loader.get_single_node()
        if root is None:
            return None
        _check(root)
        return loader.construct_document(root)
    finally:
        loader.dispose()


def _check(root: yaml.Node) -> None:
    """Refuse double keys, endless numbers, and trees that anchors make too large."""
    pending, count = [root], 0
    while pending:
        node = pending.pop()
        count += 1
        if count > _MOST_VALUES:
            raise ValueError(f'it holds more than {_MOST_VALUES} values, anchors written out')
        if isinstance(node, yaml.MappingNode):
            pending += [part for pair in node.value for part in pair]
            _check_keys([key for key, _ in node.value if isinstance(key, yaml.ScalarNode)])
        elif isinstance(node, yaml.SequenceNode):
            pending += node.value
        elif node.tag in _NUMBERS and len(node.value) > _MOST_DIGITS:
            _refuse_number(node.value)


def _check_keys(keys: list[yaml.ScalarNode]) -> None:
    seen: set[str] = set()
    for key in keys:
        if key.value in seen:
            raise ValueError(f'{shown(key.value)} comes twice, in line {key.start_mark.line + 1}')
        seen.add(key.value)


def _refuse_number(digits: str) -> NoReturn:
    raise ValueError(f'it holds a number of {len(digits)} digits')


def _refuse_constant(name: str) -> NoReturn:
    raise ValueError(f'it holds {name}, which is no JSON number')


def _reason(error: Exception) -> str:
    """Say in one line what is wrong."""
    if isinstance(error, yaml.MarkedYAMLError) and error.problem_mark is not None:
        return f'{error.problem} in line {error.problem_mark.line + 1}'
    return (isinstance(error, OSError) and error.strerror) or ' '.join(str(error).split())
