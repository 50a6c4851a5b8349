# Copyright 2026 mm_robust_seg maintainers
# SPDX-License-Identifier: Apache-2.0

"""The method none: the base as it is, for every combination, at no cost."""

import json

import pytest

torch = pytest.importorskip('torch', reason='needs PyTorch')

from mm_robust_seg.bundle import load_bundle  # noqa: E402
from mm_robust_seg.cli import main  # noqa: E402
from mm_robust_seg.modality import all_combinations, COMPLETE, Modality  # noqa: E402
from mm_robust_seg.training.base_network import load_base  # noqa: E402
from mm_robust_seg.training.restore import restored_method  # noqa: E402

pytestmark = pytest.mark.torch


@pytest.fixture(scope='module')
def unadapted_run(recipe, train_run, base_run, tmp_path_factory):
    out = tmp_path_factory.mktemp('none') / 'run'
    train_run(recipe, out, 'none', base_run)
    return out


def test_nothing_is_trained_or_stored(unadapted_run):
    facts = json.loads((unadapted_run / 'run.json').read_text())
    assert (facts['finished'], facts['steps']) == (True, 0)
    parameters = facts['parameters']
    assert parameters['total_stored'] == parameters['base'] > 0
    assert set(parameters['per_combination'].values()) == {0}


def test_every_combination_is_the_base(unadapted_run, base_run):
    facts = json.loads((unadapted_run / 'run.json').read_text())
    networks = restored_method(unadapted_run, facts).networks()
    base = load_base(base_run)
    generator = torch.Generator().manual_seed(0)
    images = {
        m: torch.randn(1, channels, 64, 96, generator=generator)
        for m, channels in zip(Modality, (3, 2, 3), strict=True)
    }
    for combination in all_combinations(COMPLETE):
        inputs = {m: images[m] for m in combination}
        with torch.inference_mode():
            assert torch.equal(networks[combination](inputs), base(inputs))


def test_the_bundle_has_no_adapters(unadapted_run, tmp_path):
    words = ['export', str(unadapted_run), '--out', str(tmp_path / 'b'), '--no-scores']
    assert main([*words, '--threads', '1']) == 0
    bundle = load_bundle(tmp_path / 'b')
    assert set(bundle.graphs) == set(all_combinations())
    assert not bundle.adapters
