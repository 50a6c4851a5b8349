# Copyright 2026 mm_robust_seg maintainers
# SPDX-License-Identifier: Apache-2.0

"""Copy-paste: sensors and label together, only where the depth allows it, by chance of the rng."""

from dataclasses import replace

import numpy as np
import pytest

torch = pytest.importorskip('torch', reason='needs PyTorch')

from mm_robust_seg.datasets.folder import FolderSplit  # noqa: E402
from mm_robust_seg.datasets.samples import Sample  # noqa: E402
from mm_robust_seg.errors import DataError  # noqa: E402
from mm_robust_seg.modality import Modality  # noqa: E402
from mm_robust_seg.training.data.batches import training_batches  # noqa: E402
from mm_robust_seg.training.data.copy_paste import pasted  # noqa: E402
from mm_robust_seg.training.data.objects import Objects, Region  # noqa: E402
from mm_robust_seg.training.recipe import ObjectsRecipe  # noqa: E402

pytestmark = pytest.mark.torch
RECIPE = ObjectsRecipe(paste=1.0, most=3, move_x=0.2, move_y=0.2, nearer_m=0.1, farther_m=0.3)
OBJECT = Region(1, 1, 10, 20, np.pad(np.ones((8, 8), bool), ((0, 0), (0, 4))))
OBJECTS = Objects((OBJECT,), np.ones(1), np.array([0.0, 1.0]))


def capture(name, depth_m, grey, labels=0):
    images = {
        Modality.RGB: np.full((40, 60, 3), grey, np.uint8),
        Modality.THERMAL: np.full((40, 60), 280 + grey, np.float32),
        Modality.DEPTH: np.full((40, 60), depth_m, np.float32),
    }
    return Sample(name, images, np.full((40, 60), labels, np.uint8))


def outcomes(beneath_m, recipe=RECIPE, count=20):
    """Paste an object that is 1 m away onto a surface, with several seeds."""
    target, source = capture('a', beneath_m, 10), capture('b', 1.0, 90, labels=1)
    split = [target, source]
    return target, [
        pasted(target, split, OBJECTS, recipe, np.random.default_rng(seed))
        for seed in range(count)
    ]


def test_all_sensors_and_the_label_come_together():
    target, found = outcomes(1.2)
    assert any(sample.labels.any() for sample in found)
    for sample in found:
        new = sample.labels == 1
        assert np.array_equal(sample.images[Modality.RGB] == 90, np.repeat(new[..., None], 3, 2))
        assert np.array_equal(sample.images[Modality.THERMAL] == 370, new)
        assert np.array_equal(sample.images[Modality.DEPTH] == 1, new)
        assert np.array_equal(sample.images[Modality.DEPTH] == np.float32(1.2), ~new)
    assert not target.labels.any() and (target.images[Modality.RGB] == 10).all()


def test_an_object_is_moved_and_mirrored():
    _, found = outcomes(1.2, replace(RECIPE, most=1), count=60)
    columns = [np.flatnonzero(sample.labels.any(0)) for sample in found if sample.labels.any()]
    assert {len(x) for x in columns} == {8}
    starts = [x[0] for x in columns]
    assert len(set(starts)) > 15


def test_images_are_mirrored_with_the_mask():
    still = replace(RECIPE, most=1, move_x=0.0, move_y=0.0)
    target, source = capture('a', 1.2, 10), capture('b', 1.0, 90, labels=1)
    source.images[Modality.THERMAL][:] = np.arange(60)
    seen = set()
    for seed in range(20):
        rng = np.random.default_rng(seed)
        found = pasted(target, [target, source], OBJECTS, still, rng)
        columns = np.flatnonzero(found.labels.any(0))
        seen.add((columns[0], *found.images[Modality.THERMAL][12, columns]))
    assert seen == {(20, *range(20, 28)), (24, *range(27, 19, -1))}


