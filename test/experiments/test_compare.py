# Copyright 2026 mm_robust_seg maintainers
# SPDX-License-Identifier: Apache-2.0

"""mm-robust-seg compare: what it runs, what it repeats, and every figure of its table by hand."""

from __future__ import annotations

import io
import json
from pathlib import Path
import shutil
import subprocess
import sys

from labelled_room import Commands, PLAN, RECIPE, write_plan
import numpy as np
import pytest
from rich.console import Console

from mm_robust_seg import cli
from mm_robust_seg.errors import BundleError, ConfigError, DataError, TrainingError
from mm_robust_seg.experiments import trials as compare_run
from mm_robust_seg.experiments.comparison import run_plan, write_tables
from mm_robust_seg.experiments.plan import load_plan, Row
from mm_robust_seg.experiments.results import Outcome, Results
from mm_robust_seg.experiments.scores import compare
from mm_robust_seg.experiments.trials import last_words, Request, run_command
from mm_robust_seg.modality import ModalitySet
from mm_robust_seg.report.terminal import TerminalProgress
from mm_robust_seg.scores import bootstrap

ROOT = Path(__file__).parents[2]
DATA = Path('mm5')


@pytest.fixture
def config(tmp_path) -> Path:
    return write_plan(tmp_path)


def run_all(config: Path, commands: Commands, only=None, **options):
    plan, out = load_plan(config), config.parent / 'out'
    said = io.StringIO()
    choice = Request(out, DATA, threads=1, **options)
    with TerminalProgress(Console(file=said, width=300)) as progress:
        run_plan(plan, choice, only, commands, progress)
    return write_tables(plan, out), said.getvalue()


def test_every_row_is_trained_exported_and_evaluated(config, evaluation):
    commands = Commands(evaluation)
    comparison, said = run_all(config, commands, pretrained=Path('w.npz'))
    assert [words[0] for words in commands.calls] == [
        *['adapt', 'export', 'evaluate'] * 2, *['train', 'export', 'evaluate'] * 2,
    ]  # fmt: skip
    base, out = str(config.parent / 'base'), config.parent / 'out'
    ssf, gmd = commands.named('adapt')[1], commands.named('train')[1]
    assert ssf[:6] == ['adapt', str(config.parent / 'recipe.yaml'), '--method', 'ssf',
                       '--out', str(out / 'ssf/seed0/run')]  # fmt: skip
    joined = ' '.join(ssf)
    for part in ('--set batch_size=4 --set adapters.epochs=6', f'--base {base}', '--seed 0',
                 f'--data {DATA}', '--threads 1'):  # fmt: skip
        assert part in joined
    assert '--pretrained' not in joined and '--resume' not in joined
    assert f'--init {base}' in ' '.join(commands.named('train')[0])
    assert '--pretrained w.npz' in ' '.join(gmd) and '--init' not in gmd
    assert '--skip-noise' in commands.named('evaluate')[0]
    assert {row['status'] for row in comparison['rows'].values()} == {'done'}
    assert comparison['base'] == {'name': 'base', 'steps': 70, 'seconds': 9.0}
    assert said.count('done') == 4


def test_every_command_is_one_that_the_command_line_accepts(config, evaluation):
    pytest.importorskip('torch', reason='needs PyTorch')
    commands = Commands(evaluation)
    run_all(config, commands, pretrained=Path('w.npz'))
    for words in commands.calls:
        assert cli._parser(words[0]).parse_args(words)


def test_a_row_can_be_placed_by_importance(config, evaluation):
    text = config.read_text().replace('method: ssf', 'method: ssf, importance: true')
    config.write_text(text)
    commands = Commands(evaluation)
    comparison, _ = run_all(config, commands, only=['ssf'])
    assert [words[0] for words in commands.calls] == ['importance', 'adapt', 'export', 'evaluate']
    measure, adapt = (' '.join(words) for words in commands.calls[:2])
    folder = config.parent / 'out/ssf/seed0/importance'
    assert measure.startswith(f'importance {config.parent / "base"} --dataset mm5 --split train')
    assert f'--importance {folder}/importance.json' in adapt
    assert comparison['rows']['ssf']['status'] == 'done'
    assert cli._parser('importance').parse_args(commands.calls[0])
    run_all(config, commands, only=['ssf'])
    assert len(commands.calls) == 4


