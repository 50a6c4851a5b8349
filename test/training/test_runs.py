# Copyright 2026 mm_robust_seg maintainers
# SPDX-License-Identifier: Apache-2.0

"""Runs: the same result after any interruption, never two in one folder, clear refusals."""

from dataclasses import replace
import json
from pathlib import Path
import re
import shutil

import pytest

torch = pytest.importorskip('torch', reason='needs PyTorch')

from mm_robust_seg.bundle import load_bundle  # noqa: E402
from mm_robust_seg.errors import (  # noqa: E402
    BundleError,
    ConfigError,
    DataError,
    TrainingError,
)
from mm_robust_seg.modality import all_combinations, ModalitySet  # noqa: E402
from mm_robust_seg.network.segmenter import Segmenter  # noqa: E402
from mm_robust_seg.training.base_network import load_base, save_network  # noqa: E402
from mm_robust_seg.training.loop import checkpoint, optimize  # noqa: E402
from mm_robust_seg.training.loop.task_state import best_path, last_path  # noqa: E402

pytestmark = pytest.mark.torch
INCOMPLETE = [str(c) for c in all_combinations()[1:]]


def tensors(folder, *tasks):
    """Return every tensor of a run's last checkpoints."""
    loaded = [checkpoint.load(last_path(folder, task))[0] for task in tasks]
    return [value for state in loaded for value in state.values()]


def test_a_run_says_what_it_is(adapter_run):
    facts = json.loads((adapter_run / 'run.json').read_text())
    assert (facts['schema'], facts['command'], facts['method']) == (1, 'adapt', 'ssf')
    assert facts['finished'] is True
    assert facts['steps'] == 6 * 2
    assert facts['seconds'] > 0
    assert facts['modalities'] == 'rgb+thermal+depth'
    assert [c['name'] for c in facts['classes']] == ['floor', 'ball', 'box']
    assert facts['recipe']['network.channels'] == 16
    parameters = facts['parameters']
    own = parameters['per_combination']
    assert own['rgb+thermal+depth'] == 0 < own['rgb'] < own['rgb+depth']
    assert parameters['total_stored'] == parameters['base'] + sum(own.values())


def test_log_and_curves_are_written(base_run):
    log = (base_run / 'log.txt').read_text()
    assert 'train: 4 samples of 128 x 96 px' in log
    assert 'base: epoch 2/2, loss' in log
    assert 'val mIoU' in log
    if 'TensorBoard' not in log:
        assert list((base_run / 'tensorboard/base').glob('events.*'))


def test_training_changes_the_averaged_weights(base_run, recipe):
    torch.manual_seed(recipe.seed)
    start = Segmenter(3, channels=16).state_dict()
    trained = load_base(base_run).state_dict()
    moved = [n for n in start if start[n].is_floating_point() and not start[n].equal(trained[n])]
    assert len(moved) > 0.9 * sum(v.is_floating_point() for v in start.values())


def test_the_base_is_frozen_while_adapters_are_trained(base_run, adapter_run):
    before, after = load_base(base_run).state_dict(), load_base(adapter_run).state_dict()
    assert all(torch.equal(before[name], after[name]) for name in before)


@pytest.mark.parametrize('kill_at', [1, 2])
def test_a_base_killed_at_any_save_ends_the_same(
    base_run, recipe, train_run, tmp_path, monkeypatch, kill_at
):
    killed_run(monkeypatch, kill_at, lambda resume: train_run(recipe, tmp_path, resume=resume))
    same(tensors(base_run, 'base'), tensors(tmp_path, 'base'))
    best = [checkpoint.load(best_path(folder, 'base'))[0] for folder in (base_run, tmp_path)]
    same(best[0].values(), best[1].values())


def test_a_run_killed_within_an_epoch_and_between_tasks_ends_the_same(
    recipe, train_run, base_run, tmp_path, monkeypatch
):
    short = replace(recipe, validate_every=0)
    train_run(short, tmp_path / 'whole', 'lora', base_run)

    def start(resume):
        train_run(short, tmp_path / 'killed', 'lora', base_run, resume)

    steps = []

    def killed(*arguments):
        steps.append(1)
        if len(steps) in (4, 7):
            raise KeyboardInterrupt
        return descend(*arguments)

    descend = optimize._descend
    monkeypatch.setattr(optimize, '_descend', killed)
    for attempt in range(2):
        with pytest.raises(KeyboardInterrupt):
            start(attempt > 0)
    start(True)
    same(tensors(tmp_path / 'whole', *INCOMPLETE), tensors(tmp_path / 'killed', *INCOMPLETE))


