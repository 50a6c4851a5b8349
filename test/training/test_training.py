"""Training: data in, bundle out, the same result after an interruption."""

from dataclasses import replace
import io
import json

import cv2
import numpy as np
import pytest

torch = pytest.importorskip('torch', reason='needs PyTorch')
pytest.importorskip('onnx', reason='needs onnx')
onnxruntime = pytest.importorskip('onnxruntime', reason='needs ONNX Runtime')

from rich.console import Console  # noqa: E402

from mm_robust_seg.bundle import load_bundle  # noqa: E402
from mm_robust_seg.datasets.mm5 import MM5  # noqa: E402
from mm_robust_seg.errors import ConfigError, TrainingError  # noqa: E402
from mm_robust_seg.modality import all_combinations, Modality, ModalitySet  # noqa: E402
from mm_robust_seg.network.adapters.base import adapted  # noqa: E402
from mm_robust_seg.network.adapters.ssf import ScaleShift  # noqa: E402
from mm_robust_seg.network.segmenter import Segmenter  # noqa: E402
from mm_robust_seg.training import augment, checkpoint, optimize, train  # noqa: E402
from mm_robust_seg.training.batches import training_batches, validation_batch  # noqa: E402
from mm_robust_seg.training.recipe import load_recipe, Recipe, StageRecipe  # noqa: E402

pytestmark = pytest.mark.torch
NAMES = ('background', 'ball', 'box')


@pytest.fixture(scope='module')
def folder(tmp_path_factory):
    root = tmp_path_factory.mktemp('mm5')
    rng = np.random.default_rng(0)
    for part in ('rgb', 'thermal', 'depth', 'label'):
        (root / part).mkdir()
    for name in range(6):
        label = np.zeros((96, 128), np.uint16)
        top, left = rng.integers(0, 60, 2)
        label[top : top + 30, left : left + 40] = 1 + name % 2
        rgb = np.where(label[..., None] > 0, 200, 60) + rng.integers(0, 20, (96, 128, 3))
        cv2.imwrite(str(root / f'rgb/{name}.jpg'), rgb.astype(np.uint8))
        cv2.imwrite(str(root / f'thermal/{name}.png'), (18500 + 400 * label).astype(np.uint16))
        cv2.imwrite(str(root / f'depth/{name}.png'), (1200 - 200 * label).astype(np.uint16))
        cv2.imwrite(str(root / f'label/{name}.png'), label.astype(np.uint8))
    (root / 'classes.json').write_text(json.dumps({str(i): n for i, n in enumerate(NAMES)}))
    (root / 'train.txt').write_text('\n'.join(map(str, range(4))))
    (root / 'val.txt').write_text('4\n5\n')
    return root


@pytest.fixture(scope='module')
def recipe(folder):
    tiny = Recipe(name='tiny', batch_size=2, crop_height_px=64, crop_width_px=64, bfloat16=False)
    return replace(
        tiny,
        data=replace(tiny.data, kind='mm5', folder=str(folder)),
        inputs=replace(tiny.inputs, height_px=64, width_px=96),
        base=StageRecipe(epochs=2),
        adapters=StageRecipe(epochs=1, weight_decay=0.0),
    )


@pytest.fixture(scope='module')
def finished(recipe, tmp_path_factory):
    out = tmp_path_factory.mktemp('run')
    console = Console(file=io.StringIO())
    train.train(recipe, out / 'checkpoints', out / 'bundle', False, console)
    return out, console.file.getvalue()


def test_augmentation_moves_all_images_together(folder, recipe):
    sample = MM5(folder, 'train')[0]
    for seed in range(8):
        inputs, labels = augment.augmented(
            sample, recipe.input_spec, (64, 64), (1.0, 1.5), np.random.default_rng(seed)
        )
        assert labels.shape == (64, 64)
        if len(np.unique(labels)) < 2:
            continue
        near = inputs[Modality.DEPTH][1]
        for image in (inputs[Modality.RGB][0], inputs[Modality.THERMAL][0], near):
            assert image[labels > 0].mean() > image[labels == 0].mean()


def test_class_weights_favour_the_rare_and_skip_the_absent():
    weights = augment.class_weights(np.array([900, 100, 0]))
    assert weights[1] > weights[0] > 0 == weights[2]


def test_batches_depend_on_seed_epoch_and_index_alone(folder, recipe):
    dataset = MM5(folder, 'train')
    rgb = ModalitySet.parse('rgb')
    first = [labels for _, labels in training_batches(dataset, recipe, 0, rgb)]
    again = [labels for _, labels in training_batches(dataset, recipe, 0, rgb)]
    other = [labels for _, labels in training_batches(dataset, recipe, 1, rgb)]
    assert all(torch.equal(a, b) for a, b in zip(first, again, strict=True))
    assert not all(torch.equal(a, b) for a, b in zip(first, other, strict=True))


def test_learning_rate_rises_then_falls_to_zero():
    rates = [optimize.rate_factor(step / 100) for step in range(101)]
    peak = rates.index(max(rates))
    assert rates[0] == 0
    assert max(rates) == pytest.approx(1)
    assert rates[peak:] == sorted(rates[peak:], reverse=True)
    assert rates[-1] == pytest.approx(0)


