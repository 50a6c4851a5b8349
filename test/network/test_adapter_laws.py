# Copyright 2026 mm_robust_seg maintainers
# SPDX-License-Identifier: Apache-2.0

"""What single adapters compute, said in another way."""

import copy
from pathlib import Path

import pytest

torch = pytest.importorskip('torch', reason='needs PyTorch')

from random_inputs import perturbed, random_inputs, warmed_up  # noqa: E402
from safetensors.torch import load_file  # noqa: E402
from torch.nn import functional  # noqa: E402

from mm_robust_seg.errors import ConfigError  # noqa: E402
from mm_robust_seg.modality import Modality, ModalitySet  # noqa: E402
from mm_robust_seg.network.adapters.base import (  # noqa: E402
    adapted,
    fold,
    key_of,
    parameter_count,
)
from mm_robust_seg.network.adapters.combined import Combined  # noqa: E402
from mm_robust_seg.network.adapters.lora import LowRank  # noqa: E402
from mm_robust_seg.network.adapters.norm import NormAffine  # noqa: E402
from mm_robust_seg.network.adapters.private_decoder import PrivateDecoder  # noqa: E402
from mm_robust_seg.network.adapters.prompt_tokens import PromptAttention, PromptInput  # noqa: E402
from mm_robust_seg.network.adapters.prompts import ChannelPrompts, ConcatenatedPrompts  # noqa: E402
from mm_robust_seg.network.adapters.ssf import NORMS, scaled_sites, ScaleShift  # noqa: E402
from mm_robust_seg.network.segmenter import Segmenter  # noqa: E402
from mm_robust_seg.training.base_network import load_network  # noqa: E402

pytestmark = pytest.mark.torch
PAIR = ModalitySet.parse('thermal+depth')
DEPTH = ModalitySet.parse('depth')
MODELS = Path(__file__).parents[2] / 'models'
SHIPPED = sorted(MODELS.glob('*/adapters/*.safetensors'))


@pytest.fixture(scope='module')
def segmenter():
    torch.manual_seed(3)
    return warmed_up(Segmenter(5))


@pytest.fixture(scope='module')
def transformer():
    torch.manual_seed(3)
    return Segmenter(5, ModalitySet.parse('rgb+depth'), 'mit_b0')


def test_folding_equals_scaling_and_shifting_the_features(segmenter):
    network = copy.deepcopy(segmenter).double()
    adapter = perturbed(ScaleShift(network, PAIR)).double()
    given = {m: x.double() for m, x in random_inputs(PAIR).items()}
    folded = adapted(network, adapter, given)
    for site in adapter.sites:
        gamma, beta = adapter.gamma[key_of(site)], adapter.beta[key_of(site)]
        network.get_submodule(site).register_forward_hook(
            lambda _m, _i, out, g=gamma, b=beta: out * g[:, None, None] + b[:, None, None]
        )
    torch.testing.assert_close(folded, network(given), rtol=1e-9, atol=1e-9)


@pytest.mark.parametrize('make', [ScaleShift, NormAffine])
def test_expansions_are_taken_from_the_deepest_on_as_far_as_one_percent_goes(segmenter, make):
    expansions = [f'encoders.{{}}.features.{n}.conv.0.1' for n in range(2, 18)]
    alone, pair = make(segmenter, DEPTH).sites, make(segmenter, PAIR).sites
    assert {e.format('depth') for e in expansions} <= set(alone)
    for sensor in PAIR:
        taken = [e.format(sensor) in pair for e in expansions]
        assert taken == sorted(taken)
        assert 0 < sum(taken) < len(taken)
    assert make(segmenter, DEPTH, (expansions[3].format('depth'),)).sites == (
        expansions[3].format('depth'),
    )


def test_scale_and_shift_reach_the_gates_and_the_classifier(segmenter):
    gates = {f'fusion.{level}.gate.{m}' for level in range(4) for m in PAIR}
    assert gates | {'decoder.classify'} <= set(ScaleShift(segmenter, PAIR).sites)


def test_half_the_price_buys_more_sites(segmenter):
    both, scales = ScaleShift(segmenter, PAIR), ScaleShift(segmenter, PAIR, shifts=False)
    assert set(both.sites) < set(scales.sites)


@pytest.mark.parametrize('path', SHIPPED, ids=lambda path: f'{path.parts[-3]} {path.stem}')
def test_shipped_adapters_load(path):
    state = load_file(path)
    parts = {name.partition('.')[0] for name in state}
    kinds = {'low_rank': Combined, 'own': PrivateDecoder, 'gamma': ScaleShift}
    (kind,) = (kinds[part] for part in parts & kinds.keys())
    network = load_network(path.parents[1] / 'base.safetensors')
    kind(network, ModalitySet.parse(path.stem)).load_state_dict(state)


