# Copyright 2026 mm_robust_seg maintainers
# SPDX-License-Identifier: Apache-2.0

"""Mix Transformer: the published architecture, weights under both published names, export."""

import io
import re
import warnings

import numpy as np
import pytest

torch = pytest.importorskip('torch', reason='needs PyTorch')

from random_inputs import perturbed, random_inputs, warmed_up  # noqa: E402
from safetensors.torch import save_file  # noqa: E402

from mm_robust_seg.errors import ConfigError, TrainingError  # noqa: E402
from mm_robust_seg.modality import ModalitySet  # noqa: E402
from mm_robust_seg.network.adapters.base import fold, parameter_count  # noqa: E402
from mm_robust_seg.network.adapters.placement import blocks_of  # noqa: E402
from mm_robust_seg.network.adapters.prompt_tokens import PromptAttention  # noqa: E402
from mm_robust_seg.network.backbones.base import build_backbone  # noqa: E402
from mm_robust_seg.network.backbones.mit import Attention, SIZES  # noqa: E402
from mm_robust_seg.network.segmenter import Labeler, Segmenter  # noqa: E402

pytestmark = pytest.mark.torch
PAIR = ModalitySet.parse('rgb+depth')


@pytest.fixture(scope='module')
def encoder():
    torch.manual_seed(5)
    return build_backbone('mit_b0', 3).eval().requires_grad_(False)


@pytest.fixture(scope='module')
def segmenter():
    torch.manual_seed(3)
    return warmed_up(Segmenter(5, PAIR, 'mit_b0'))


def renamed(name, rules):
    for pattern, replacement in rules:
        name = re.sub(pattern, replacement, name)
    return name


def original_name(name):
    """Name a tensor as NVIDIA's code does; it counts stages from one."""
    _, stage, rest = name.split('.', 2)
    number = int(stage) + 1
    rules = [
        (r'^embed\.project', f'patch_embed{number}.proj'),
        (r'^embed\.norm', f'patch_embed{number}.norm'),
        (r'^norm', f'norm{number}'),
        (r'^blocks', f'block{number}'),
        (r'attention\.query', 'attn.q'),
        (r'attention\.key_value', 'attn.kv'),
        (r'attention\.project', 'attn.proj'),
        (r'attention\.reduce', 'attn.sr'),
        (r'attention\.norm', 'attn.norm'),
        (r'mix\.expand', 'mlp.fc1'),
        (r'mix\.filter', 'mlp.dwconv.dwconv'),
        (r'mix\.contract', 'mlp.fc2'),
    ]
    return renamed(rest, rules)


def transformers_weights(original):
    """Rename, and split keys from values, as in the transformers package."""
    from_zero = {
        r'^patch_embed(\d)': 'patch_embeddings.',
        r'^block(\d)': 'block.',
        r'^norm(\d)': 'layer_norm.',
    }
    rules = [
        *((p, lambda m, t=text: f'{t}{int(m[1]) - 1}') for p, text in from_zero.items()),
        (r'\.norm(\d)\.', r'.layer_norm_\1.'),
        (r'\.norm\.', '.layer_norm.'),
        (r'attn\.q\.', 'attention.self.query.'),
        (r'attn\.proj\.', 'attention.output.dense.'),
        (r'attn\.', 'attention.self.'),
        (r'fc(\d)', r'dense\1'),
        ('^', 'segformer.encoder.'),
    ]
    weights = {renamed(name, rules): value for name, value in original.items()}
    for name in [name for name in weights if '.kv.' in name]:
        key, value = weights.pop(name).chunk(2)
        weights[name.replace('.kv.', '.key.')] = key.contiguous()
        weights[name.replace('.kv.', '.value.')] = value.contiguous()
    return weights


@pytest.mark.parametrize(
    ('name', 'parameters'), [('mit_b0', 3_319_392), ('mit_b1', 13_151_424), ('mit_b2', 24_196_288)]
)
def test_sizes_are_those_of_the_paper(name, parameters):
    with torch.device('meta'):
        encoder = build_backbone(name, 3)
        features = encoder(torch.zeros(1, 3, 240, 320))
    assert parameter_count(encoder) == parameters
    assert [tuple(f.shape[1:]) for f in features] == [
        (channels, *size)
        for channels, size in zip(
            encoder.channels, [(60, 80), (30, 40), (15, 20), (8, 10)], strict=True
        )
    ]


def test_an_unknown_backbone_is_answered_with_the_known_ones():
    with pytest.raises(
        ConfigError, match=r'mobilenetv2, efficientnet_lite0, .*mit_b0, mit_b1, mit_b2'
    ):
        build_backbone('mit_b9', 3)


