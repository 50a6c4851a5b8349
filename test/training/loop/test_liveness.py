# Copyright 2026 mm_robust_seg maintainers
# SPDX-License-Identifier: Apache-2.0

"""An encoder that stopped telling images apart is found."""

import pytest

torch = pytest.importorskip('torch', reason='needs PyTorch')

from random_inputs import random_inputs, warmed_up  # noqa: E402

from mm_robust_seg.modality import COMPLETE, Modality, ModalitySet  # noqa: E402
from mm_robust_seg.network.segmenter import Segmenter  # noqa: E402
from mm_robust_seg.training.loop.liveness import constant_features  # noqa: E402
from mm_robust_seg.training.objectives.base import SegmentationLoss  # noqa: E402
from mm_robust_seg.training.objectives.complete import WholeNetwork  # noqa: E402

pytestmark = pytest.mark.torch


@pytest.fixture
def segmenter():
    network = Segmenter(4)
    warmed_up(network)
    return network


def batches():
    """Return images that differ in brightness, not in their noise alone."""
    noise = random_inputs(COMPLETE, count=4)
    steps = torch.tensor([-1.0, 0.0, 1.0, 2.0]).reshape(4, 1, 1, 1)
    return [{m: image + steps for m, image in noise.items()}]


def test_a_live_network_has_nothing_to_tell(segmenter):
    assert constant_features(segmenter, batches()) == []


def test_a_dead_stage_is_named(segmenter):
    last = segmenter.encoders['rgb'].features[-1].conv[-1]
    torch.nn.init.zeros_(last.weight)
    torch.nn.init.ones_(last.bias)
    assert constant_features(segmenter, batches()) == ['rgb at stride 32']


def test_training_moves_the_statistics_of_every_encoder(segmenter):
    objective = WholeNetwork(segmenter, COMPLETE, SegmentationLoss(torch.ones(4)))
    objective.set_mode()
    norms = {n: m for n, m in segmenter.named_modules() if isinstance(m, torch.nn.BatchNorm2d)}
    assert all(norm.training for norm in norms.values())
    assert set(segmenter.encoders) == {m.value for m in ModalitySet(Modality)}