def test_what_is_finished_is_not_repeated_and_an_interrupted_training_resumes(config, evaluation):
    run_all(config, Commands(evaluation))
    again = Commands(evaluation)
    run_all(config, again)
    assert again.calls == []
    ssf = config.parent / 'out/ssf/seed0'
    shutil.rmtree(ssf / 'evaluation')
    (ssf / 'run/run.json').write_text('{"finished": false}')
    shutil.rmtree(ssf / 'bundle')
    run_all(config, again)
    assert [words[0] for words in again.calls] == ['adapt', 'export', 'evaluate']
    assert '--resume' in again.calls[0]


def test_only_the_chosen_rows_run_and_the_others_are_said(config, evaluation):
    commands = Commands(evaluation)
    comparison, _ = run_all(config, commands, only=['ssf'])
    assert {words[0] for words in commands.calls} == {'adapt', 'export', 'evaluate'}
    statuses = {name: row['status'] for name, row in comparison['rows'].items()}
    assert statuses == {'unadapted': 'not run', 'ssf': 'done', 'dedicated': 'not run',
                        'gmd': 'not run'}  # fmt: skip
    table = (config.parent / 'out/table.md').read_text()
    assert '| gmd | not run | -' in table
    assert 'Without result, so what is measured against it is "-": unadapted, dedicated' in table


def test_a_failed_row_is_said_with_its_error_and_the_others_go_on(config, evaluation):
    comparison, said = run_all(config, Commands(evaluation, failing='--method ssf'))
    row = comparison['rows']['ssf']
    assert row['status'] == 'failed'
    assert row['problems'] == ['seed 0 failed: adapt: mm-robust-seg: the disk is full: free some']
    assert 'ssf, seed 0: failed: adapt: mm-robust-seg: the disk is full' in said
    assert comparison['rows']['gmd']['status'] == 'done'
    assert comparison['rows']['gmd']['gain_over_plain'] is None
    retried, _ = run_all(config, Commands(evaluation))
    assert retried['rows']['ssf']['status'] == 'done'


def test_a_row_with_other_settings_is_not_mixed_with_the_old_one(config, evaluation):
    run_all(config, Commands(evaluation), only=['ssf'])
    config.write_text(PLAN.replace('epochs: 6', 'epochs: 7'))
    again = Commands(evaluation)
    comparison, _ = run_all(config, again, only=['ssf'])
    assert again.calls == []
    assert comparison['rows']['ssf']['status'] == 'failed'
    assert 'another settings: remove' in comparison['rows']['ssf']['problems'][0]
    config.write_text(PLAN)
    assert run_all(config, again, only=['ssf'])[0]['rows']['ssf']['status'] == 'done'
    (config.parent / 'base/base.safetensors').write_bytes(b'others')
    comparison, _ = run_all(config, again, only=['ssf'])
    assert 'another base: remove' in comparison['rows']['ssf']['problems'][0]
    assert again.calls == []


def test_tables_of_a_changed_plan_do_not_show_old_figures(config, evaluation):
    run_all(config, Commands(evaluation), only=['ssf'])
    (config.parent / 'recipe.yaml').write_text(RECIPE.replace('8', '16'))
    comparison = write_tables(load_plan(config), config.parent / 'out')
    assert comparison['rows']['ssf']['status'] == 'failed'
    assert 'another recipe' in comparison['rows']['ssf']['problems'][0]