@pytest.mark.parametrize(
    ('beneath_m', 'is_pasted'), [(0.85, False), (0.95, True), (1.25, True), (1.35, False)]
)
def test_the_surface_beneath_is_about_as_far(beneath_m, is_pasted):
    _, found = outcomes(beneath_m)
    assert any(sample.labels.any() for sample in found) is is_pasted


def test_a_surface_without_returns_may_be_anywhere():
    _, found = outcomes(0.0)
    assert not any(sample.labels.any() for sample in found)


def test_without_depth_an_object_goes_anywhere():
    unseen = replace(OBJECTS, regions=(replace(OBJECT, sample=0),))
    target = capture('a', 0.0, 10, labels=1)
    split, rng = [target], np.random.default_rng(0)
    assert pasted(capture('b', 1.0, 90), split, unseen, RECIPE, rng).labels.any()
    target, source = capture('a', 9.0, 10), capture('b', 1.0, 90, labels=1)
    for sample in (target, source):
        del sample.images[Modality.DEPTH]
    split, rng = [target, source], np.random.default_rng(0)
    assert pasted(target, split, OBJECTS, RECIPE, rng).labels.any()


def test_some_samples_stay_as_they_are():
    _, found = outcomes(1.2, replace(RECIPE, paste=0.5), count=100)
    assert 35 <= sum(sample.labels.any() for sample in found) <= 65
    untouched = capture('a', 1.0, 1)
    rng = np.random.default_rng(0)
    assert pasted(untouched, [], OBJECTS, replace(RECIPE, paste=0.0), rng) is untouched


def test_batches_with_objects_depend_on_seed_epoch_and_index_alone(scenes, recipe):
    from mm_robust_seg.training.data.objects import find_objects

    dataset = FolderSplit(scenes, 'train')
    wanted = replace(recipe.objects, crops=0.75, paste=0.8, common=0.5, farther_m=1.0)
    objects = find_objects(dataset, np.array([False, True, True]), wanted)
    changed = replace(recipe, objects=wanted)

    def labels(epoch, workers=0):
        own = replace(changed, workers=workers)
        return torch.cat([y for _, y in training_batches(dataset, own, epoch, objects=objects)])

    plain = torch.cat([y for _, y in training_batches(dataset, recipe, 0)])
    assert torch.equal(labels(0), labels(0, workers=1))
    assert not torch.equal(labels(0), labels(1))
    assert (labels(0) > 0).sum() > (plain > 0).sum()


def test_objects_that_are_not_there_are_said_before_the_folder_is_claimed(
    recipe, train_run, tmp_path
):
    none = replace(recipe, objects=replace(recipe.objects, crops=0.5, common=1e-4))
    with pytest.raises(DataError, match='holds no objects'):
        train_run(none, tmp_path / 'run')
    assert not (tmp_path / 'run').exists()


def test_a_run_with_objects_ends_the_same_after_a_kill(recipe, train_run, tmp_path, monkeypatch):
    from mm_robust_seg.training.loop import checkpoint

    objects = replace(recipe.objects, crops=0.75, paste=0.8, common=0.5, farther_m=1.0)
    changed = replace(recipe, objects=objects, validate_every=0)
    train_run(changed, tmp_path / 'whole', 'self_distillation')
    saved = checkpoint.save

    def save(*arguments):
        saved(*arguments)
        raise KeyboardInterrupt

    monkeypatch.setattr(checkpoint, 'save', save)
    with pytest.raises(KeyboardInterrupt):
        train_run(changed, tmp_path / 'killed', 'self_distillation')
    monkeypatch.undo()
    train_run(changed, tmp_path / 'killed', 'self_distillation', resume=True)
    files = [tmp_path / name / 'base.last.safetensors' for name in ('whole', 'killed')]
    first, second = (checkpoint.load(file)[0] for file in files)
    assert all(torch.equal(first[name], second[name]) for name in first)
