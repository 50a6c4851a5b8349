# Copyright 2026 mm_robust_seg maintainers
# SPDX-License-Identifier: Apache-2.0

"""docs/file_formats.md: every example has the keys, and the kinds of values, of the real file.

Each is compared with a file that a command really wrote, or read by the reader it is made for, so
that a key cannot come or go without the page. A list, or an object whose keys are names, may end
with "...": it stands for more of the same.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import asdict, fields
import json
from pathlib import Path
import re
from typing import Any

from bag_making import write_bag
from interface import ROOT
from labelled_room import Commands, write_plan
from observed_run import record_run
import pytest
import yaml

from mm_robust_seg import cli
from mm_robust_seg.bundling.merging import read_merging
from mm_robust_seg.datasets.class_list import read_classes
from mm_robust_seg.datasets.description import Description, read_description
from mm_robust_seg.datasets.units import STATED
from mm_robust_seg.experiments.comparison import run_plan, write_tables
from mm_robust_seg.experiments.plan import BaseEntry, load_plan, PlanFile, RowEntry
from mm_robust_seg.experiments.trials import Request
from mm_robust_seg.report.run.report import write_report
from mm_robust_seg.schema import dotted, flatten
from mm_robust_seg.simulation.scenario import load_scenario, PhaseEntry, Scenario
from mm_robust_seg.simulation.world.conditions import Conditions
from mm_robust_seg.training.recipe import load_recipe, Recipe

PAGE = (ROOT / 'docs' / 'file_formats.md').read_text()
MORE = '...'
SCORES = re.compile(
    r'(.*_)?(miou|iou|pixel_accuracy|availability|labeled|emm_avg|emm_e|rate_beyond|recovery'
    r'|mean_loss|counter_intuitive_rate|largest_share|drop|scores)'
    r'(_interval|_min)?|complete|value|interval|spread|mean'
)


def examples() -> dict[str, Any]:
    """Return the example below each heading."""
    sections = PAGE.split('\n### ')[1:]
    blocks = {s.partition('\n')[0]: re.findall(r'```(?:json|yaml)\n(.*?)```', s, re.DOTALL)
              for s in sections}  # fmt: skip
    found = {name: yaml.safe_load(block) for name, [block] in blocks.items()}
    found['summary.json of replay'] |= {
        key: value
        for key, value in found['summary.json of demo'].items()
        if not key.startswith('rig_')
    }
    return found


def differences(example: Any, real: Any, where: str = '') -> Iterator[str]:
    """Yield how the structure of a real file differs from that of its example."""
    if isinstance(example, dict) and isinstance(real, dict) and MORE not in example:
        for key in sorted({*example} ^ {*real}):
            yield f'{where}.{key} is only in the {"example" if key in example else "file"}'
        for key in {*example} & {*real}:
            yield from differences(example[key], real[key], f'{where}.{key}')
    elif isinstance(example, (dict, list)) and type(example) is type(real):
        shown, found = _values(example), _values(real)
        if bool(shown) != bool(found):
            yield f'{where} is {"not " * bool(found)}empty in the file'
        for value in found if shown else ():
            yield from min((list(differences(one, value, f'{where}[]')) for one in shown), key=len)
    elif None not in (example, real) and _kind(example) != _kind(real):
        yield f'{where} is {_kind(real)} in the file, {_kind(example)} in the example'


def _values(items: dict[str, Any] | list[Any]) -> list[Any]:
    values = items.values() if isinstance(items, dict) else items
    return [value for value in values if value != MORE]


def _kind(value: Any) -> str:
    if value is None or isinstance(value, bool):
        return str(type(value).__name__)
    return 'number' if isinstance(value, (int, float)) else type(value).__name__


def scores(tree: Any, is_score: bool = False) -> Iterator[float]:
    """Yield every number below a key that names a score."""
    if isinstance(tree, Mapping):
        for key, value in tree.items():
            yield from scores(value, is_score or bool(SCORES.fullmatch(key)))
    elif isinstance(tree, list):
        for value in tree:
            yield from scores(value, is_score)
    elif is_score and _kind(tree) == 'number':
        yield tree


def read_json(path: Path) -> Any:
    return json.loads(path.read_text())


def demo_summary(folder: Path, _: Any) -> Any:
    write_report(record_run().record(), folder)
    return read_json(folder / 'summary.json')


SCENARIO = """
phases:
  - {name: all, duration_s: 0.4}
  - {name: depth cut off, duration_s: 9, faults: {depth: truncated}}