def test_without_a_base_it_is_trained_first_and_once(config, evaluation):
    config.write_text(PLAN.replace('base: {run: base}', 'base: {set: {base.epochs: 2}}'))
    commands = Commands(evaluation)
    comparison, _ = run_all(config, commands, only=['ssf'], pretrained=Path('w.npz'))
    first = ' '.join(commands.calls[0])
    assert first.startswith('train ') and '--method complete' in first
    assert '--set base.epochs=2' in first and '--pretrained w.npz' in first
    run = str(config.parent / 'out/base/run')
    assert commands.named('adapt')[0][-2:] == ['--base', run]
    assert comparison['base']['name'] == 'base' and comparison['base']['steps'] == 12
    run_all(config, commands, only=['ssf'])
    assert len(commands.named('train')) == 1


def test_a_base_that_cannot_be_trained_or_found_ends_the_comparison(config, evaluation):
    with pytest.raises(BundleError, match='nowhere'):
        run_all(config, Commands(evaluation), base='nowhere')
    (config.parent / 'base/base.safetensors').unlink()
    with pytest.raises(ConfigError, match=r'no base\.safetensors'):
        run_all(config, Commands(evaluation))
    config.write_text(PLAN.replace('base: {run: base}\n', ''))
    with pytest.raises(TrainingError, match='the disk is full'):
        run_all(config, Commands(evaluation, failing='complete'))


def test_results_on_other_samples_are_not_compared(config, evaluation, tmp_path):
    run_all(config, Commands(evaluation), only=['ssf'])
    other = tmp_path / 'other'
    shutil.copytree(evaluation, other)
    scores = json.loads((other / 'evaluation.json').read_text())
    (other / 'evaluation.json').write_text(json.dumps({**scores, 'sample_names': ['a', 'b', 'c']}))
    with pytest.raises(DataError, match='other samples'):
        run_all(config, Commands(other), only=['gmd'])


def test_results_of_another_schema_are_not_compared(config, evaluation, tmp_path):
    old = tmp_path / 'old'
    shutil.copytree(evaluation, old)
    scores = json.loads((old / 'evaluation.json').read_text())
    (old / 'evaluation.json').write_text(json.dumps({**scores, 'schema': 1}))
    with pytest.raises(DataError, match=r'has schema 1, this version reads 3: remove'):
        run_all(config, Commands(old), only=['ssf'])


def test_the_command_prints_a_table_and_fails_if_a_row_did(
    config, evaluation, monkeypatch, capsys
):
    out = config.parent / 'out'
    words = ['compare', str(config), '--out', str(out)]
    monkeypatch.setattr(compare_run, 'run_command', Commands(evaluation))
    assert cli.main([*words, '--only', 'ssf', 'unadapted']) == 0
    capsys.readouterr()
    assert cli.main([*words, '--table-only', '--json']) == 0
    shown = json.loads(capsys.readouterr().out)
    assert shown == json.loads((out / 'compare.json').read_text())
    page = (out / 'compare.html').read_text()
    assert page.count('data:image/png') == 2
    monkeypatch.setattr(compare_run, 'run_command', Commands(evaluation, failing='gmd'))
    assert cli.main(words) == 1
    assert 'failed' in capsys.readouterr().out
    assert cli.main([*words, '--only', 'sfs']) == 2
    assert '--only names sfs: expected rows of unadapted, ssf' in capsys.readouterr().err


# The figures

RGB, DEPTH, BOTH = (ModalitySet.parse(text) for text in ('rgb', 'depth', 'rgb+depth'))
ROW_FACTS = {'steps': 5, 'seconds': 2.0}
PARAMETERS = {'base': 200, 'total_stored': 203, 'per_combination': {'rgb': 1, 'depth': 2}}


def outcome(seed: int, both: float, rgb: float, depth: float) -> Outcome:
    """Return scores, given in percent, with resamples one point lower and higher."""
    values = {BOTH: both / 100, RGB: rgb / 100, DEPTH: depth / 100}
    scores = {
        'combinations': {str(c): {'miou': v} for c, v in values.items()},
        'counter_intuitive_rate': 0.1 + seed / 100,
        'rmm': {'0.25': {'avg': both / 200}},
        'nm': {'levels': [{'salt_pepper': 0.05, 'sigma': 0.1, 'miou': (10 + seed) / 100}]},
    }
    shifts = np.linspace(-0.01, 0.01, 201)
    draws = {c: v + shifts for c, v in values.items()}
    return Outcome(seed, scores, {**ROW_FACTS, 'parameters': PARAMETERS}, draws)


