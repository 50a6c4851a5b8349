# Copyright 2026 mm_robust_seg maintainers
# SPDX-License-Identifier: Apache-2.0

"""What a comparison is made of: the schema of ``config/compare_*.yaml``."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
import hashlib
import json
from pathlib import Path
from typing import Any

from mm_robust_seg.errors import ConfigError
from mm_robust_seg.schema import load, naming, parameter, read_yaml, required
from mm_robust_seg.training.recipe import load_recipe

UNADAPTED, DEDICATED, PLAIN = 'unadapted', 'dedicated', 'ssf'
"""Rows that others are measured against: recovery by the first two, gain over the third."""

_COUNTED = 'data.val_count'


@dataclass(frozen=True)
class Row:
    """One method of the table.

    Attributes:
        command: ``train`` or ``adapt``.
        starts_from_base: whether a ``train`` row starts from the base's weights; ``adapt`` always
            freezes the base.
        importance: whether an ``adapt`` row places its adapters by the importance of the layers,
            measured on the base and the training split.
        settings: parameters of the recipe that the row changes, ``name=value``.
        seeds: one training each.
    """

    name: str
    command: str
    method: str
    starts_from_base: bool
    settings: tuple[str, ...]
    seeds: tuple[int, ...]
    importance: bool = False


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


@dataclass(frozen=True)
class RowEntry:
    """A row as the file has it."""

    command: str = required('What trains it.', choices=('train', 'adapt'))
    method: str = required('One that the command knows.')
    init: str | None = parameter(None, 'What a training starts from.', choices=('base',))
    importance: bool = parameter(False, 'Place adapters by the importance of the layers.')
    set: Mapping[str, Any] = parameter({}, 'Parameters of the recipe, by dotted name.')
    seeds: tuple[int, ...] | None = parameter(None, 'One training each.', 0)


@dataclass(frozen=True)
class BaseEntry:
    """The base as the file has it."""

    run: str | None = parameter(None, 'Run or bundle to build on.')
    set: Mapping[str, Any] = parameter({}, 'Parameters of the recipe, by dotted name.')


@dataclass(frozen=True)
class PlanFile:
    """The whole file."""

    recipe: str = required('Path of the recipe of all trainings.')
    rows: Mapping[str, RowEntry] = required('Such as {ssf: {command: adapt, method: ssf}}.')
    base: BaseEntry = field(default_factory=BaseEntry)
    seeds: tuple[int, ...] = parameter((0,), 'One training each.', 0)
    set: Mapping[str, Any] = parameter({}, 'Parameters of the recipe, by dotted name.')
    noise: bool = parameter(False, 'Also measure damaged inputs (RMM and NM) of every row.')


def load_plan(path: Path) -> Plan:
    """Read a comparison from YAML; paths in it are relative to its folder.

    Raises:
        ConfigError: naming the file and the key that is missing, unknown or wrong.
    """
    plan = load(PlanFile, path, 'a comparison')
    recipe = path.parent / plan.recipe
    data = load_recipe(recipe).data
    content = json.dumps(read_yaml(recipe, 'a training recipe'), sort_keys=True)
    with naming(path):
        common = _settings('set', plan.set)
        return Plan(
            name=path.stem,
            recipe=recipe,
            digest=hashlib.sha256(content.encode()).hexdigest()[:16],
            dataset=data.kind,
            folder=recipe.parent / data.folder if data.folder else None,
            val_count=data.val_count if data.kind == 'sim' else None,
            base=_base(path, plan.base.run),
            base_settings=common + _settings('base.set', plan.base.set),
            noise=plan.noise,
            rows=_rows(plan, common),
        )


def _rows(plan: PlanFile, common: tuple[str, ...]) -> tuple[Row, ...]:
    if not plan.rows:
        raise ConfigError('rows is empty: expected something like {ssf: {command: adapt, ...}}')
    return tuple(_row(name, entry, common, plan.seeds) for name, entry in plan.rows.items())


def _row(name: str, entry: RowEntry, common: tuple[str, ...], seeds: tuple[int, ...]) -> Row:
    where = f'rows.{name}'
    if not name.replace('_', '').replace('-', '').isalnum():
        raise ConfigError(f'{where} is no name for a folder: use letters, digits, _ and -')
    if entry.init and entry.command == 'adapt':
        raise ConfigError(
            f'{where}.init is {entry.init!r}: expected it in a row of command train alone'
        )
    if entry.importance and entry.command == 'train':
        raise ConfigError(
            f'{where}.importance is true: expected it in a row of command adapt alone'
        )
    seeds = seeds if entry.seeds is None else entry.seeds
    if not seeds:
        raise ConfigError(f'{where} has no seeds: expected whole numbers, such as [0, 1, 2]')
    return Row(
        name,
        entry.command,
        entry.method,
        entry.command == 'adapt' or entry.init == 'base',
        common + _settings(f'{where}.set', entry.set),
        tuple(dict.fromkeys(seeds)),
        entry.importance,
    )


def _settings(name: str, values: Mapping[str, Any]) -> tuple[str, ...]:
    if _COUNTED in values:
        raise ConfigError(f'{name} sets {_COUNTED}: set it in the recipe, for all rows')
    return tuple(f'{key}={_text(value)}' for key, value in values.items())


def _text(value: Any) -> str:
    if isinstance(value, bool):
        return str(value).lower()
    return ','.join(map(str, value)) if isinstance(value, list) else str(value)


def _base(path: Path, run: str | None) -> str | None:
    beside = path.parent / run if run else None
    return str(beside) if beside and beside.is_dir() else run or None
