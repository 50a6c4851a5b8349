# Copyright 2026 mm_robust_seg maintainers
# SPDX-License-Identifier: Apache-2.0

"""mm-robust-seg evaluate: figures against an independent count, files, and refusals."""

from __future__ import annotations

from dataclasses import replace
import json
from pathlib import Path

import cv2
from labelled_room import CLASSES, HEIGHT_PX, Room, WIDTH_PX, write_room
import numpy as np
import pytest
from tiny_bundle import TINY_CLASSES, write_tiny_bundle

from mm_robust_seg.build import build_engine
from mm_robust_seg.bundle import load_bundle, SegmentationClass
from mm_robust_seg.cli import main
from mm_robust_seg.config import EngineConfig
from mm_robust_seg.errors import DataError
from mm_robust_seg.evaluation.evaluation import evaluate
from mm_robust_seg.modality import all_combinations, COMPLETE, ModalitySet
from mm_robust_seg.scores.robustness import emm_average, emm_expected
from mm_robust_seg.stages.preprocess import network_input

pytest.importorskip('mm_robust_seg.engine.openvino', reason='OpenVINO is not installed')

ENGINE = EngineConfig(threads=1, warmup_iterations=0)


@pytest.fixture(scope='module')
def bundle(tiny_bundle):
    return load_bundle(tiny_bundle)


@pytest.fixture(scope='module')
def found(bundle):
    return evaluate(bundle, Room(), ENGINE)


def test_the_scores_are_those_of_the_engine_counted_by_hand(bundle, found):
    engine = build_engine(ENGINE, bundle)
    for combination in all_combinations():
        engine.activate(combination)
        guesses, truths = [], []
        for index in range(4):
            sample = Room()[index]
            inputs = {m: network_input(m, sample.images[m], bundle.inputs)[None]
                      for m in combination}  # fmt: skip
            labels = engine.infer(inputs).labels
            guesses.append(np.kron(labels, np.ones((2, 2), np.uint8)))
            truths.append(sample.labels)
        guess, truth = np.array(guesses), np.array(truths)
        known = truth != 255
        row = found.scores['combinations'][str(combination)]
        ious = []
        for label, name in enumerate(TINY_CLASSES):
            union = ((guess == label) | (truth == label)) & known
            iou = (
                ((guess == label) & (truth == label)).sum() / union.sum() if union.any() else None
            )
            assert row['iou'][name] == (None if iou is None else pytest.approx(iou, abs=1e-5))
            ious += [] if iou is None else [iou]
        assert row['miou'] == pytest.approx(np.mean(ious), abs=1e-5)
        accuracy = (guess == truth)[known].mean()
        assert row['pixel_accuracy'] == pytest.approx(accuracy, abs=1e-5)
    engine.close()


def test_the_summary_is_made_of_its_parts(found):
    scores = found.scores
    mious = {ModalitySet.parse(n): row['miou'] for n, row in scores['combinations'].items()}
    assert scores['emm_avg'] == pytest.approx(float(emm_average(mious)), abs=1e-5)
    assert list(scores['emm_e']) == ['0.2', '0.1', '0.05']
    assert scores['emm_e']['0.05'] == pytest.approx(mious[COMPLETE], abs=0.05)
    assert scores['counter_intuitive']['pairs'] == 4 * 9
    assert scores['absent_classes'] == ['sky']
    assert any('sky' in note for note in scores['notes'])
    for row in scores['combinations'].values():
        low, high = row['miou_interval']
        assert low <= row['miou'] <= high
        assert low < high or not row['miou']
    assert set(scores['rmm']) == {'0.25', '0.5', '0.75'}
    half, incomplete = scores['rmm']['0.5'], set(all_combinations()) - {COMPLETE}
    assert set(half['damaged']) == {str(c) for c in incomplete}
    parts = [mious[COMPLETE], *(row['miou'] for row in half['damaged'].values())]
    assert half['avg'] == pytest.approx(np.mean(parts), abs=1e-5)
    intact = {COMPLETE - ModalitySet.parse(n): row['miou'] for n, row in half['damaged'].items()}
    expected = emm_expected(intact | {COMPLETE: mious[COMPLETE]}, 0.2)
    assert half['e']['0.2'] == pytest.approx(float(expected), abs=1e-5)
    assert half['avg_interval'][0] <= half['avg'] <= half['avg_interval'][1]
    levels = scores['nm']['levels']
    assert scores['nm']['avg'] == pytest.approx(np.mean([r['miou'] for r in levels]), abs=1e-5)
    assert [level['sigma'] for level in scores['nm']['levels']] == [0.1, 0.2, 0.5]
    assert json.loads(json.dumps(scores, allow_nan=False)) == scores


