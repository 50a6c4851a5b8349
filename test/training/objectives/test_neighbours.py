# Copyright 2026 mm_robust_seg maintainers
# SPDX-License-Identifier: Apache-2.0

"""The neighbouring methods from the command to the bundle: train, stop, restore, export."""

from dataclasses import replace

import pytest

torch = pytest.importorskip('torch', reason='needs PyTorch')
pytest.importorskip('onnx', reason='needs onnx')
onnxruntime = pytest.importorskip('onnxruntime', reason='needs ONNX Runtime')

from mm_robust_seg import cli  # noqa: E402
from mm_robust_seg.bundle import load_bundle  # noqa: E402
from mm_robust_seg.datasets.folder import FolderSplit  # noqa: E402
from mm_robust_seg.modality import all_combinations, ModalitySet  # noqa: E402
from mm_robust_seg.training.base_network import load_base  # noqa: E402
from mm_robust_seg.training.data.batches import validation_batch  # noqa: E402
from mm_robust_seg.training.methods import METHODS  # noqa: E402
from mm_robust_seg.training.restore import restored_method  # noqa: E402
from mm_robust_seg.training.run_folder import read_run  # noqa: E402

pytestmark = [pytest.mark.torch, pytest.mark.slow]
PAIR = ModalitySet.parse('rgb+depth')


@pytest.mark.parametrize('name', ['shared_branch', 'feature_prediction'])
def test_a_run_becomes_a_bundle(name, recipe, scenes, base_run, train_run, tmp_path):
    init = base_run if METHODS[name].command == 'adapt' else None
    train_run(replace(recipe, validate_every=0), tmp_path / 'run', name, init)
    facts = read_run(tmp_path / 'run')
    method = restored_method(tmp_path / 'run', facts)
    networks = method.networks()
    command = ['export', str(tmp_path / 'run'), '--out', str(tmp_path / 'bundle')]
    assert cli.main([*command, '--no-scores']) == 0
    bundle = load_bundle(tmp_path / 'bundle')
    assert bundle.combinations == all_combinations()
    images, _ = validation_batch(FolderSplit(scenes, 'val'), recipe.input_spec, 0)
    given = {m: images[m] for m in PAIR}
    with torch.no_grad():
        logits = networks[PAIR](given)
        wanted = torch.nn.functional.interpolate(logits, (64, 96), mode='bilinear').argmax(1)
        complete = networks[bundle.combinations[0]](images)
    session = onnxruntime.InferenceSession(bundle.graphs[PAIR])
    labels, _ = session.run(None, {m.value: x.numpy() for m, x in given.items()})
    assert (labels == wanted.numpy()).mean() > 0.995
    parameters = facts['parameters']
    if init:
        with torch.no_grad():
            assert torch.equal(complete, load_base(base_run)(images))
        own = parameters['per_combination']
        assert own['rgb+thermal+depth'] == 0
        assert parameters['total_stored'] == parameters['base'] + max(own.values())
    else:
        assert parameters['total_stored'] == parameters['base']
