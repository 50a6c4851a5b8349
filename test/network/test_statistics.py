# Copyright 2026 mm_robust_seg maintainers
# SPDX-License-Identifier: Apache-2.0

"""A start from the statistics of the sensors that are left."""

import copy

import pytest

torch = pytest.importorskip('torch', reason='needs PyTorch')

from random_inputs import random_inputs, warmed_up  # noqa: E402

from mm_robust_seg.errors import TrainingError  # noqa: E402
from mm_robust_seg.modality import COMPLETE, ModalitySet  # noqa: E402
from mm_robust_seg.network.adapters.base import adapted, fold  # noqa: E402
from mm_robust_seg.network.adapters.combined import Combined  # noqa: E402
from mm_robust_seg.network.adapters.private_decoder import PrivateDecoder  # noqa: E402
from mm_robust_seg.network.adapters.ssf import ScaleShift  # noqa: E402
from mm_robust_seg.network.adapters.statistics import (  # noqa: E402
    recalibrated,
    start_from_statistics,
)
from mm_robust_seg.network.segmenter import Segmenter  # noqa: E402

pytestmark = pytest.mark.torch
PAIR = ModalitySet.parse('thermal+depth')


@pytest.fixture(scope='module')
def segmenter():
    torch.manual_seed(3)
    return warmed_up(Segmenter(5))


@pytest.fixture(scope='module')
def batches():
    return [random_inputs(COMPLETE, count=4, seed=seed) for seed in range(3)]


@pytest.mark.parametrize('make', [ScaleShift, Combined, PrivateDecoder])
@torch.no_grad()
def test_the_start_equals_a_network_with_replaced_statistics(segmenter, batches, make):
    adapter = make(segmenter, PAIR)
    start_from_statistics(adapter, segmenter, PAIR, batches)
    replaced = copy.deepcopy(segmenter)
    replaced.load_state_dict(recalibrated(segmenter, PAIR, batches), strict=False)
    given = random_inputs(PAIR, seed=9)
    logits = replaced(given)
    assert (logits - segmenter(given)).abs().max() > 1e-2
    torch.testing.assert_close(adapted(segmenter, adapter, given), logits, rtol=0, atol=1e-4)
    torch.testing.assert_close(fold(segmenter, adapter)(given), logits, rtol=0, atol=1e-4)


@torch.no_grad()
def test_every_decoder_norm_then_sees_what_it_expects(segmenter, batches):
    network = copy.deepcopy(segmenter)
    norms = [m for m in network.decoder.modules() if isinstance(m, torch.nn.BatchNorm2d)]
    for norm in norms:
        norm.weight.fill_(1)
        norm.bias.fill_(0)
    network.load_state_dict(recalibrated(network, PAIR, batches), strict=False)
    outputs = []
    for norm in norms:
        norm.register_forward_hook(lambda _m, _i, out: outputs.append(out.clone()))
    network({m: torch.cat([batch[m] for batch in batches]) for m in PAIR})
    assert len(outputs) == len(norms) == 11
    for output in outputs:
        variance, mean = torch.var_mean(output, (0, 2, 3), correction=0)
        torch.testing.assert_close(mean, torch.zeros(96), rtol=0, atol=1e-3)
        assert (variance < 1 + 1e-3).all()


@torch.no_grad()
def test_how_the_images_are_batched_is_of_no_importance(segmenter, batches):
    everything = {m: torch.cat([batch[m] for batch in batches]) for m in PAIR}
    one, other = (recalibrated(segmenter, PAIR, b) for b in (batches, [everything]))
    assert one.keys() == other.keys()
    for name in one:
        torch.testing.assert_close(one[name], other[name], rtol=1e-3, atol=1e-4)


def test_norms_without_a_site_keep_their_statistics(segmenter, batches):
    adapter = ScaleShift(segmenter, PAIR, ('decoder.refine', 'fusion.1'))
    start_from_statistics(adapter, segmenter, PAIR, batches)
    moved = [key for key, gamma in adapter.gamma.items() if not torch.all(gamma == 1)]
    assert moved == ['decoder/refine/0/1', 'decoder/refine/1/1']


def test_too_few_images_are_refused(segmenter):
    with pytest.raises(TrainingError, match=r'images are too few .* give at least 8'):
        recalibrated(segmenter, PAIR, [random_inputs(COMPLETE, count=2)])
    with pytest.raises(TrainingError, match=r'images are too few .* give at least 8'):
        recalibrated(segmenter, PAIR, [])
