# Copyright 2026 mm_robust_seg maintainers
# SPDX-License-Identifier: Apache-2.0

"""The hyper-network: nothing at first, small, and its adapters fold like stored ones."""

import copy

import pytest

torch = pytest.importorskip('torch', reason='needs PyTorch')

from random_inputs import perturbed, random_inputs, warmed_up  # noqa: E402

from mm_robust_seg.modality import all_combinations, COMPLETE, ModalitySet  # noqa: E402
from mm_robust_seg.network.adapters.base import (  # noqa: E402
    adapted,
    fold,
    parameter_count,
    runs_for,
)
from mm_robust_seg.network.adapters.ssf import scaled_sites, ScaleShift  # noqa: E402
from mm_robust_seg.network.hypernetwork import Generated, HyperNetwork, Personalized  # noqa: E402
from mm_robust_seg.network.segmenter import Segmenter  # noqa: E402

pytestmark = pytest.mark.torch
INCOMPLETE = all_combinations()[1:]
PAIR = ModalitySet.parse('rgb+depth')


@pytest.fixture(scope='module')
def segmenter():
    torch.manual_seed(3)
    return warmed_up(Segmenter(5, channels=24))


@pytest.fixture(scope='module')
def trained(segmenter):
    return perturbed(HyperNetwork(segmenter))


@pytest.mark.parametrize('combination', INCOMPLETE, ids=str)
def test_a_new_one_changes_nothing(segmenter, combination):
    given = random_inputs(combination)
    network = Personalized(segmenter, HyperNetwork(segmenter))
    assert torch.equal(network(given), segmenter(given))


@pytest.mark.parametrize('modalities', [COMPLETE, PAIR], ids=str)
def test_it_stays_under_one_percent_and_below_the_adapters_it_replaces(modalities):
    segmenter = Segmenter(14, modalities)
    size = parameter_count(HyperNetwork(segmenter))
    incomplete = all_combinations(modalities)[1:]
    stored = sum(parameter_count(ScaleShift(segmenter, c)) for c in incomplete)
    assert 0 < size < 0.01 * parameter_count(segmenter)
    assert size < stored


def test_complete_input_is_left_alone(segmenter, trained):
    given = random_inputs(COMPLETE)
    assert torch.equal(Personalized(segmenter, trained)(given), segmenter(given))


@pytest.mark.parametrize('combination', INCOMPLETE, ids=str)
def test_folded_equals_unfolded(segmenter, trained, combination):
    given = random_inputs(combination)
    adapter = Generated(trained, combination)
    with torch.no_grad():
        unfolded = adapted(segmenter, adapter, given)
    torch.testing.assert_close(fold(segmenter, adapter)(given), unfolded, rtol=1e-5, atol=1e-5)
    assert not torch.allclose(unfolded, segmenter(given), atol=1e-3)


def test_scale_and_shift_apply_to_the_features(segmenter, trained):
    exact = copy.deepcopy(segmenter).double()
    given = {m: image.double() for m, image in random_inputs(PAIR).items()}
    folded = fold(exact, Generated(trained, PAIR))(given)
    for site, (gamma, beta) in trained(PAIR).items():
        exact.get_submodule(site).register_forward_hook(
            lambda _m, _i, out, g=gamma, b=beta: out * g[:, None, None] + b[:, None, None]
        )
    torch.testing.assert_close(folded, exact(given), rtol=1e-6, atol=1e-6)


def test_combinations_get_different_adapters_for_what_they_share(trained):
    affines = [trained(combination)['decoder.smooth.0.0.1'] for combination in INCOMPLETE]
    gammas = [gamma for gamma, _ in affines]
    assert len({tuple(gamma.tolist()) for gamma in gammas}) == len(INCOMPLETE)


def test_only_what_runs_is_adapted_whatever_the_width(segmenter):
    hypernetwork = HyperNetwork(segmenter, chunk=7)
    affines = hypernetwork(PAIR)
    assert set(affines) == set(scaled_sites(segmenter, PAIR, None))
    for site, (gamma, beta) in affines.items():
        assert runs_for(site, PAIR)
        width = segmenter.get_submodule(site).weight.shape[0]
        assert gamma.shape == beta.shape == (width,)