def results(name: str, *outcomes: Outcome, failed: bool = False) -> Results:
    row = Row(name, 'adapt', name, True, (), tuple(range(2)))
    problems = [] if outcomes else ['seed 0 failed: x' if failed else 'seed 0: not run']
    return Results(row, outcomes, problems, failed)


def test_the_figures_of_a_row_by_hand():
    rows = compare([
        results('unadapted', outcome(0, 50, 20, 10)),
        results('ssf', outcome(0, 50, 30, 20), outcome(1, 50, 32, 20)),
        results('dedicated', outcome(0, 52, 40, 10)),
        results('ours', outcome(0, 50, 36, 24), outcome(1, 50, 36, 26)),
    ])  # fmt: skip
    ours, ssf = rows['ours'], rows['ssf']
    assert ours['seeds'] == [0, 1]
    assert ssf['combinations']['rgb'] == {
        'value': 0.31, 'interval': pytest.approx([0.3005, 0.3195]),
        'spread': pytest.approx(2**0.5 / 100, abs=1e-5),
    }  # fmt: skip
    assert ssf['mean_incomplete']['value'] == pytest.approx(0.255)
    assert ssf['mean_incomplete']['spread'] == pytest.approx(0.5**0.5 / 100, abs=1e-5)
    assert ours['clean_delta'] == {'value': 0.0, 'interval': [0.0, 0.0], 'spread': 0.0}
    assert rows['dedicated']['clean_delta']['value'] == pytest.approx(0.02)
    assert ours['recovery'] == {'rgb': pytest.approx(0.8), 'depth': None}
    assert ssf['recovery']['rgb'] == pytest.approx(0.55)
    assert ours['gain_over_plain']['value'] == pytest.approx(0.05)
    assert ours['gain_over_plain']['interval'] == pytest.approx([0.05, 0.05])
    assert ssf['gain_over_plain'] is None
    assert ssf['emm_avg']['value'] == pytest.approx(1.01 / 3, abs=1e-5)
    expected = (0.81 * 0.5 + 0.09 * 0.31 + 0.09 * 0.2) / 0.99
    assert ssf['emm_e']['0.1']['value'] == pytest.approx(expected, abs=1e-5)
    assert ssf['counter_intuitive_rate'] == pytest.approx(0.105)
    assert ssf['rmm_avg'] == {'0.25': {'value': 0.25, 'interval': [None, None], 'spread': 0.0}}
    assert ssf['nm']['0.05/0.1']['value'] == pytest.approx(0.105)
    assert ssf['nm']['0.05/0.1']['spread'] == pytest.approx(0.5**0.5 / 100, abs=1e-5)
    assert (ssf['steps'], ssf['seconds'], ssf['largest_share']) == (5, 2.0, 0.01)
    assert rows['unadapted']['combinations']['rgb']['spread'] is None


def test_other_seeds_are_not_paired():
    """Paired with ssf, seed by seed, the gain would not spread at all."""
    ssf = results('ssf', outcome(0, 50, 30, 20), outcome(1, 50, 34, 24))
    others = outcome(2, 50, 31, 21), outcome(3, 50, 35, 25)
    same = outcome(0, 50, 31, 21), outcome(1, 50, 35, 25)
    gains = [
        compare([ssf, results('ours', *o)])['ours']['gain_over_plain'] for o in (others, same)
    ]
    assert [gain['value'] for gain in gains] == pytest.approx([0.01, 0.01])
    assert [gain['spread'] for gain in gains] == pytest.approx([8**0.5 / 100, 0.0], abs=1e-5)


def test_a_combination_in_which_nothing_could_be_scored_has_no_figure():
    found = outcome(0, 50, 30, 20)
    found.scores['combinations']['rgb']['miou'] = None
    row = compare([results('unadapted', outcome(0, 50, 10, 10)), results('ssf', found)])['ssf']
    assert row['combinations']['rgb']['value'] is None
    assert row['combinations']['depth']['value'] == 0.2
    assert row['mean_incomplete']['value'] is None


