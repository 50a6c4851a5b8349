# Copyright 2026 mm_robust_seg maintainers
# SPDX-License-Identifier: Apache-2.0

"""The shipped bundles: whole, small, honest."""

from pathlib import Path

import numpy as np
import pytest

from mm_robust_seg.build import build_engine
from mm_robust_seg.bundle import load_bundle
from mm_robust_seg.config import EngineConfig
from mm_robust_seg.dataflow import Frame
from mm_robust_seg.modalities import KINDS
from mm_robust_seg.modality import all_combinations, COMPLETE, Modality, ModalitySet
from mm_robust_seg.scores.metrics import ConfusionMatrix
from mm_robust_seg.simulation import CLASS_COLORS, CLASS_NAMES, sample_captures
from mm_robust_seg.stages.preprocess import prepare

MODELS = Path(__file__).parents[1] / 'models'
NAMES = sorted(path.parent.name for path in MODELS.glob('*/manifest.json'))


@pytest.fixture(scope='module', params=NAMES)
def bundle(request):
    return load_bundle(MODELS / request.param)


def test_the_bundles_are_there():
    assert {'sim', 'mm5', 'nyuv2', 'nyuv2_13'} <= set(NAMES)


def test_a_bundle_is_complete_and_small(bundle):
    assert bundle.combinations == all_combinations(bundle.combinations[0])
    files = [path for path in bundle.path.rglob('*') if path.is_file()]
    assert sum(path.stat().st_size for path in files) < 40e6
    known = {bundle.path / name for name in bundle.checksums} | {bundle.path / 'manifest.json'}
    assert set(files) == known


def test_adapters_are_under_one_percent_and_help(bundle):
    total = bundle.provenance['parameters']
    for combination in bundle.combinations[1:]:
        assert bundle.provenance['adapter_parameters'][str(combination)] < 0.01 * total
        row = bundle.scores[str(combination)]
        assert row['adapted'] >= row['unadapted']


def test_the_complete_input_has_no_adapter(bundle):
    complete = bundle.combinations[0]
    assert complete not in bundle.adapters
    row = bundle.scores[str(complete)]
    assert row['adapted'] == row['unadapted']


def test_the_runtimes_agree(bundle):
    pytest.importorskip('onnxruntime', reason='needs ONNX Runtime')
    engines = [
        build_engine(EngineConfig(backend=backend, warmup_iterations=0), bundle)
        for backend in ('openvino', 'onnxruntime')
    ]
    size = (bundle.inputs.height_px, bundle.inputs.width_px)
    rng = np.random.default_rng(0)
    for combination in bundle.combinations:
        shapes = {m: (1, KINDS[m].channels, *size) for m in combination}
        inputs = {m: rng.normal(0, 0.5, s).astype(np.float32) for m, s in shapes.items()}
        results = []
        for engine in engines:
            engine.activate(combination)
            results.append(engine.infer(inputs))
        one, other = results
        assert (one.labels == other.labels).mean() > 0.995
        assert np.abs(one.confidence.astype(int) - other.confidence).mean() < 1
    for engine in engines:
        engine.close()


def test_the_simulated_bundle_knows_the_classes_of_the_world():
    classes = load_bundle(MODELS / 'sim').classes
    assert [(c.name, c.color) for c in classes] == list(
        zip(CLASS_NAMES, CLASS_COLORS, strict=True)
    )


@pytest.mark.slow
def test_the_scores_in_the_manifest_can_be_measured_again():
    """Score the shipped graphs on the captures that training was validated on."""
    bundle = load_bundle(MODELS / 'sim')
    engine = build_engine(EngineConfig(backend='openvino'), bundle)
    chosen = [COMPLETE, ModalitySet.parse('rgb+depth'), ModalitySet.parse('thermal')]
    scores = {combination: ConfusionMatrix(len(bundle.classes)) for combination in chosen}
    for capture in sample_captures(60, 1_000_001, 320, 240):
        images = {
            Modality.RGB: capture.rgb.copy(),
            Modality.THERMAL: capture.thermal.astype(np.float32) * np.float32(0.01),
            Modality.DEPTH: capture.depth.astype(np.float32) * np.float32(1e-3),
        }
        for combination, matrix in scores.items():
            frames = {m: Frame(m, 0, 0, images[m]) for m in combination}
            engine.activate(combination)
            matrix.add(engine.infer(prepare(frames, bundle.inputs)).labels, capture.labels)
    for combination, matrix in scores.items():
        expected = bundle.scores[str(combination)]['adapted']
        assert matrix.miou() == pytest.approx(expected, abs=0.003)
