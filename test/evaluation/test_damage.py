# Copyright 2026 mm_robust_seg maintainers
# SPDX-License-Identifier: Apache-2.0

"""Damaged inputs: exactly what the benchmark says, repeatable, and nothing else touched."""

from __future__ import annotations

import numpy as np
import pytest

from mm_robust_seg.evaluation.damage import (
    benchmark_damages,
    damaged_values,
    Noise,
    RandomMissing,
)
from mm_robust_seg.modality import COMPLETE, Modality, ModalitySet


@pytest.fixture
def inputs():
    rng = np.random.default_rng(5)
    return {
        m: (1 + rng.random((1, channels, 80, 100), np.float32))
        for m, channels in zip(Modality, (3, 2, 3), strict=True)
    }


def rng():
    return np.random.default_rng(1)


@pytest.mark.parametrize('rate', [0.25, 0.75])
def test_random_missing_zeroes_that_share_of_the_damaged_sensors_alone(inputs, rate):
    damaged = RandomMissing(ModalitySet.parse('rgb+depth'), rate)(inputs, rng())
    for modality in (Modality.RGB, Modality.DEPTH):
        kept = damaged[modality] != 0
        assert 1 - kept.mean() == pytest.approx(rate, abs=0.02)
        np.testing.assert_array_equal(damaged[modality][kept], inputs[modality][kept])
        assert (kept[0].any(0) & ~kept[0].all(0)).any(), 'channels fail on their own'
    np.testing.assert_array_equal(damaged[Modality.THERMAL], inputs[Modality.THERMAL])


def test_salt_and_pepper_hit_elements_with_the_extremes_of_the_image(inputs):
    share = 0.2
    damaged = Noise(share, 0.0)(inputs, rng())
    for modality, array in inputs.items():
        salted, peppered = damaged[modality] == array.max(), damaged[modality] == array.min()
        for elements in (salted, peppered):
            assert elements.mean() == pytest.approx(share / 2, abs=0.02)
            assert (elements[0].any(0) & ~elements[0].all(0)).any(), 'channels are hit alone'
        assert ((damaged[modality] == array) | salted | peppered).all()


def test_noise_comes_on_top_of_salt_and_pepper(inputs):
    damaged = Noise(1.0, 0.1)(inputs, rng())
    for modality, array in inputs.items():
        off = np.minimum(
            abs(damaged[modality] - array.max()), abs(damaged[modality] - array.min())
        )
        assert 0 < off.mean() < 0.2
        assert damaged[modality].max() > array.max() > array.min() > damaged[modality].min()


def test_gaussian_noise_has_the_sigma_of_normalised_units(inputs):
    damaged = Noise(0.0, 0.5)(inputs, rng())
    for modality, array in inputs.items():
        difference = damaged[modality] - array
        assert difference.std() == pytest.approx(0.5, abs=0.02)
        assert abs(difference.mean()) < 0.02


@pytest.mark.parametrize('damage', [RandomMissing(COMPLETE, 0.5), Noise(0.1, 0.2)])
def test_damage_is_repeatable_float32_and_leaves_its_input_alone(inputs, damage):
    before = {m: array.copy() for m, array in inputs.items()}
    first, second = damage(inputs, rng()), damage(inputs, rng())
    for modality, array in inputs.items():
        assert first[modality].dtype == np.float32
        assert first[modality].shape == array.shape
        np.testing.assert_array_equal(first[modality], second[modality])
        np.testing.assert_array_equal(array, before[modality])


def test_the_benchmark_damages_every_subset_but_the_whole_at_every_rate():
    damages = benchmark_damages(COMPLETE)
    assert len(damages) == len(set(damages)) == 3 * 6 + 3
    assert COMPLETE not in {d.damaged for d in damages if isinstance(d, RandomMissing)}
    alone = benchmark_damages(ModalitySet.parse('rgb'))
    assert [type(damage) for damage in alone] == [Noise] * 3


@pytest.mark.parametrize('damage', [RandomMissing(COMPLETE, 0.5), Noise(0.2, 0.5)])
def test_nobody_tells_a_network_of_the_damage(inputs, damage):
    for image in inputs.values():
        image[:, -1] = np.arange(100) < 60
        image[...] = image * image[:, -1:]
    spoilt = damaged_values(damage, inputs, rng(), validity=True)
    values = damage({m: image[:, :-1] for m, image in inputs.items()}, rng())
    for m, image in inputs.items():
        np.testing.assert_array_equal(spoilt[m][:, -1], image[:, -1])
        assert not spoilt[m][..., 60:].any()
        np.testing.assert_array_equal(spoilt[m][:, :-1, :, :60], values[m][..., :60])
    before, after = damage(inputs, rng()), damaged_values(damage, inputs, rng(), validity=False)
    assert all(np.array_equal(before[m], after[m]) for m in inputs)
