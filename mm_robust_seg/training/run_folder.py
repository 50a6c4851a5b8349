# Copyright 2026 mm_robust_seg maintainers
# SPDX-License-Identifier: Apache-2.0

"""The folder of a run: what was asked for, how far it is, and that no two runs mix."""

from __future__ import annotations

from collections.abc import Mapping
import json
from pathlib import Path
from typing import Any

from mm_robust_seg.bundle import MANIFEST
from mm_robust_seg.errors import ConfigError, TrainingError
from mm_robust_seg.files import write_json
from mm_robust_seg.schema import read_json, shown, with_values
from mm_robust_seg.training.recipe import Recipe

RUN = 'run.json'
RUN_SCHEMA = 1
_IDENTITY = ('command', 'method', 'classes', 'modalities', 'start', 'blocks')


def open_run(folder: Path, facts: Mapping[str, Any], resume: bool) -> None:
    """Begin a run in ``folder``, or go on with the same one in it.

    Args:
        facts: what decides the result; see :func:`recipe_of` for the recipe in it.

    Raises:
        TrainingError: if the folder holds another run, or this one and ``resume`` is not set; or
            a bundle.
    """
    if (folder / RUN).is_file():
        if not resume:
            raise TrainingError(f'{folder} holds a run already: give --resume or another folder')
        before = read_run(folder)
        if recipe_of(before) != recipe_of(facts):
            raise TrainingError(
                f'{folder} was started with another recipe ({_difference(before, facts)}): give '
                'another folder'
            )
        for key in _IDENTITY:
            if before.get(key) != json.loads(json.dumps(facts.get(key))):
                raise TrainingError(
                    f'{folder} was started with another {key}: {shown(before.get(key))}, '
                    f'now {shown(facts.get(key))}; give another folder'
                )
    elif (folder / MANIFEST).is_file():
        raise TrainingError(f'{folder} holds a bundle, which stays: give another folder')
    folder.mkdir(parents=True, exist_ok=True)
    write_run(folder, facts)


def write_run(folder: Path, facts: Mapping[str, Any]) -> None:
    """Write ``run.json``.

    Raises:
        TrainingError: if the disk is full or read-only.
    """
    try:
        write_json(folder / RUN, {'schema': RUN_SCHEMA, **facts})
    except OSError as error:
        raise TrainingError(
            f'{folder / RUN} cannot be written: {error}; free some space'
        ) from error


def read_run(folder: Path) -> dict[str, Any]:
    """Read ``run.json``.

    Raises:
        TrainingError: if ``folder`` is no run, or one of another version.
    """
    try:
        facts = read_json(folder / RUN, 'the file of a run')
    except ConfigError as error:
        raise TrainingError(f'{error}; expected a folder that train or adapt made') from error
    schema = facts.get('schema') if isinstance(facts, dict) else None
    if schema != RUN_SCHEMA:
        raise TrainingError(
            f'{folder / RUN} has schema {shown(schema)}; this version reads {RUN_SCHEMA}: train '
            'again'
        )
    return dict(facts)


def recipe_of(facts: Mapping[str, Any]) -> Recipe:
    """Rebuild a run's recipe, without the paths of the machine it was trained on."""
    return with_values(Recipe(), facts['recipe'])


def _difference(before: Mapping[str, Any], now: Mapping[str, Any]) -> str:
    old, new = before['recipe'], now['recipe']
    names = [name for name in new if old.get(name, new[name]) != new[name]]
    return ', '.join(f'{name} was {old[name]}, is {new[name]}' for name in names)
