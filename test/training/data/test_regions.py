# Copyright 2026 mm_robust_seg maintainers
# SPDX-License-Identifier: Apache-2.0

"""Regions that sensors lose in training: of every kind, of the wanted share, by the seed alone."""

from dataclasses import fields, replace

from hypothesis import given
from hypothesis import strategies as st
import numpy as np
import pytest

torch = pytest.importorskip('torch', reason='needs PyTorch')

from mm_robust_seg.datasets.folder import FolderSplit  # noqa: E402
from mm_robust_seg.errors import ConfigError  # noqa: E402
from mm_robust_seg.modalities import KINDS  # noqa: E402
from mm_robust_seg.modality import COMPLETE, Modality  # noqa: E402
from mm_robust_seg.training.data.batches import training_batches  # noqa: E402
from mm_robust_seg.training.data.regions import REGIONS, without_regions  # noqa: E402
from mm_robust_seg.training.recipe import Recipe, RegionRecipe  # noqa: E402

pytestmark = pytest.mark.torch
SIZE = (48, 64)
SHARES = st.floats(0.02, 0.95)
SEEDS = st.integers(0, 1000)
EXACT = ('bands', 'half_planes')


def inputs_of(size=SIZE):
    shapes = {m: (KINDS[m].input_channels(True), *size) for m in COMPLETE}
    return {m: np.ones(shape, np.float32) for m, shape in shapes.items()}


def lost(recipe, seed=0):
    return without_regions(inputs_of(), recipe, np.random.default_rng(seed))


@given(share=SHARES, seed=SEEDS, name=st.sampled_from(sorted(REGIONS)))
def test_a_region_takes_about_the_share_that_is_wanted(share, seed, name):
    hidden = REGIONS[name](SIZE, share, np.random.default_rng(seed))
    assert (hidden.shape, hidden.dtype) == (SIZE, np.bool_)
    least, most = (share - 0.01, share + 0.01) if name in EXACT else (share - 0.3, share + 0.3)
    assert least <= hidden.mean() <= most


@pytest.mark.parametrize('name', sorted(REGIONS))
def test_the_mean_share_of_a_kind_is_the_wanted_one(name):
    shares = [REGIONS[name](SIZE, 0.3, np.random.default_rng(s)).mean() for s in range(200)]
    assert np.mean(shares) == pytest.approx(0.3, abs=0.05)


def test_kinds_look_as_they_are_called():
    rng = np.random.default_rng(4)
    blobs = REGIONS['blobs'](SIZE, 0.3, rng)
    scattered = REGIONS['scattered'](SIZE, 0.3, rng)
    assert edges(scattered) > 3 * edges(blobs)
    frame = REGIONS['frames'](SIZE, 0.5, rng)
    rows, columns = np.nonzero(~frame)
    view = frame[rows.min() : rows.max() + 1, columns.min() : columns.max() + 1]
    assert not view.any(), 'what is left is a rectangle'
    half = REGIONS['half_planes'](SIZE, 0.5, rng)
    assert half[0, 0] != half[-1, -1] or half[0, -1] != half[-1, 0]


def edges(hidden):
    return (hidden[1:] != hidden[:-1]).sum() + (hidden[:, 1:] != hidden[:, :-1]).sum()


def test_every_kind_has_its_probability():
    names = {f.name for f in fields(RegionRecipe)}
    assert names == {*REGIONS, 'elements', 'largest', 'together'}
    assert not RegionRecipe().is_on
    assert all(RegionRecipe(**{name: 0.1}).is_on for name in (*REGIONS, 'elements'))


@pytest.mark.parametrize('name', sorted(REGIONS))
def test_what_is_lost_is_0_in_all_channels_the_validity_with_them(name):
    after = lost(RegionRecipe(**{name: 1.0}, together=0.0))
    hidden = {}
    for modality, image in after.items():
        hidden[modality] = image[-1] == 0
        assert hidden[modality].any() and not hidden[modality].all()
        assert not image[:, hidden[modality]].any()
        assert (image[:, ~hidden[modality]] == 1).all()
    assert not np.array_equal(hidden[Modality.RGB], hidden[Modality.DEPTH]), 'one of its own each'


def test_all_sensors_may_lose_the_same_region():
    recipe = RegionRecipe(bands=1e-9, together=1.0)
    images = list(lost(recipe).values())
    hidden = images[0][-1] == 0
    assert hidden.any()
    assert all(np.array_equal(image[-1] == 0, hidden) for image in images)


def test_single_elements_are_lost_unbeknown_to_the_validity():
    for image in lost(RegionRecipe(elements=1.0)).values():
        assert (image[-1] == 1).all()
        assert 0 < (image[:-1] == 0).mean() < 0.8


def test_nothing_is_lost_unless_it_is_asked_for():
    before = inputs_of()
    after = without_regions(before, RegionRecipe(together=1.0), np.random.default_rng(0))
    assert all(after[m] is before[m] for m in COMPLETE)


def test_a_probability_is_the_share_of_samples():
    recipe = RegionRecipe(half_planes=0.25, together=0.0)
    hits = [(lost(recipe, seed)[Modality.RGB] == 0).any() for seed in range(400)]
    assert np.mean(hits) == pytest.approx(0.25, abs=0.07)


def test_the_seed_decides():
    recipe = RegionRecipe(blobs=0.5, scattered=0.5, elements=0.5, together=0.5)
    first, again, other = (lost(recipe, seed) for seed in (1, 1, 2))
    assert all(np.array_equal(first[m], again[m]) for m in COMPLETE)
    assert any(not np.array_equal(first[m], other[m]) for m in COMPLETE)


def test_batches_lose_regions_and_repeat_themselves(scenes, recipe):
    told = replace(recipe, inputs=replace(recipe.inputs, validity=True))
    told = replace(told, regions=RegionRecipe(bands=1.0))
    dataset = FolderSplit(scenes, 'train')
    (images, labels), *_ = training_batches(dataset, told, epoch=0)
    (again, _), *_ = training_batches(dataset, told, epoch=0)
    (plain, same), *_ = training_batches(dataset, replace(told, regions=RegionRecipe()), epoch=0)
    assert torch.equal(labels, same)
    for m in COMPLETE:
        assert torch.equal(images[m], again[m])
        assert (images[m][:, -1] == 0).float().mean() > (plain[m][:, -1] == 0).float().mean()
        kept = images[m][:, -1:] == 1
        assert torch.equal(images[m] * kept, plain[m] * kept)


def test_regions_need_a_network_that_is_told_of_them():
    with pytest.raises(ConfigError, match=r'inputs\.validity is false.*set inputs\.validity'):
        Recipe(regions=RegionRecipe(blobs=0.1))
