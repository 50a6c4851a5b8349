"""The network: any combination runs, order does not matter, adapters fold exactly."""

import copy

import pytest

torch = pytest.importorskip('torch', reason='needs PyTorch')

from mm_robust_seg.bundle import CHANNELS  # noqa: E402
from mm_robust_seg.errors import TrainingError  # noqa: E402
from mm_robust_seg.modality import all_combinations, COMPLETE, Modality, ModalitySet  # noqa: E402
from mm_robust_seg.network.adapters.base import adapted, parameter_count, runs_for  # noqa: E402
from mm_robust_seg.network.adapters.ssf import ScaleShift  # noqa: E402
from mm_robust_seg.network.backbones.mobilenetv2 import MobileNetV2  # noqa: E402
from mm_robust_seg.network.segmenter import Labeler, Segmenter  # noqa: E402

pytestmark = pytest.mark.torch
INCOMPLETE = all_combinations()[1:]


@pytest.fixture(scope='module')
def segmenter():
    torch.manual_seed(3)
    return Segmenter(5).eval().requires_grad_(False)


def inputs(combination, size=(64, 96)):
    generator = torch.Generator().manual_seed(1)
    return {m: torch.randn(2, CHANNELS[m], *size, generator=generator) for m in combination}


def perturbed(adapter):
    with torch.no_grad():
        for parameter in adapter.parameters():
            parameter.add_(torch.randn_like(parameter) * 0.1)
    return adapter


@pytest.mark.parametrize('combination', all_combinations(), ids=str)
def test_every_combination_gives_logits(segmenter, combination):
    assert segmenter(inputs(combination)).shape == (2, 5, 16, 24)


def test_absent_encoders_do_not_run(segmenter):
    ran = []
    hooks = [
        encoder.register_forward_hook(lambda *_, name=name: ran.append(name))
        for name, encoder in segmenter.encoders.items()
    ]
    segmenter(inputs(ModalitySet.parse('rgb+depth')))
    for hook in hooks:
        hook.remove()
    assert sorted(ran) == ['depth', 'rgb']


def test_order_of_the_inputs_does_not_matter(segmenter):
    given = inputs(COMPLETE)
    backwards = dict(reversed(given.items()))
    assert torch.equal(segmenter(given), segmenter(backwards))


@pytest.mark.parametrize('combination', INCOMPLETE, ids=str)
def test_adapter_is_under_one_percent_and_starts_as_identity(segmenter, combination):
    adapter = ScaleShift(segmenter, combination)
    assert 0 < parameter_count(adapter) < 0.01 * parameter_count(segmenter)
    given = inputs(combination)
    assert torch.equal(adapted(segmenter, adapter, given), segmenter(given))


@pytest.mark.parametrize('combination', INCOMPLETE, ids=str)
def test_adapter_touches_only_what_runs_and_has_a_gradient(segmenter, combination):
    adapter = ScaleShift(segmenter, combination)
    assert all(runs_for(site, combination) for site in adapter.sites)
    adapted(segmenter, adapter, inputs(combination)).square().mean().backward()
    assert all(p.grad is not None and p.grad.abs().sum() > 0 for p in adapter.beta.values())


def test_folding_equals_scaling_and_shifting_the_features(segmenter):
    combination = ModalitySet.parse('thermal+depth')
    adapter = perturbed(ScaleShift(segmenter, combination))
    hooks = []
    for site in adapter.sites:
        key = site.replace('.', '/')
        gamma, beta = adapter.gamma[key], adapter.beta[key]
        hooks.append(
            segmenter.get_submodule(site).register_forward_hook(
                lambda _m, _i, out, g=gamma, b=beta: out * g[:, None, None] + b[:, None, None]
            )
        )
    given = inputs(combination)
    unfolded = segmenter(given)
    for hook in hooks:
        hook.remove()
    folded = adapted(segmenter, adapter, given)
    assert not torch.allclose(folded, segmenter(given), rtol=1e-3)
    torch.testing.assert_close(folded, unfolded, rtol=1e-4, atol=1e-4)


def test_complete_input_is_bit_identical_whatever_adapters_exist(segmenter):
    given = inputs(COMPLETE)
    before = segmenter(given)
    for combination in INCOMPLETE:
        adapted(segmenter, perturbed(ScaleShift(segmenter, combination)), inputs(combination))
    assert torch.equal(segmenter(given), before)


def test_labeler_agrees_with_the_logits(segmenter):
    combination = ModalitySet.parse('rgb+thermal')
    given = {m: x[:1] for m, x in inputs(combination).items()}
    labels, confidence = Labeler(segmenter, combination)(*given.values())
    logits = torch.nn.functional.interpolate(segmenter(given), (64, 96), mode='bilinear')
    assert torch.equal(labels, logits.argmax(1).to(torch.uint8))
    assert confidence.dtype == torch.uint8
    assert confidence.shape == (1, 64, 96)
    assert confidence.min() >= 255 // 5


def test_pretrained_weights_load_and_wrong_ones_are_named(tmp_path):
    import numpy as np

    source = MobileNetV2(3)
    state = {k: v.numpy() for k, v in source.state_dict().items()}
    np.savez(tmp_path / 'good.npz', **state)
    encoder = MobileNetV2(2)
    encoder.load_pretrained(tmp_path / 'good.npz')
    constant = torch.ones(1, 3, 32, 32)
    same = source.features[0][0](constant), encoder.features[0][0](constant[:, :2])
    torch.testing.assert_close(*same)
    del state['features.3.conv.2.weight']
    np.savez(tmp_path / 'bad.npz', **state)
    with pytest.raises(TrainingError, match=r'features\.3\.conv\.2\.weight'):
        encoder.load_pretrained(tmp_path / 'bad.npz')
    with pytest.raises(TrainingError, match='cannot be read'):
        encoder.load_pretrained(tmp_path / 'absent.npz')


def test_state_is_not_shared_with_a_copy(segmenter):
    clone = copy.deepcopy(segmenter)
    assert all(
        a.data_ptr() != b.data_ptr()
        for a, b in zip(segmenter.parameters(), clone.parameters(), strict=True)
    )
    assert set(segmenter.encoders) == {m.value for m in Modality}