@torch.no_grad()
def test_attention_is_that_of_its_definition():
    torch.manual_seed(0)
    attention = Attention(8, heads=2, reduction=2)
    x = torch.randn(1, 4, 6, 8)
    small = attention.reduce(x.permute(0, 3, 1, 2)).flatten(2).transpose(1, 2)
    key_value = attention.key_value(attention.norm(small))
    outputs = []
    for head in range(2):
        columns = slice(4 * head, 4 * head + 4)
        query = attention.query(x).reshape(24, 8)[:, columns]
        key, value = key_value[0, :, :8][:, columns], key_value[0, :, 8:][:, columns]
        outputs.append((query @ key.T / 4**0.5).softmax(1) @ value)
    expected = attention.project(torch.cat(outputs, 1)).reshape(x.shape)
    torch.testing.assert_close(attention(x), expected)


@pytest.mark.parametrize('form', ['nvidia.npz', 'nvidia.safetensors', 'transformers.safetensors'])
@torch.no_grad()
def test_published_weights_load_under_their_names(encoder, tmp_path, form):
    original = {original_name(k): v.contiguous() for k, v in encoder.state_dict().items()}
    original['head.weight'] = torch.zeros(1000, 256)
    path = tmp_path / form
    if form.endswith('.npz'):
        np.savez(path, **{k: v.numpy() for k, v in original.items()})
    else:
        save_file(transformers_weights(original) if 'transformers' in form else original, path)
    image = random_inputs(PAIR)[next(iter(PAIR))]
    other = build_backbone('mit_b0', 3)
    assert not torch.equal(other(image)[3], encoder(image)[3])
    other.load_pretrained(path)
    for one, two in zip(other(image), encoder(image), strict=True):
        assert torch.equal(one, two)


@torch.no_grad()
def test_the_stem_takes_two_channels_as_the_mean_of_three(encoder, tmp_path):
    original = {original_name(k): v.contiguous() for k, v in encoder.state_dict().items()}
    save_file(original, tmp_path / 'b0.safetensors')
    thermal = build_backbone('mit_b0', 2).eval()
    thermal.load_pretrained(tmp_path / 'b0.safetensors')
    image = torch.full((1, 3, 64, 64), 0.7)
    torch.testing.assert_close(thermal(image[:, :2])[3], encoder(image)[3], rtol=1e-4, atol=1e-4)


def test_weights_of_another_size_are_named(encoder, tmp_path):
    original = {original_name(k): v.contiguous() for k, v in encoder.state_dict().items()}
    save_file(original, tmp_path / 'b0.safetensors')
    with pytest.raises(
        TrainingError, match=r'b0\.safetensors is not a mit_b1.*patch_embed1\.proj'
    ):
        build_backbone('mit_b1', 3).load_pretrained(tmp_path / 'b0.safetensors')
    with pytest.raises(TrainingError, match='cannot be read as weights'):
        encoder.load_pretrained(tmp_path / 'absent.safetensors')
    (tmp_path / 'b0.pth').touch()
    with pytest.raises(TrainingError, match=r'\.pth file: expected weights as \.npz'):
        encoder.load_pretrained(tmp_path / 'b0.pth')


def test_blocks_are_small_enough_to_place_adapters(segmenter):
    blocks = blocks_of(segmenter)
    for stage, count in enumerate(SIZES['mit_b0'][1]):
        inside = [b for b in blocks if b.startswith(f'encoders.rgb.stages.{stage}.blocks.')]
        assert len(inside) == count


@torch.no_grad()
def test_both_runtimes_run_the_exported_graph(segmenter):
    onnxruntime = pytest.importorskip('onnxruntime')
    openvino = pytest.importorskip('mm_robust_seg.engine.openvino').ov
    depth = ModalitySet.parse('depth')
    adapter = perturbed(PromptAttention(segmenter, depth))
    labeler = Labeler(fold(segmenter, adapter), depth).eval()
    (image,) = random_inputs(depth).values()
    stream = io.BytesIO()
    with warnings.catch_warnings():
        warnings.simplefilter('ignore')
        torch.onnx.export(labeler, (image,), stream, opset_version=17, dynamo=False)
    expected = labeler(image)[0].numpy()
    assert len(np.unique(expected)) > 1
    session = onnxruntime.InferenceSession(stream.getvalue(), providers=['CPUExecutionProvider'])
    (input_,) = session.get_inputs()
    assert (session.run(None, {input_.name: image.numpy()})[0] == expected).mean() > 0.99
    core = openvino.Core()
    compiled = core.compile_model(core.read_model(stream.getvalue()), 'CPU')
    assert (compiled([image.numpy()])[0] == expected).mean() > 0.98
