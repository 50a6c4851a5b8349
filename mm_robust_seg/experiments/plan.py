"""What a comparison is made of: the schema of ``config/compare_*.yaml``."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
import hashlib
import json
from pathlib import Path
from typing import Any

import yaml

from mm_robust_seg.errors import ConfigError

UNADAPTED, DEDICATED, PLAIN = 'unadapted', 'dedicated', 'ssf'
"""Rows that others are measured against: recovery by the first two, gain over the third."""

_COMMANDS = ('train', 'adapt')
_PLAN_KEYS = {'recipe', 'base', 'seeds', 'set', 'noise', 'rows'}
_ROW_KEYS = {'command', 'method', 'init', 'set', 'seeds'}
_BASE_KEYS = {'run', 'set'}
_COUNTED = 'data.val_count'


@dataclass(frozen=True)
class Row:
    """One method of the table.

    Attributes:
        command: ``train`` or ``adapt``.
        starts_from_base: whether a ``train`` row starts from the base's weights; ``adapt`` always
            freezes the base.
        settings: parameters of the recipe that the row changes, ``name=value``.
        seeds: one training each.
    """

    name: str
    command: str
    method: str
    starts_from_base: bool
    settings: tuple[str, ...]
    seeds: tuple[int, ...]


@dataclass(frozen=True)
class Plan:
    """One comparison.

    Attributes:
        name: of the file, without suffix.
        recipe: recipe of all trainings.
        digest: of what the recipe says.
        dataset: kind of data set, as the recipe says.
        folder: of the data set, where the recipe says it.
        val_count: samples to measure on, of the simulated world alone.
        base: run or bundle to build on; None: the base is trained first.
        base_settings: of the training of the base.
        noise: also measure damaged inputs (RMM and NM) of every row.
    """

    name: str
    recipe: Path
    digest: str
    dataset: str
    folder: Path | None
    val_count: int | None
    base: str | None
    base_settings: tuple[str, ...]
    noise: bool
    rows: tuple[Row, ...]


def load_plan(path: Path) -> Plan:
    """Read a comparison from YAML; paths in it are relative to its folder.

    Raises:
        ConfigError: naming the file and the key that is missing, unknown or wrong.
    """
    tree = _mapping(path, 'the file', _read(path), _PLAN_KEYS)
    recipe = path.parent / _text(path, 'recipe', tree.get('recipe'))
    content = _read(recipe)
    data = content.get('data') or {}
    base = _mapping(path, 'base', tree.get('base') or {}, _BASE_KEYS)
    common, seeds = _settings(path, 'set', tree.get('set')), _seeds(path, tree.get('seeds', [0]))
    rows = tree.get('rows')
    if not isinstance(rows, dict) or not rows:
        raise ConfigError(f'{path} has no rows: expected rows: {{ssf: {{command: adapt, ...}}}}')
    kind = str(data.get('kind', 'sim'))
    return Plan(
        name=path.stem,
        recipe=recipe,
        digest=hashlib.sha256(json.dumps(content, sort_keys=True).encode()).hexdigest()[:16],
        dataset=kind,
        folder=recipe.parent / data['folder'] if data.get('folder') else None,
        val_count=int(data.get('val_count', 60)) if kind == 'sim' else None,
        base=_base(path, base.get('run')),
        base_settings=common + _settings(path, 'base.set', base.get('set')),
        noise=tree.get('noise') is True,
        rows=tuple(_row(path, str(name), row, common, seeds) for name, row in rows.items()),
    )


def _row(path: Path, name: str, tree: Any, common: tuple[str, ...], seeds: tuple[int, ...]) -> Row:
    where = f'rows.{name}'
    if not name.replace('_', '').replace('-', '').isalnum():
        raise ConfigError(f'{path}: {where} is no name for a folder: use letters, digits, _ and -')
    fields = _mapping(path, where, tree, _ROW_KEYS)
    command, init = fields.get('command'), fields.get('init')
    if command not in _COMMANDS:
        raise ConfigError(f'{path}: {where}.command is {command!r}: expected train or adapt')
    if init not in (None, 'base') or (init and command == 'adapt'):
        raise ConfigError(
            f'{path}: {where}.init is {init!r}: expected "base" in a row of command train, or '
            'nothing'
        )
    return Row(
        name,
        str(command),
        _text(path, f'{where}.method', fields.get('method')),
        command == 'adapt' or init == 'base',
        common + _settings(path, f'{where}.set', fields.get('set')),
        _seeds(path, fields['seeds']) if 'seeds' in fields else seeds,
    )


def _read(path: Path) -> Any:
    try:
        tree = yaml.safe_load(path.read_text(encoding='utf-8'))
    except (OSError, UnicodeDecodeError, yaml.YAMLError) as error:
        raise ConfigError(f'{path} cannot be read: {error}') from error
    if not isinstance(tree, dict):
        raise ConfigError(f'{path} holds {type(tree).__name__}: expected a mapping')
    return tree


def _mapping(path: Path, where: str, tree: Any, known: set[str]) -> Mapping[str, Any]:
    if not isinstance(tree, dict):
        raise ConfigError(f'{path}: {where} is {tree!r}: expected a mapping')
    wrong = [str(key) for key in tree if key not in known]
    if wrong:
        raise ConfigError(
            f'{path}: {where} has {", ".join(wrong)}: expected {", ".join(sorted(known))}'
        )
    return tree


def _text(path: Path, where: str, value: Any) -> str:
    if not isinstance(value, str) or not value:
        raise ConfigError(f'{path}: {where} is {value!r}: expected a text')
    return value


def _seeds(path: Path, value: Any) -> tuple[int, ...]:
    if not isinstance(value, list) or not value or any(type(seed) is not int for seed in value):
        raise ConfigError(f'{path}: seeds is {value!r}: expected whole numbers, such as [0, 1, 2]')
    return tuple(dict.fromkeys(value))


def _settings(path: Path, where: str, tree: Any) -> tuple[str, ...]:
    if not isinstance(tree, (dict, type(None))):
        raise ConfigError(f'{path}: {where} is {tree!r}: expected {{adapters.epochs: 6}} or so')
    if _COUNTED in (tree or {}):
        raise ConfigError(f'{path}: {where} sets {_COUNTED}: set it in the recipe, for all rows')
    return tuple(f'{name}={_value(value)}' for name, value in (tree or {}).items())


def _value(value: Any) -> str:
    if isinstance(value, bool):
        return str(value).lower()
    return ','.join(map(str, value)) if isinstance(value, list) else str(value)


def _base(path: Path, value: Any) -> str | None:
    if value is None:
        return None
    text = _text(path, 'base.run', value)
    beside = path.parent / text
    return str(beside) if beside.is_dir() else text