def test_loss_ignores_unlabeled_pixels():
    logits = torch.randn(1, 3, 8, 8)
    labels = torch.zeros(1, 32, 32, dtype=torch.uint8)
    weights = torch.ones(3)
    half = labels.clone()
    half[:, 16:] = 255
    whole = optimize.segmentation_loss(logits, labels, weights)
    top = optimize.segmentation_loss(logits, half, weights)
    assert not torch.equal(whole, top)
    assert torch.isfinite(top)


def test_a_run_ends_in_a_verified_bundle_with_scores(finished, recipe):
    out, text = finished
    bundle = load_bundle(out / 'bundle')
    assert bundle.combinations == all_combinations()
    assert set(bundle.adapters) == set(all_combinations()[1:])
    assert set(bundle.scores) == {str(c) for c in all_combinations()}
    assert all({'unadapted', 'adapted'} == set(row) for row in bundle.scores.values())
    complete = bundle.scores['rgb+thermal+depth']
    assert complete['adapted'] == complete['unadapted']
    assert 'rgb+depth: unadapted' in text
    assert (bundle.inputs.height_px, bundle.inputs.width_px) == (64, 96)


@pytest.mark.parametrize('combination', all_combinations(), ids=str)
def test_graphs_compute_what_was_trained(finished, recipe, folder, combination):
    out, _ = finished
    state, _ = checkpoint.load(out / 'bundle/base.safetensors')
    segmenter = Segmenter(3).eval()
    segmenter.load_state_dict(state, strict=False)
    adapter = None
    if len(combination) < 3:
        adapter = ScaleShift(segmenter, combination)
        values, _ = checkpoint.load(out / f'bundle/adapters/{combination}.safetensors')
        adapter.load_state_dict(values)
    images, _ = validation_batch(MM5(folder, 'val'), recipe, 0)
    given = {m: images[m] for m in combination}
    with torch.no_grad():
        logits = adapted(segmenter, adapter, given)
        logits = torch.nn.functional.interpolate(logits, (64, 96), mode='bilinear')
    session = onnxruntime.InferenceSession(out / f'bundle/{combination}.onnx')
    labels, _ = session.run(
        ['labels', 'confidence'], {str(m): x.numpy() for m, x in given.items()}
    )
    assert [i.name for i in session.get_inputs()] == [str(m) for m in combination]
    assert (labels[0] == logits.argmax(1)[0].numpy()).mean() > 0.995


@pytest.mark.slow
def test_an_interrupted_run_repeats_the_uninterrupted_one(finished, recipe, tmp_path, monkeypatch):
    out, _ = finished
    saved = checkpoint.save
    calls = []

    def killed(path, tensors, facts):
        saved(path, tensors, facts)
        calls.append(path)
        if len(calls) in (1, 4):
            raise KeyboardInterrupt

    monkeypatch.setattr(checkpoint, 'save', killed)
    console = Console(file=io.StringIO())
    for attempt in range(2):
        with pytest.raises(KeyboardInterrupt):
            train.train(recipe, tmp_path / 'run', tmp_path / 'bundle', attempt > 0, console)
    train.train(recipe, tmp_path / 'run', tmp_path / 'bundle', True, console)
    there, here = load_bundle(out / 'bundle'), load_bundle(tmp_path / 'bundle')
    assert here.checksums['base.safetensors'] == there.checksums['base.safetensors']
    assert here.scores == there.scores


def test_runs_are_not_mixed(finished, recipe, tmp_path):
    out, _ = finished
    console = Console(file=io.StringIO())
    with pytest.raises(TrainingError, match='--resume'):
        train.train(recipe, out / 'checkpoints', tmp_path / 'b', False, console)
    other = replace(recipe, batch_size=4)
    with pytest.raises(TrainingError, match='another recipe'):
        train.train(other, out / 'checkpoints', tmp_path / 'b', True, console)


def test_a_damaged_checkpoint_is_named(tmp_path):
    path = tmp_path / 'base.safetensors'
    checkpoint.save(path, {'a': torch.ones(3)}, {'epoch': 1})
    path.write_bytes(path.read_bytes()[:-4])
    with pytest.raises(TrainingError, match=r'base\.safetensors is not a usable checkpoint'):
        checkpoint.load(path)


def test_a_failed_save_keeps_the_old_checkpoint(tmp_path, monkeypatch):
    path = tmp_path / 'base.safetensors'
    checkpoint.save(path, {'a': torch.ones(3)}, {'epoch': 1})

    def full_disk(*_args, **_kwargs):
        raise OSError(28, 'No space left on device')

    monkeypatch.setattr(checkpoint, 'save_file', full_disk)
    with pytest.raises(TrainingError, match='No space left'):
        checkpoint.save(path, {'a': torch.zeros(3)}, {'epoch': 2})
    assert checkpoint.load(path)[1] == {'epoch': 1}


def test_recipes_are_checked(tmp_path):
    path = tmp_path / 'recipe.yaml'
    path.write_text('base:\n  epoch: 3\n')
    with pytest.raises(ConfigError, match=r'did you mean base\.epochs'):
        load_recipe(path)
    path.write_text('- 1\n')
    with pytest.raises(ConfigError, match='expected a mapping'):
        load_recipe(path)


@pytest.mark.parametrize('name', ['sim', 'mm5'])
def test_shipped_recipes_are_valid(name):
    from pathlib import Path

    recipe = load_recipe(Path(__file__).parents[2] / f'config/train_{name}.yaml')
    assert recipe.name == recipe.data.kind == name