@torch.no_grad()
def test_a_low_rank_pair_is_two_convolutions_beside_the_first(segmenter):
    site = 'encoders.depth.features.0.0'
    convolution = segmenter.get_submodule(site)
    adapter = perturbed(LowRank(segmenter, DEPTH, (site,), rank=3, scaling=0.5))
    down, up = adapter.down[key_of(site)], adapter.up[key_of(site)]
    image = random_inputs(DEPTH)[Modality.DEPTH]
    kernel = down.reshape(3, *convolution.weight.shape[1:])
    inner = functional.conv2d(image, kernel, stride=2, padding=1)
    expected = convolution(image) + 0.5 * functional.conv2d(inner, up[:, :, None, None])
    folded = fold(segmenter, adapter).get_submodule(site)
    torch.testing.assert_close(folded(image), expected, rtol=1e-4, atol=1e-5)


def test_depthwise_convolutions_have_no_pair(segmenter):
    sites = LowRank(segmenter, DEPTH, ('encoders.depth.features.5',)).sites
    assert sites == tuple(f'encoders.depth.features.5.conv.{n}' for n in ('0.0', '2'))


def test_sensors_have_pairs_in_the_same_layers(segmenter):
    sites = LowRank(segmenter, PAIR).sites
    layers = {m: {s.replace(m, '') for s in sites if m in s} for m in ('thermal', 'depth')}
    assert layers['thermal'] == layers['depth']
    assert any('encoders' in layer for layer in layers['depth'])


@torch.no_grad()
def test_a_concatenated_prompt_equals_a_wider_convolution(segmenter):
    adapter = perturbed(ConcatenatedPrompts(segmenter, DEPTH))
    ((site, module),) = adapter.hooks().items()
    convolution = segmenter.get_submodule(site)
    features = torch.randn(2, convolution.in_channels, 20, 30)
    prompt = functional.interpolate(module.prompt, (20, 30), mode='bilinear').expand(2, -1, -1, -1)
    wide = torch.cat([convolution.weight, module.kernel], dim=1)
    expected = functional.conv2d(torch.cat([features, prompt], dim=1), wide)
    torch.testing.assert_close(module(convolution(features)), expected, rtol=1e-4, atol=1e-5)


def test_added_prompts_are_in_six_blocks_of_every_encoder(segmenter, transformer):
    sites = ChannelPrompts(segmenter, PAIR).sites
    deep = [[int(s.split('.')[3]) for s in sites if m.value in s] for m in PAIR]
    assert deep == [[2, 5, 8, 11, 14, 17]] * 2
    sites = ChannelPrompts(transformer, DEPTH).sites
    assert len(sites) == 6
    assert sites[-1] == 'encoders.depth.stages.3.norm'


@torch.no_grad()
def test_an_added_prompt_is_added_to_the_output_of_its_block(segmenter):
    site = 'encoders.depth.features.5'
    adapter = ChannelPrompts(segmenter, DEPTH, (site,))
    (prompt,) = adapter.parameters()
    prompt.copy_(torch.arange(float(len(prompt))))
    x = torch.randn(2, 32, 8, 12)
    block, folded = segmenter.get_submodule(site), fold(segmenter, adapter).get_submodule(site)
    torch.testing.assert_close(folded(x), block(x) + prompt[:, None, None], rtol=1e-4, atol=1e-4)


@pytest.mark.parametrize(
    'make', [ChannelPrompts, ConcatenatedPrompts, PromptInput, PromptAttention]
)
def test_prompts_train_the_classifier_with_them(segmenter, transformer, make):
    network = segmenter if make is ConcatenatedPrompts else transformer
    overridden = make(network, DEPTH).overrides(network.state_dict())
    assert {'decoder.classify.weight', 'decoder.classify.bias'} <= set(overridden)


@torch.no_grad()
def test_prompts_suit_any_input_size_and_move_with_the_network(segmenter):
    folded = fold(segmenter, perturbed(ConcatenatedPrompts(segmenter, PAIR)))
    for size in [(64, 96), (96, 64), (32, 32)]:
        expected = (1, 5, size[0] // 4, size[1] // 4)
        assert folded(random_inputs(PAIR, size)).shape == expected
    given = {m: x.double() for m, x in random_inputs(PAIR).items()}
    assert folded.double()(given).dtype == torch.float64


@pytest.mark.parametrize('combination', ['rgb', 'thermal+depth'])
def test_the_combination_spends_what_one_percent_allows(segmenter, combination):
    adapter = Combined(segmenter, ModalitySet.parse(combination))
    plain = scaled_sites(segmenter, ModalitySet.parse(combination), None, NORMS)
    assert 0.009 < parameter_count(adapter) / parameter_count(segmenter) < 0.01
    assert set(plain) < set(adapter.scale_shift.sites)


def test_scale_and_shift_cover_the_layers_of_a_transformer(transformer):
    sites = ScaleShift(transformer, DEPTH).sites
    block = 'encoders.depth.stages.0.blocks.0'
    assert {f'{block}.norm1', f'{block}.attention.query'} <= set(sites)


def test_a_prompt_that_cannot_be_concatenated_is_refused(transformer):
    with pytest.raises(ConfigError, match=r'encoders\.depth .* no 1x1 convolution'):
        ConcatenatedPrompts(transformer, DEPTH)