def killed_run(monkeypatch, kill_at, start):
    """Interrupt a run right after its n-th checkpoint is written, then resume it."""
    saved, calls = checkpoint.save, []

    def save(*arguments):
        saved(*arguments)
        calls.append(arguments)
        if len(calls) == kill_at:
            raise KeyboardInterrupt

    monkeypatch.setattr(checkpoint, 'save', save)
    with pytest.raises(KeyboardInterrupt):
        start(False)
    monkeypatch.undo()
    start(True)


def same(first, second):
    first, second = list(first), list(second)
    assert len(first) == len(second) > 0
    assert all(torch.equal(a, b) for a, b in zip(first, second, strict=True))


def test_a_finished_run_is_loaded_not_trained(base_run, recipe, train_run, tmp_path, monkeypatch):
    copy = shutil.copytree(base_run, tmp_path / 'copy')
    monkeypatch.setattr(optimize, '_epoch', lambda *_: pytest.fail('trained again'))
    train_run(recipe, copy, resume=True)
    same(tensors(base_run, 'base'), tensors(copy, 'base'))


def test_the_best_checkpoint_is_of_the_best_epoch(base_run):
    best, last = (checkpoint.load(path(base_run, 'base'))[1] for path in (best_path, last_path))
    log = (base_run / 'log.txt').read_text()
    mious = [float(text) / 100 for text in re.findall(r'val mIoU ([\d.]+)', log)]
    assert best['best'] == last['best'] == pytest.approx(max(mious), abs=1e-4)
    assert best['epoch'] == 1 + mious.index(max(mious))


def test_runs_are_not_mixed(base_run, adapter_run, recipe, train_run, tmp_path):
    with pytest.raises(TrainingError, match='--resume'):
        train_run(recipe, base_run)
    with pytest.raises(TrainingError, match=r'another recipe .batch_size was 2, is 4'):
        train_run(replace(recipe, batch_size=4), base_run, resume=True)
    with pytest.raises(TrainingError, match='another method'):
        train_run(recipe, base_run, 'modality_dropout', resume=True)
    other = tmp_path / 'other'
    shutil.copytree(base_run, other)
    torch.manual_seed(9)
    save_network(other / 'base.safetensors', Segmenter(3, channels=16))
    with pytest.raises(TrainingError, match='another start'):
        train_run(recipe, adapter_run, 'ssf', other, resume=True)


def test_a_bundle_is_not_made_a_run(recipe, train_run, tiny_bundle, tmp_path):
    copy = shutil.copytree(tiny_bundle, tmp_path / 'copy')
    with pytest.raises(TrainingError, match='holds a bundle, which stays'):
        train_run(recipe, copy)
    assert load_bundle(copy)


def test_what_does_not_change_the_result_is_no_other_run(base_run, recipe, train_run, tmp_path):
    copy = shutil.copytree(base_run, tmp_path / 'copy')
    (copy / '.base.last.0a1b2c3d.unfinished.safetensors').write_bytes(b'half of a file')
    train_run(replace(recipe, workers=1), copy, resume=True)
    assert not list(copy.glob('.*'))


@pytest.mark.parametrize(
    ('network', 'message'),
    [
        (lambda: Segmenter(5, channels=16), '5 classes .* data set has 3 classes'),
        (lambda: Segmenter(3, ModalitySet.parse('rgb'), channels=16), 'from rgb'),
        (lambda: torch.nn.Conv2d(3, 3, 1), 'holds a Conv2d'),
    ],
)
def test_a_base_of_another_architecture_is_refused(
    recipe, train_run, base_run, tmp_path, network, message
):
    folder = shutil.copytree(base_run, tmp_path / 'base')
    save_network(folder / 'base.safetensors', network())
    with pytest.raises(TrainingError, match=message):
        train_run(recipe, tmp_path / 'run', 'ssf', folder)
    assert not (tmp_path / 'run').exists()


def test_weights_that_do_not_fit_are_refused(base_run, tmp_path):
    folder = shutil.copytree(base_run, tmp_path / 'base')
    state, facts = checkpoint.load(folder / 'base.safetensors')
    checkpoint.save(folder / 'base.safetensors', state, {**facts, 'channels': 24})
    with pytest.raises(TrainingError, match='another architecture'):
        load_base(folder)
    for strange in ({'channels': 'many'}, {'modalities': 'sonar'}, {'backbone': 'abacus'}):
        checkpoint.save(folder / 'base.safetensors', state, facts | strange)
        with pytest.raises(TrainingError, match='another architecture'):
            load_base(folder)
    del state['decoder.refine.0.0.weight']
    checkpoint.save(folder / 'base.safetensors', state, facts)
    with pytest.raises(TrainingError, match=r'decoder\.refine\.0\.0\.weight the first'):
        load_base(folder)


def test_a_shipped_bundle_serves_as_base():
    segmenter = load_base(Path('sim'))
    assert (segmenter.class_count, len(segmenter.modalities)) == (9, 3)


