# Copyright 2026 mm_robust_seg maintainers
# SPDX-License-Identifier: Apache-2.0

"""What a manifest may tell besides its files: typed, in range, or refused in one sentence."""

import json
import shutil

import pytest
from tiny_bundle import write_tiny_bundle

from mm_robust_seg import cli
from mm_robust_seg.build import build_engine
from mm_robust_seg.bundle import load_bundle
from mm_robust_seg.combination_facts import CombinationFacts
from mm_robust_seg.config import EngineConfig
from mm_robust_seg.errors import BundleError, ConfigError
from mm_robust_seg.modality import COMPLETE, Modality, ModalitySet

RGB = ModalitySet([Modality.RGB])


@pytest.fixture
def told(tiny_bundle, tmp_path):
    """Return what loads a copy of the tiny bundle that tells so much more."""

    def load(break_even=None, **facts):
        folder = tmp_path / 'told'
        shutil.rmtree(folder, ignore_errors=True)
        shutil.copytree(tiny_bundle, folder)
        path = folder / 'manifest.json'
        manifest = json.loads(path.read_text())
        manifest['combinations']['rgb'] |= facts
        if break_even is not None:
            manifest['break_even'] = break_even
        path.write_text(json.dumps(manifest))
        return load_bundle(folder)

    return load


def test_nothing_need_be_told(tiny_bundle):
    bundle = load_bundle(tiny_bundle)
    assert set(bundle.facts.values()) == {CombinationFacts()}
    assert bundle.break_even == {}


def test_what_is_told_is_typed(told):
    table = {'rgb': {'cover': 0.25, 'blur_2px': 1}, 'depth': {}}
    bundle = told(table, height_px=48, width_px=64, temperature=1.5, miou=0)
    assert bundle.facts[RGB] == CombinationFacts((48, 64), 1.5, 0.0)
    assert bundle.facts[COMPLETE] == CombinationFacts()
    assert bundle.break_even == {
        Modality.RGB: {'cover': 0.25, 'blur_2px': 1.0},
        Modality.DEPTH: {},
    }


@pytest.mark.parametrize(
    ('facts', 'message'),
    [
        ({'height_px': 48}, r'the size of rgb is \[48, None\]: expected height_px and width_px'),
        ({'height_px': 48, 'width_px': '64'}, r'the size of rgb is .*each 32 to 4096'),
        ({'height_px': 16, 'width_px': 64}, 'the size of rgb'),
        ({'height_px': True, 'width_px': 64}, 'the size of rgb'),
        ({'height_px': 96, 'width_px': 128}, 'has rgb of 64 x 48 px, the manifest says 128 x'),
        ({'temperature': 0}, r'temperature of rgb is 0: expected 0\.01 to 100'),
        ({'temperature': '1'}, 'temperature of rgb'),
        ({'miou': 61.0}, r'miou of rgb is 61\.0: expected 0 to 1'),
        ({'miou': True}, 'miou of rgb is True'),
        ({'break_even': []}, r'break_even is \[\]: expected'),
        ({'break_even': {'rgb': 0.5}}, 'break_even is .*: expected'),
        ({'break_even': {'lidar': {}}}, "break_even is of 'lidar': expected rgb, thermal, depth"),
        ({'break_even': {'rgb': {'Mud!': 0.5}}}, 'expected a kind of damage, such as cover'),
        (
            {'break_even': {'rgb': {'mud': 1.5}}},
            r'mud of break_even of rgb is 1\.5: expected',
        ),
    ],
)
def test_what_makes_no_sense_is_refused(told, facts, message):
    with pytest.raises(BundleError, match=message):
        told(**facts)


def test_a_combination_of_another_size_is_no_surprise_at_run_time(tmp_path):
    pytest.importorskip('onnxruntime')
    folder = write_tiny_bundle(tmp_path / 'tiny')
    path = folder / 'manifest.json'
    manifest = json.loads(path.read_text())
    manifest['inputs'] |= {'height_px': 96, 'width_px': 128}
    for entry in manifest['combinations'].values():
        entry |= {'height_px': 48, 'width_px': 64}
    path.write_text(json.dumps(manifest))
    bundle = load_bundle(folder)
    with pytest.raises(ConfigError, match=r'a size of their own: expected 128 x 96 px for all'):
        build_engine(EngineConfig(backend='onnxruntime'), bundle)


def test_bundle_info_shows_it(told, capsys):
    bundle = told({'rgb': {'mud': 0.3}}, temperature=1.5, miou=0.5)
    assert cli.main(['bundle-info', str(bundle.path), '--json']) == 0
    facts = json.loads(capsys.readouterr().out)
    assert facts['break_even'] == {'rgb': {'mud': 0.3}}
    assert facts['combinations']['rgb'].items() >= {'temperature': 1.5, 'miou': 0.5}.items()
    assert facts['combinations']['depth']['temperature'] is None
    assert cli.main(['bundle-info', str(bundle.path)]) == 0
    assert 'better without' in capsys.readouterr().out