def test_rows_without_outcome_say_why():
    rows = compare([results('unadapted'), results('ssf', failed=True)])
    assert rows['unadapted']['status'] == 'not run'
    assert rows['ssf']['status'] == 'failed'
    assert 'combinations' not in rows['ssf']


def test_a_gain_in_every_image_has_an_interval_above_zero_although_the_scores_overlap():
    rng = np.random.default_rng(0)
    right = rng.integers(20, 90, 30)
    weights = bootstrap.multiplicities(30)

    def row(name: str, bonus: int) -> Results:
        counts = np.stack([right + bonus, 100 - right - bonus], -1)[:, np.newaxis]
        draws = bootstrap.resampled_miou(counts, weights)
        miou = (right + bonus).mean()
        found = outcome(0, miou, miou, miou)
        return results(
            name, Outcome(0, found.scores, found.run, dict.fromkeys(found.draws, draws))
        )

    rows = compare([row('ssf', 0), row('ours', 3)])
    gain, both = rows['ours']['gain_over_plain'], [rows[n]['mean_incomplete'] for n in rows]
    assert gain['interval'] == pytest.approx([0.03, 0.03])
    assert both[0]['interval'][1] > both[1]['interval'][0]


# Plans


PLANS = {name: ROOT / f'config/compare_{name}.yaml' for name in ('sim', 'mm5', 'nyuv2', 'sim_mit')}


def rows_of(name):
    return {row.name: row for row in load_plan(PLANS[name]).rows}


def test_every_method_has_a_row_in_some_plan_and_the_four_families_in_all():
    pytest.importorskip('torch', reason='needs PyTorch')
    from mm_robust_seg.training.methods import METHODS

    methods = {name: {row.method for row in rows_of(name).values()} for name in PLANS}
    assert set().union(*methods.values()) == METHODS.keys() - {'complete'}
    families = {'ssf', 'lora', 'prompt_add', 'dmrnet', 'gmd'}
    for name in ('sim', 'mm5', 'nyuv2'):
        assert methods[name] >= families | {'none', 'modality_dropout', 'ours', 'dedicated'}
    assert methods['sim_mit'] >= {'none', 'prompt_input', 'prompt_attention', 'dedicated'}
    assert 'network.backbone=mit_b0' in rows_of('sim_mit')['prompt_input'].settings


def test_mm5_has_three_seeds_where_rows_are_compared_and_ablations_of_ours():
    rows = rows_of('mm5')
    for name in ('modality_dropout', 'ssf', 'lora', 'ours', 'dedicated'):
        assert rows[name].seeds == (0, 1, 2)
    without = {n: row.settings for n, row in rows.items() if n.startswith('ours_without_')}
    assert len(without) == 5
    assert len(set(without.values())) == 5
    assert [name for name, row in rows.items() if row.importance] == ['ours_by_importance']


@pytest.mark.parametrize('name', PLANS)
def test_the_plans_that_are_shipped_measure_damage_on_the_data_of_their_recipe(name):
    plan = load_plan(PLANS[name])
    assert plan.dataset == name.removesuffix('_mit')
    assert plan.noise
    assert (plan.val_count == 60) == (plan.dataset == 'sim')


@pytest.mark.parametrize('name', PLANS)
def test_the_plans_that_are_shipped_name_methods_and_parameters_that_exist(name):
    pytest.importorskip('torch', reason='needs PyTorch')
    from mm_robust_seg.training.methods import METHODS
    from mm_robust_seg.training.recipe import load_recipe

    plan = load_plan(PLANS[name])
    for row in plan.rows:
        assert METHODS[row.method].command == row.command
        load_recipe(plan.recipe, row.settings)


