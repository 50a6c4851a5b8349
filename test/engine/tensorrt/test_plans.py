# Copyright 2026 mm_robust_seg maintainers
# SPDX-License-Identifier: Apache-2.0

"""Plans on disk: where they are and what they are compared with."""

from dataclasses import replace
import os
from pathlib import Path
import shutil

import pytest
from tiny_bundle import bundle_of

from mm_robust_seg.bundle import load_bundle
from mm_robust_seg.engine.tensorrt.plans import onnx_digests, PlanFolder, Target
from mm_robust_seg.errors import EngineError
from mm_robust_seg.modality import ModalitySet

TARGET = Target('10.13.3.9', 'Orin', '8.7', 16, '540.4.0', '12.6', 'f32')
RGB = ModalitySet.parse('rgb')


@pytest.fixture
def bundle(tiny_bundle, tmp_path):
    """Load a bundle that may be damaged."""
    return load_bundle(shutil.copytree(tiny_bundle, tmp_path / 'tiny'))


@pytest.fixture
def graphs(bundle):
    return bundle.graphs


@pytest.fixture
def folder(bundle, tmp_path):
    folder = PlanFolder(bundle, str(tmp_path / 'engines'))
    for source, digest in onnx_digests(folder.sources).items():
        folder.write(source, TARGET, digest, source.stem.encode())
    return folder


def changed(**values):
    return Target(**{**vars(TARGET), **values})


def test_what_was_written_fits_and_reads_back(folder, graphs):
    assert folder.misfits(TARGET) == {}
    assert folder.read(graphs[RGB]) == b'rgb'
    assert not folder.missing


@pytest.mark.parametrize(
    ('name', 'value', 'words'),
    [
        ('tensorrt', '10.3.0', 'TensorRT'),
        ('gpu', 'Thor', 'the GPU'),
        ('compute_capability', '11.0', 'its compute capability'),
        ('multiprocessors', 8, 'the number of its multiprocessors'),
        ('driver', '580.1', 'the driver'),
        ('cuda', '13.0', 'CUDA'),
        ('precision', 'fp16', 'the precision'),
        ('flags', ('REFIT',), 'the way of building'),
    ],
)
def test_every_difference_is_named_once(folder, name, value, words):
    misfits = folder.misfits(changed(**{name: value}))
    assert len(misfits) == 7
    (reason,) = set(misfits.values())
    shown = value[0] if isinstance(value, tuple) else value
    assert reason.startswith(f'{words} is {shown}, it was built for ')
    sentence = folder.complaint(misfits)
    assert sentence.count(reason) == 1
    assert sentence.endswith(f'build them: {folder.command}')
    assert all(source.stem in sentence for source in folder.sources)


def test_several_differences_come_together(folder):
    (reason,) = set(folder.misfits(changed(gpu='Thor', cuda='13.0')).values())
    assert reason == (
        'the GPU is Thor, it was built for Orin, CUDA is 13.0, it was built for 12.6'
    )


def test_an_altered_onnx_file_is_noticed(folder, graphs):
    graphs[RGB].write_bytes(graphs[RGB].read_bytes() + b'\0')
    misfits = folder.misfits(TARGET)
    assert list(misfits) == [graphs[RGB]]
    assert misfits[graphs[RGB]].startswith('the ONNX file with its weights is ')


def test_altered_weights_are_noticed_in_every_plan(folder, graphs):
    weights = graphs[RGB].with_name('base.safetensors')
    weights.write_bytes(weights.read_bytes() + b'\0')
    assert len(folder.misfits(TARGET)) == 7


def test_a_missing_plan_or_sidecar_is_a_misfit(folder, graphs):
    folder.plan_of(graphs[RGB]).unlink()
    depth = graphs[ModalitySet.parse('depth')]
    folder.plan_of(depth).with_suffix('.json').unlink()
    misfits = folder.misfits(TARGET)
    assert misfits[graphs[RGB]] == f'not in {folder.path}'
    assert 'cannot be read, so the plan beside it is not trusted' in misfits[depth]
    assert len(misfits) == 2


@pytest.mark.parametrize('text', ['', '[]', '{}', '{"sidecar_sha256": 3}', 'null', '\0'])
def test_a_broken_sidecar_is_a_misfit(folder, graphs, text):
    folder.plan_of(graphs[RGB]).with_suffix('.json').write_text(text)
    assert 'not trusted' in folder.misfits(TARGET)[graphs[RGB]]
    with pytest.raises(EngineError, match='not trusted'):
        folder.read(graphs[RGB])


def test_a_plan_of_another_user_is_refused(folder, graphs, monkeypatch):
    monkeypatch.setattr(os, 'geteuid', lambda: os.getuid() + 1)
    if os.getuid() == 0:
        os.chown(folder.plan_of(graphs[RGB]), 12345, 12345)
    with pytest.raises(EngineError, match='that you alone may write'):
        folder.read(graphs[RGB])


def test_bundles_of_one_name_have_folders_of_their_own(tiny_bundle, bundle, tmp_path):
    one = PlanFolder(load_bundle(tiny_bundle), str(tmp_path))
    same = PlanFolder(bundle, str(tmp_path))
    assert one.path == same.path, 'a copy of a bundle shares its plans'
    other = replace(bundle, checksums={**bundle.checksums, 'rgb.onnx': '0' * 64})
    assert PlanFolder(other, str(tmp_path)).path != one.path


def test_some_sensors_alone_share_the_folder_of_all(bundle, tmp_path):
    some = PlanFolder(replace(bundle, graphs={RGB: bundle.graphs[RGB]}), str(tmp_path))
    assert some.path == PlanFolder(bundle, str(tmp_path)).path
    assert some.sources == (bundle.graphs[RGB],)


def test_a_shared_graph_has_one_plan_for_all_settings(tmp_path):
    settings = {ModalitySet.parse(name): tmp_path / f'{name}.npz' for name in ('rgb', 'depth')}
    assert PlanFolder(bundle_of(settings), '').sources == (tmp_path / 'shared.onnx',)


def test_plans_are_in_the_cache_unless_told_otherwise(bundle, monkeypatch, tmp_path):
    monkeypatch.setenv('XDG_CACHE_HOME', str(tmp_path))
    assert PlanFolder(bundle, '').root == tmp_path / 'mm_robust_seg' / 'engines'
    assert PlanFolder(bundle, '').path.parent == PlanFolder(bundle, '').root
    assert PlanFolder(bundle, '~/engines').root == Path.home() / 'engines'


def test_the_command_can_be_pasted_into_a_shell(tiny_bundle, tmp_path):
    spaced = shutil.copytree(tiny_bundle, tmp_path / 'a bundle')
    bundle = load_bundle(spaced)
    assert PlanFolder(bundle, '').command == f"mm-robust-seg build-engines '{spaced}'"
    assert PlanFolder(bundle, '/mine').command.endswith(' --plans /mine')


def test_an_unreadable_onnx_file_is_named(tmp_path):
    with pytest.raises(EngineError, match=r'absent\.onnx cannot be loaded: No such file'):
        onnx_digests([tmp_path / 'absent.onnx'])