def test_the_counts_of_each_sample_add_up(found):
    for counts in [*found.run.clean.values(), *found.run.damaged.values()]:
        assert counts.shape == (4, 5, 6)
        assert counts.dtype == np.int32
        assert (counts.sum((1, 2)) == (HEIGHT_PX - 7) * WIDTH_PX).all()


def test_evaluating_again_gives_the_same(bundle, found):
    assert evaluate(bundle, Room(), ENGINE).scores == found.scores


def test_samples_are_evenly_spaced_and_said(bundle):
    scores = evaluate(bundle, Room(9), ENGINE, limit=3, damage=False).scores
    assert scores['sample_names'] == ['room 0', 'room 4', 'room 8']
    assert any('Only 3 of 9 samples' in note for note in scores['notes'])
    assert (scores['rmm'], scores['nm']) == (None, None)


def test_a_data_set_without_a_sensor_is_evaluated_as_far_as_it_goes(bundle):
    room = Room(modalities=ModalitySet.parse('rgb+depth'))
    scores = evaluate(bundle, room, ENGINE).scores
    assert list(scores['combinations']) == ['rgb+depth', 'rgb', 'depth']
    assert set(scores['rmm']['0.25']['damaged']) == {'rgb', 'depth'}
    assert any(
        'not evaluated: rgb+thermal+depth' in note and 'means rgb+depth' in note
        for note in scores['notes']
    )


def test_without_every_combination_emm_is_not_defined(tmp_path):
    served = [ModalitySet.parse(text) for text in ('rgb+depth', 'rgb')]
    bundle = load_bundle(write_tiny_bundle(tmp_path / 'b', served))
    scores = evaluate(bundle, Room(), ENGINE, damage=False).scores
    assert scores['emm_avg'] is None
    assert set(scores['emm_e'].values()) == {None}
    assert any('does not serve depth' in note for note in scores['notes'])


def test_the_pixels_of_a_class_that_training_never_showed_can_be_left_out(bundle, found):
    name = [*TINY_CLASSES][1]
    never = replace(bundle, provenance={'untrained_classes': [name, 'of another data set']})
    scores = evaluate(never, Room(), ENGINE, damage=False).scores
    assert scores['untrained_classes'] == [name]
    assert any(f'never showed {name}' in note for note in scores['notes'])
    for combination, counts in found.run.clean.items():
        known = counts.sum(0)
        known[1] = 0
        ious = [
            known[k, k] / (known[k].sum() + known[:, k].sum() - known[k, k])
            for k in range(len(TINY_CLASSES))
            if k != 1 and known[k].sum() + known[:, k].sum()
        ]
        row = scores['combinations'][str(combination)]
        assert row['miou_trained'] == pytest.approx(np.mean(ious), abs=1e-5)
        assert row['miou'] == found.scores['combinations'][str(combination)]['miou']
    assert 'miou_trained' not in found.scores['combinations']['rgb']
    assert found.scores['untrained_classes'] == []


@pytest.mark.parametrize('stated', [7, 'road', None])
def test_a_provenance_that_lists_no_classes_changes_nothing(bundle, found, stated):
    odd = replace(bundle, provenance={'untrained_classes': stated})
    scores = evaluate(odd, Room(), ENGINE, damage=False).scores
    assert scores['combinations'] == found.scores['combinations']


