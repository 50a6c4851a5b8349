# Copyright 2026 mm_robust_seg maintainers
# SPDX-License-Identifier: Apache-2.0

"""Prompt tokens: what they compute, said in another way, and where they may go.

The laws that hold for every adapter are tested in ``test_adapters.py``.
"""

import pytest

torch = pytest.importorskip('torch', reason='needs PyTorch')

from random_inputs import perturbed, random_inputs, warmed_up  # noqa: E402

from mm_robust_seg.errors import ConfigError  # noqa: E402
from mm_robust_seg.modality import ModalitySet  # noqa: E402
from mm_robust_seg.network.adapters.base import adapted, fold, key_of  # noqa: E402
from mm_robust_seg.network.adapters.prompt_tokens import (  # noqa: E402
    PREFIX_ROWS,
    PromptAttention,
    PromptInput,
    TOKENS,
)
from mm_robust_seg.network.segmenter import Segmenter  # noqa: E402

pytestmark = pytest.mark.torch
DEPTH = ModalitySet.parse('depth')
BLOCK = 'encoders.depth.stages.1.blocks.0'
SITE = f'{BLOCK}.attention'


@pytest.fixture(scope='module')
def segmenter():
    torch.manual_seed(3)
    network = Segmenter(5, ModalitySet.parse('rgb+depth'), 'mit_b0')
    with torch.no_grad():
        for name, parameter in network.named_parameters():
            if name.startswith('encoders.') and parameter.ndim == 1:
                parameter.add_(torch.randn_like(parameter) * 0.3)
    return warmed_up(network)


@pytest.fixture(params=[PromptInput, PromptAttention])
def make(request):
    return request.param


@torch.no_grad()
def attention_and_prompt(block, x, prompt_key, prompt_value, scale):
    """Attend to the image and to the prompt, head by head; return the two outputs, projected."""
    attention = block.attention
    small = attention.reduce(x.permute(0, 3, 1, 2)).flatten(2).transpose(1, 2)
    key, value = attention.key_value(attention.norm(small))[0].chunk(2, 1)
    width = attention.channels // attention.heads
    outputs = []
    for head in range(attention.heads):
        columns = slice(width * head, width * (head + 1))
        query = attention.query(x)[0].flatten(0, 1)[:, columns] / width**0.5
        seen = (query @ key[:, columns].T).softmax(1) @ value[:, columns]
        prompted = (query @ prompt_key[:, columns].T).softmax(1) @ prompt_value[:, columns]
        outputs.append(seen + scale[head] * prompted)
    return attention.project(torch.cat(outputs, 1)).reshape(x.shape)


def changed_attention(segmenter, adapter, x):
    """Return the attention's output with the adapter built in, and its block."""
    folded = fold(segmenter, adapter)
    return folded.get_submodule(SITE)(x), folded.get_submodule(BLOCK)


@torch.no_grad()
def test_tokens_are_normalised_and_projected_as_the_image_is(segmenter):
    adapter = PromptInput(segmenter, DEPTH, (BLOCK,))
    gate = torch.tensor([0.7, -0.4])
    adapter.gate[key_of(SITE)].copy_(gate)
    x = torch.randn(1, 8, 12, 64, generator=torch.Generator().manual_seed(0))
    found, block = changed_attention(segmenter, adapter, x)
    tokens = adapter.tokens[key_of(SITE)]
    assert tokens.shape == (TOKENS, 64)
    key, value = block.attention.key_value(block.norm1(tokens)).chunk(2, 1)
    expected = attention_and_prompt(block, x, key, value, gate)
    torch.testing.assert_close(found, expected, rtol=1e-4, atol=1e-5)
    assert not torch.allclose(found, segmenter.get_submodule(SITE)(x), atol=1e-3)


@torch.no_grad()
def test_prefix_rows_are_keys_and_values_themselves(segmenter):
    adapter = perturbed(PromptAttention(segmenter, DEPTH, (BLOCK,)))
    x = torch.randn(1, 8, 12, 64, generator=torch.Generator().manual_seed(0))
    found, block = changed_attention(segmenter, adapter, x)
    key, value = adapter.key[key_of(SITE)], adapter.value[key_of(SITE)]
    assert key.shape == value.shape == (PREFIX_ROWS, 64)
    expected = attention_and_prompt(block, x, key, value, torch.ones(2))
    torch.testing.assert_close(found, expected, rtol=1e-4, atol=1e-5)
    assert not torch.allclose(found, segmenter.get_submodule(SITE)(x), atol=1e-3)


@torch.no_grad()
def test_every_image_of_a_batch_has_the_same_prompt(segmenter, make):
    adapter = perturbed(make(segmenter, DEPTH))
    given = random_inputs(DEPTH, count=2)
    together = adapted(segmenter, adapter, given)
    alone = [
        adapted(segmenter, adapter, {m: x[i : i + 1] for m, x in given.items()}) for i in (0, 1)
    ]
    torch.testing.assert_close(together, torch.cat(alone), rtol=1e-3, atol=1e-3)


def test_the_network_keeps_no_trace_of_a_prompt(segmenter, make):
    names = set(segmenter.state_dict())
    adapted(segmenter, perturbed(make(segmenter, DEPTH)), random_inputs(DEPTH))
    assert set(segmenter.state_dict()) == names
    assert all(len(m.prefix_key) == 0 for m in segmenter.modules() if hasattr(m, 'prefix_key'))


def test_a_prompt_runs_in_half_precision(segmenter, make):
    adapter = perturbed(make(segmenter, DEPTH))
    with torch.autocast('cpu', torch.bfloat16):
        logits = adapted(segmenter, adapter, random_inputs(DEPTH))
    assert logits.isfinite().all()
    logits.float().square().mean().backward()
    assert all(p.grad.isfinite().all() for p in adapter.parameters())


def test_only_the_chosen_blocks_have_prompts(segmenter, make):
    chosen = make(segmenter, DEPTH, (BLOCK, 'fusion.0'))
    assert chosen.sites == (SITE,)
    assert len(make(segmenter, DEPTH).sites) == 8


def test_a_convolutional_network_is_refused_with_advice(make):
    network = Segmenter(5, DEPTH)
    with pytest.raises(ConfigError, match=r'mobilenetv2: use the backbone mit_b0, mit_b1, mit_b2'):
        make(network, DEPTH)