@pytest.mark.parametrize(
    ('before', 'after', 'said'),
    [
        ('recipe: recipe.yaml', 'recipe: none.yaml', 'none.yaml cannot be read'),
        ('recipe: recipe.yaml\n', '', 'recipe is missing'),
        ('set: {batch', 'sets: {batch', "'sets'; did you mean set? (known: recipe, rows, "),
        ('command: adapt, method: ssf', 'command: adopt, method: ssf', "is 'adopt': expected"),
        ('command: adapt, method: ssf', 'command: adapt', 'rows.ssf.method is missing'),
        ('init: base', 'init: scratch', "init is 'scratch': expected"),
        (
            'method: dedicated',
            'method: dedicated, importance: true',
            'rows.dedicated.importance is true: expected it in a row of command adapt',
        ),
        ('init: base', 'start: base', "unknown parameter 'rows.dedicated.start'"),
        ('seeds: [0]\nset', 'seeds: [a]\nset', "seeds[0] is 'a' of type str: expected int"),
        ('{adapters.epochs: 6}', '6', 'rows.ssf.set is 6'),
        ('{adapters.epochs: 6}', '{data.val_count: 6}', 'set it in the recipe'),
        ('  gmd:', '  g/m:', 'is no name for a folder'),
        ('{command: train, method: gmd}', 'gmd', "rows.gmd is 'gmd': expected a mapping"),
        ('{run: base}', 'base', "base is 'base': expected a mapping"),
    ],
)  # fmt: skip
def test_a_wrong_plan_is_refused(config, before, after, said):
    assert before in PLAN
    config.write_text(PLAN.replace(before, after))
    with pytest.raises(ConfigError) as refusal:
        load_plan(config)
    assert said in str(refusal.value)


def test_a_plan_that_is_no_text_is_refused(config):
    config.write_bytes(b'\xff\xfe\x00rows')
    with pytest.raises(ConfigError, match='cannot be read'):
        load_plan(config)


def test_a_plan_without_rows_is_refused(config):
    config.write_text('recipe: recipe.yaml\n')
    with pytest.raises(ConfigError, match='rows is missing'):
        load_plan(config)


def test_settings_are_written_as_the_command_line_reads_them(config):
    config.write_text(PLAN.replace('{adapters.epochs: 6}', '{ours.recalibrate: true, x: [a, b]}'))
    row = next(row for row in load_plan(config).rows if row.name == 'ssf')
    assert row.settings == ('batch_size=4', 'ours.recalibrate=true', 'x=a,b')


# Processes


def test_a_command_runs_as_a_process_and_its_words_are_kept(tmp_path):
    log = tmp_path / 'row/log.txt'
    assert run_command(['bundle-info', str(tmp_path)], log) == 2
    assert run_command(['--version'], log) == 0
    text = log.read_text()
    assert text.count('$ mm-robust-seg') == 2
    assert 'expected a model bundle folder' in text
    assert last_words(log)[0].isdigit()


def test_last_words_are_the_error_of_the_last_command(tmp_path):
    log = tmp_path / 'log.txt'
    assert last_words(log) == ''
    log.write_text('$ mm-robust-seg train\nmm-robust-seg: old\n$ mm-robust-seg adapt\n')
    assert last_words(log) == ''
    with log.open('a') as stream:
        stream.write('epoch 1\nmm-robust-seg: there is no method x: expected one of\n  ssf\n')
    assert last_words(log) == 'mm-robust-seg: there is no method x: expected one of'


def test_stopping_the_comparison_stops_its_command(tmp_path, monkeypatch):
    class Process(subprocess.Popen):
        waited = 0

        def wait(self, timeout=None):
            self.waited += 1
            if self.waited == 1:
                raise KeyboardInterrupt
            self.code = super().wait(timeout)
            return self.code

    started = []

    def start(command, **options):
        started.append(Process([sys.executable, '-c', 'import time; time.sleep(60)'], **options))
        return started[0]

    monkeypatch.setattr(subprocess, 'Popen', start)
    with pytest.raises(KeyboardInterrupt):
        run_command(['train'], tmp_path / 'log.txt')
    assert started[0].code != 0