def test_an_empty_split_other_classes_and_no_common_sensor_are_refused(bundle, tmp_path):
    with pytest.raises(DataError, match='split is empty'):
        evaluate(bundle, Room(0), ENGINE)
    renamed = (*CLASSES[:4], SegmentationClass('cloud', (0, 0, 0)))
    with pytest.raises(DataError, match=r'car, sky\).*car, cloud\)'):
        evaluate(bundle, Room(classes=renamed), ENGINE)
    with pytest.raises(DataError, match=r'5 classes .* the data set 4'):
        evaluate(bundle, Room(classes=CLASSES[:4]), ENGINE)
    blind = load_bundle(write_tiny_bundle(tmp_path / 'b', [ModalitySet.parse('thermal')]))
    with pytest.raises(DataError, match=r'data set has rgb, .* serves thermal'):
        evaluate(blind, Room(modalities=ModalitySet.parse('rgb')), ENGINE)


def test_a_label_outside_the_classes_is_refused(bundle):
    class Wrong(Room):
        def __getitem__(self, index):
            sample = super().__getitem__(index)
            sample.labels[50, 50] = 9
            return sample

    with pytest.raises(DataError, match='label 9'):
        evaluate(bundle, Wrong(), ENGINE)


@pytest.fixture(scope='module')
def folder(tmp_path_factory) -> Path:
    return write_room(tmp_path_factory.mktemp('data') / 'mm5')


def test_the_command_writes_all_results(tiny_bundle, folder, tmp_path, capsys):
    out = tmp_path / 'out'
    words = ['--bundle', str(tiny_bundle), '--dataset', 'mm5', '--data', str(folder)]
    assert main(['evaluate', *words, '--out', str(out), '--threads', '1', '--json']) == 0
    scores = json.loads((out / 'evaluation.json').read_text())
    assert json.loads(capsys.readouterr().out) == scores
    assert (scores['schema'], scores['dataset'], scores['split']) == (3, 'mm5', 'val')
    assert scores['sample_names'] == ['0', '1', '2']
    pictures = ['classes', 'combinations', 'damage', 'expected', 'sample_1', 'sample_3']
    for name in pictures:
        assert cv2.imread(str(out / f'{name}.png')).std() > 0
    page = (out / 'evaluation.html').read_text()
    assert page.count('data:image/png') == len(pictures) + 1
    text = (out / 'evaluation.md').read_text()
    assert f'{100 * scores["combinations"]["rgb"]["miou"]:.1f} [' in text
    with np.load(out / 'confusion.npz') as counts:
        assert set(counts) == {str(c) for c in all_combinations()}
        assert counts['rgb'].shape == (3, 5, 6)
        assert counts['rgb'].dtype == np.int32


def test_the_command_prints_a_table_and_skips_noise(tiny_bundle, folder, tmp_path, capsys):
    words = ['--bundle', str(tiny_bundle), '--dataset', 'mm5', '--data', str(folder)]
    words += ['--out', str(tmp_path), '--threads', '1', '--samples', '2', '--skip-noise']
    assert main(['evaluate', *words]) == 0
    shown = capsys.readouterr().out
    for text in ('rgb+thermal+depth', 'EMM Avg', 'E(0.05)', 'Only 2 of 3 samples', str(tmp_path)):
        assert text in shown.replace('\n', '')
    assert 'Damaged inputs' not in (tmp_path / 'evaluation.md').read_text()
    assert not (tmp_path / 'damage.png').exists()


@pytest.mark.parametrize(
    ('words', 'said'),
    [
        (['--dataset', 'mm5'], 'give it with --data'),
        (['--dataset', 'sim', '--samples', '0'], 'expected at least 1'),
        (['--dataset', 'sim', '--samples', '1'], '5 classes (road, grass'),
        (['--dataset', 'mm5', '--data', 'nowhere'], 'nowhere'),
    ],
)
def test_wrong_use_is_said_before_anything_runs(words, said, tiny_bundle, capsys, tmp_path):
    out = tmp_path / 'out'
    assert main(['evaluate', '--bundle', str(tiny_bundle), *words, '--out', str(out)]) == 2
    assert said in capsys.readouterr().err
    assert not out.exists()