"""


def replay_summary(folder: Path, request: Any) -> Any:
    (folder / 'scenario.yaml').write_text(SCENARIO)
    bag = write_bag(folder / 'bag', count=30, with_truth=True)
    words = [str(bag), '--bundle', str(request.getfixturevalue('tiny_bundle'))]
    words += ['--backend', 'onnxruntime', '--scenario', str(folder / 'scenario.yaml')]
    words += ['--set', 'inputs.thermal.scale_k=0.5', '--drop', 'rgb@0.9:']
    words += ['--out', str(folder / 'out')]
    assert cli.main(['replay', *words]) == 0
    return read_json(folder / 'out/summary.json')


def evaluation(folder: Path, request: Any) -> Any:
    return read_json(request.getfixturevalue('evaluation') / 'evaluation.json')


def compare(folder: Path, request: Any) -> Any:
    plan, commands = load_plan(write_plan(folder)), Commands(request.getfixturevalue('evaluation'))
    run_plan(plan, Request(folder / 'out', Path('mm5')), ['unadapted', 'ssf'], commands)
    write_tables(plan, folder / 'out')
    return read_json(folder / 'out/compare.json')


def run(folder: Path, request: Any) -> Any:
    pytest.importorskip('torch', reason='needs PyTorch')
    return read_json(request.getfixturevalue('adapter_run') / 'run.json')


def manifest(folder: Path, request: Any) -> Any:
    pytest.importorskip('torch', reason='needs PyTorch')
    return read_json(request.getfixturevalue('exported') / 'manifest.json')


def importance(folder: Path, request: Any) -> Any:
    pytest.importorskip('torch', reason='needs PyTorch')
    words = [str(request.getfixturevalue('base_run')), '--dataset', 'folder', '--samples', '1']
    words += ['--data', str(request.getfixturevalue('scenes')), '--device', 'cpu']
    assert cli.main(['importance', *words, '--out', str(folder)]) == 0
    return read_json(folder / 'importance.json')


WRITTEN = {
    'summary.json of demo': demo_summary,
    'summary.json of replay': replay_summary,
    'evaluation.json': evaluation,
    'compare.json': compare,
    'run.json': run,
    'manifest.json': manifest,
    'importance.json': importance,
}


@pytest.mark.parametrize('name', WRITTEN)
def test_the_example_of_a_file_is_as_the_real_one(name, tmp_path, request):
    real, example = WRITTEN[name](tmp_path, request), examples()[name]
    assert list(differences(example, real)) == []
    found = [*scores(real), *scores(example)]
    assert all(-1 <= score <= 1 for score in found)
    assert found or name == 'run.json'


def keys(cls: type) -> set[str]:
    return {item.name for item in fields(cls)}


def test_the_example_of_a_scenario_is_read_and_has_every_key(tmp_path):
    example = examples()['scenario.yaml']
    (tmp_path / 'scenario.yaml').write_text(yaml.safe_dump(example))
    scenario = load_scenario(tmp_path / 'scenario.yaml')
    assert example.keys() == keys(Scenario)
    assert example['conditions'].keys() == keys(Conditions)
    assert {key for phase in example['phases'] for key in phase} == keys(PhaseEntry)
    assert scenario.moves_clock


def test_the_example_of_a_recipe_has_all_the_defaults(tmp_path):
    example = examples()['recipe.yaml']
    (tmp_path / 'recipe.yaml').write_text(yaml.safe_dump(example))
    assert load_recipe(tmp_path / 'recipe.yaml') == Recipe()
    assert set(dotted(example)) == {name for name, _, _ in flatten(Recipe())}


def test_the_example_of_a_plan_is_read_and_has_every_key(tmp_path):
    example = examples()['compare.yaml']
    (tmp_path / 'plan.yaml').write_text(yaml.safe_dump(example, sort_keys=False))
    (tmp_path / example['recipe']).write_text('data: {kind: mm5}')
    plan = load_plan(tmp_path / 'plan.yaml')
    assert [row.name for row in plan.rows] == list(example['rows'])
    assert example.keys() == keys(PlanFile)
    assert example['base'].keys() == keys(BaseEntry)
    assert {key for row in example['rows'].values() for key in row} == keys(RowEntry)


def test_the_example_of_a_description_is_read_and_has_every_key(tmp_path):
    example = examples()['dataset.json']
    (tmp_path / 'dataset.json').write_text(json.dumps(example))
    found = read_description(tmp_path)
    assert example.keys() == {*keys(Description), *STATED}
    assert {'name': found.name, 'licence': found.licence, **found.units} == example


def test_the_examples_of_classes_and_of_their_merging_are_read(tmp_path):
    for name in ('classes.json', 'merging.json'):
        (tmp_path / name).write_text(json.dumps(examples()[name]))
    classes = read_classes(tmp_path / 'classes.json', '')
    assert [asdict(item) | {'color': [*item.color]} for item in classes] == examples()[
        'classes.json'
    ]
    merged = read_merging(tmp_path / 'merging.json', 3)
    assert examples()['merging.json'] == {
        'description': merged.description,
        'classes': merged.classes,
        'merged': merged.places,
    }


def test_every_section_is_compared_with_something():
    read = {'scenario', 'recipe', 'compare'}, {'dataset', 'classes', 'merging'}
    names = {f'{name}.yaml' for name in read[0]} | {f'{name}.json' for name in read[1]}
    assert set(examples()) == {*WRITTEN, *names}


@pytest.mark.parametrize(
    ('example', 'real', 'said'),
    [
        ({'a': 1}, {'a': 1, 'b': 2}, ['.b is only in the file']),
        ({'a': 1, 'b': 2}, {'a': 1}, ['.b is only in the example']),
        ({'a_ms': 1}, {'a_s': 1}, ['.a_ms is only in the example', '.a_s is only in the file']),
        ({'a': 'x'}, {'a': 1}, ['.a is number in the file, str in the example']),
        ({'a': 1}, {'a': [1]}, ['.a is list in the file, number in the example']),
        ({'a': {'x': 1, '...': '...'}}, {'a': {'y': 1, 'z': True}},
         ['.a[] is bool in the file, number in the example']),
        ([{'a': 1}, {'b': 1}, '...'], [{'b': 2}, {'a': 2, 'c': 1}], ['[].c is only in the file']),
        ([1], [], [' is empty in the file']),
        ({'a': None, 'b': 1}, {'a': 1, 'b': None}, []),
    ],
)  # fmt: skip
def test_a_difference_is_found(example, real, said):
    assert list(differences(example, real)) == said