def test_a_folder_that_is_nothing_is_no_base(tmp_path):
    with pytest.raises(BundleError, match='no manifest'):
        load_base(tmp_path)


def test_an_unfinished_run_is_no_base(base_run, tmp_path):
    folder = shutil.copytree(base_run, tmp_path / 'base')
    (folder / 'base.safetensors').unlink()
    with pytest.raises(TrainingError, match='expected a finished run'):
        load_base(folder)


def test_a_wrong_method_lists_the_right_ones(recipe, tmp_path):
    from mm_robust_seg.training.methods import method_entry

    with pytest.raises(ConfigError, match=r'no method .magic.(.|\n)*modality_dropout'):
        method_entry('magic', 'train')
    with pytest.raises(ConfigError, match='ssf is trained by "mm-robust-seg adapt"'):
        method_entry('ssf', 'train')


def test_bad_data_is_refused_before_the_folder_is_claimed(recipe, scenes, train_run, tmp_path):
    folder = shutil.copytree(scenes, tmp_path / 'data')
    (folder / 'classes.json').write_text('["floor", "ball"]')
    bad = replace(recipe, data=replace(recipe.data, folder=str(folder)))
    with pytest.raises(DataError, match=r'(?s)not fit for training.*label'):
        train_run(bad, tmp_path / 'run')
    assert not (tmp_path / 'run').exists()


def test_without_epochs_the_start_is_the_result(recipe, base_run, train_run, tmp_path):
    none = replace(recipe, adapters=replace(recipe.adapters, epochs=0))
    train_run(none, tmp_path, 'ssf', base_run)
    state, facts = checkpoint.load(last_path(tmp_path, 'rgb'))
    assert facts['finished']
    assert all((v == (1 if 'gamma' in name else 0)).all() for name, v in state.items())


def test_samples_of_several_shapes_make_one_picture(recipe, scenes):
    from mm_robust_seg.datasets.folder import FolderSplit
    from mm_robust_seg.datasets.samples import Sample
    from mm_robust_seg.training.data.samples_picture import samples_picture, WIDTH_PX

    class Mixed:
        classes = FolderSplit(scenes, 'val').classes

        def __len__(self):
            return 2

        def __getitem__(self, index):
            whole, height = FolderSplit(scenes, 'val')[index], 64 + 32 * index
            images = {m: image[:height] for m, image in whole.images.items()}
            return Sample(whole.name, images, whole.labels[:height])

    network = Segmenter(3, channels=16).eval()
    picture = samples_picture(network, network.modalities, Mixed(), recipe.input_spec)
    heights = [round(height * WIDTH_PX / 128) for height in (64, 96)]
    assert picture.shape == (sum(heights) + 3 * 4, 5 * (WIDTH_PX + 4) + 4, 3)


def test_a_data_set_needs_its_folder(recipe, train_run, tmp_path):
    with pytest.raises(ConfigError, match='--data'):
        train_run(replace(recipe, data=replace(recipe.data, folder='')), tmp_path / 'run')


def test_a_loss_that_is_not_finite_ends_the_run(recipe, train_run, tmp_path, monkeypatch):
    from mm_robust_seg.training.objectives.base import SegmentationLoss

    monkeypatch.setattr(SegmentationLoss, '__call__', lambda _s, logits, _l: logits.sum() * 1e99)
    with pytest.raises(TrainingError, match=r'loss became -?(inf|nan) in epoch 0'):
        train_run(recipe, tmp_path / 'run')


def test_a_full_disk_loses_nothing(base_run, recipe, train_run, tmp_path, monkeypatch):
    from mm_robust_seg.training.loop import checkpoint as module

    writes, write = [], module.write_bytes

    def full(path, data):
        writes.append(path)
        if len(writes) == 3:
            raise OSError(28, 'No space left on device')
        write(path, data)

    monkeypatch.setattr(module, 'write_bytes', full)
    with pytest.raises(TrainingError, match='No space left on device; free some space'):
        train_run(recipe, tmp_path / 'run')
    monkeypatch.undo()
    train_run(recipe, tmp_path / 'run', resume=True)
    same(tensors(base_run, 'base'), tensors(tmp_path / 'run', 'base'))


@pytest.mark.parametrize('method', ['ssf', 'ours', 'hypernetwork', 'feature_prediction'])
def test_one_sensor_alone_needs_no_adapter(recipe, scenes, train_run, base_run, tmp_path, method):
    folder = shutil.copytree(scenes, tmp_path / 'one')
    for sensor in ('rgb', 'thermal'):
        shutil.rmtree(folder / sensor)
    one = replace(recipe, data=replace(recipe.data, folder=str(folder)))
    with pytest.raises(ConfigError, match='depth alone, so nothing can be missing'):
        train_run(one, tmp_path / 'run', method, base_run)
    assert not (tmp_path / 'run').exists()
