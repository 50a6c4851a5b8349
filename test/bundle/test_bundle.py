# Copyright 2026 mm_robust_seg maintainers
# SPDX-License-Identifier: Apache-2.0

import json
from pathlib import Path
import shutil

import pytest
from tiny_bundle import write_tiny_bundle

from mm_robust_seg.bundle import find_bundle, load_bundle
from mm_robust_seg.bundle_files import inside, sha256
from mm_robust_seg.errors import BundleError
from mm_robust_seg.modality import all_combinations, COMPLETE, ModalitySet


@pytest.fixture
def folder(tiny_bundle, tmp_path):
    return shutil.copytree(tiny_bundle, tmp_path / 'copy')


def edit(folder: Path, change) -> None:
    path = folder / 'manifest.json'
    manifest = json.loads(path.read_text())
    change(manifest)
    path.write_text(json.dumps(manifest))


def test_a_valid_bundle_is_read_completely(tiny_bundle):
    bundle = load_bundle(tiny_bundle)
    assert bundle.name == 'tiny'
    assert bundle.combinations == all_combinations()
    assert bundle.adapters.keys() == set(all_combinations()) - {COMPLETE}
    assert bundle.classes[2].name == 'person' and bundle.classes[2].color == (220, 20, 60)
    assert (bundle.inputs.height_px, bundle.inputs.width_px) == (48, 64)
    assert bundle.base == tiny_bundle / 'base.safetensors'
    assert all(path.is_file() for path in bundle.graphs.values())
    assert len(bundle.checksums) == 14


def test_combinations_come_largest_first_whatever_the_manifest_says(tmp_path):
    bundle = load_bundle(write_tiny_bundle(tmp_path / 'b', all_combinations()[::-1]))
    sizes = [len(combination) for combination in bundle.combinations]
    assert sizes == sorted(sizes, reverse=True)


def test_a_bundle_need_not_serve_everything(tmp_path):
    some = (COMPLETE, ModalitySet.parse('rgb'))
    assert load_bundle(write_tiny_bundle(tmp_path / 'b', some)).combinations == some


FILES = ['base.safetensors', 'rgb+depth.onnx', 'adapters/thermal.safetensors']


@pytest.mark.parametrize('name', FILES)
def test_a_missing_file_is_named(folder, name):
    (folder / name).unlink()
    with pytest.raises(BundleError, match=f'{name.replace("+", ".")} is missing'):
        load_bundle(folder)


@pytest.mark.parametrize('name', FILES)
def test_one_altered_byte_is_noticed(folder, name):
    content = bytearray((folder / name).read_bytes())
    content[len(content) // 2] ^= 1
    (folder / name).write_bytes(content)
    with pytest.raises(BundleError, match=f'{name.replace("+", ".")} was altered'):
        load_bundle(folder)


@pytest.mark.parametrize('name', FILES)
def test_a_folder_in_place_of_a_file_is_noticed(folder, name):
    (folder / name).unlink()
    (folder / name).mkdir()
    with pytest.raises(BundleError, match='is missing'):
        load_bundle(folder)


@pytest.mark.parametrize('name', FILES)
def test_a_file_without_checksum_is_refused(folder, name):
    edit(folder, lambda m: m['sha256'].pop(name))
    with pytest.raises(BundleError, match='no SHA-256 of'):
        load_bundle(folder)


@pytest.mark.parametrize('checksum', [None, 7, {}, True], ids=str)
def test_a_checksum_that_is_no_text_is_refused(folder, checksum):
    edit(folder, lambda m: m['sha256'].update({'base.safetensors': checksum}))
    with pytest.raises(BundleError, match='no SHA-256 of base'):
        load_bundle(folder)


PATHS = ['../base.safetensors', '/etc/hostname', 'adapters/../../x', '..\\x', '', 'C:\\x.onnx']


@pytest.mark.parametrize('path', PATHS)
@pytest.mark.parametrize('place', ['base', 'graph', 'adapter'])
def test_a_path_that_leaves_the_folder_is_refused(folder, path, place):
    def change(manifest):
        entry = manifest if place == 'base' else manifest['combinations']['rgb+depth']
        entry[place] = path

    edit(folder, change)
    with pytest.raises(BundleError, match='leaves the bundle folder'):
        load_bundle(folder)


@pytest.mark.parametrize('link', ['rgb+depth.onnx', 'adapters', 'base.safetensors'])
def test_a_link_out_of_the_folder_is_refused(folder, tiny_bundle, link):
    target = folder / link
    shutil.rmtree(target) if target.is_dir() else target.unlink()
    target.symlink_to(tiny_bundle / link)
    with pytest.raises(BundleError, match='leaves the bundle folder'):
        load_bundle(folder)


def test_a_link_inside_the_folder_is_fine(folder):
    (folder / 'rgb.onnx').rename(folder / 'store.onnx')
    (folder / 'rgb.onnx').symlink_to('store.onnx')
    load_bundle(folder)


def test_the_folder_itself_may_be_a_link(folder, tmp_path):
    (tmp_path / 'link').symlink_to(folder)
    load_bundle(tmp_path / 'link')


def test_inside_joins_plain_paths(tmp_path):
    assert inside(tmp_path, 'a/b.onnx') == tmp_path / 'a' / 'b.onnx'


@pytest.mark.parametrize('schema', [0, 3, '1', None])
def test_another_schema_is_refused(folder, schema):
    edit(folder, lambda m: m.update(schema=schema))
    with pytest.raises(BundleError, match=r'has schema .*; this version reads 1 and 2'):
        load_bundle(folder)


@pytest.mark.parametrize('units', [{'thermal': 'celsius'}, {}, None])
def test_other_units_are_refused(folder, units):
    edit(folder, lambda m: m.update(units=units))
    with pytest.raises(BundleError, match=r'units are .*kelvin'):
        load_bundle(folder)


@pytest.mark.parametrize('score', [85.0, -0.1])
def test_scores_are_shares(folder, score):
    edit(folder, lambda m: m.update(scores={'rgb': {'adapted': score}}))
    with pytest.raises(BundleError, match=r'scores of rgb: adapted is .*: expected 0 to 1'):
        load_bundle(folder)


@pytest.mark.parametrize('text', ['', '{', '{"schema": 1', 'null', '[]', '"text"', '7', '{}'])
def test_a_broken_manifest_is_refused(folder, text):
    (folder / 'manifest.json').write_text(text)
    with pytest.raises(BundleError, match=r'manifest\.json'):
        load_bundle(folder)


def test_bytes_that_are_not_text_are_refused(folder):
    (folder / 'manifest.json').write_bytes(b'\xff\xfe\x00')
    with pytest.raises(BundleError, match='cannot be read'):
        load_bundle(folder)


KEYS = [
    'name',
    'description',
    'licence',
    'classes',
    'inputs',
    'base',
    'combinations',
    'provenance',
    'scores',
    'sha256',
]


@pytest.mark.parametrize('key', KEYS)
def test_every_field_is_required(folder, key):
    edit(folder, lambda m: m.pop(key))
    with pytest.raises(BundleError, match=f'KeyError {key!r}'):
        load_bundle(folder)


@pytest.mark.parametrize('key', KEYS[3:])
@pytest.mark.parametrize('value', [None, 3, 'text', [1]], ids=str)
def test_a_field_of_another_type_is_refused(folder, key, value):
    edit(folder, lambda m: m.update({key: value}))
    with pytest.raises(BundleError):
        load_bundle(folder)


@pytest.mark.parametrize(
    'color', [[0, 0], [0, 0, 0, 0], [0, 0, 256], [-1, 0, 0], 'red', None, ['a', 'b', 'c']]
)
def test_wrong_colours_are_refused(folder, color):
    edit(folder, lambda m: m['classes'][0].update(color=color))
    with pytest.raises(BundleError):
        load_bundle(folder)


@pytest.mark.parametrize('count', [0, 255])
def test_the_number_of_classes_must_fit_beside_the_ignore_label(folder, count):
    entry = {'name': 'x', 'color': [0, 0, 0]}
    edit(folder, lambda m: m.update(classes=[entry] * count))
    with pytest.raises(BundleError, match=f'{count} classes'):
        load_bundle(folder)


@pytest.mark.parametrize('name', ['lidar', 'rgb+rgb', '', 'rgb,depth'])
def test_unknown_combinations_are_refused(folder, name):
    edit(folder, lambda m: m['combinations'].update({name: m['combinations']['rgb']}))
    with pytest.raises(BundleError, match='is not a modality combination'):
        load_bundle(folder)


def test_a_bundle_without_combination_is_refused(folder):
    edit(folder, lambda m: m.update(combinations={}))
    with pytest.raises(BundleError, match='0 combinations'):
        load_bundle(folder)


@pytest.mark.parametrize(
    'change',
    [
        {'height_px': 0},
        {'height_px': 64.0},
        {'rgb_std': 0.0},
        {'rgb_mean': '127'},
        {'rgb_std': float('nan')},
        {'depth_max_m': float('inf')},
        {'thermal_mean_k': None},
        {'depth_near_m': -1.0},
        {'gamma': 2.2},
    ],
    ids=str,
)
def test_senseless_input_specs_are_refused(folder, change):
    edit(folder, lambda m: m['inputs'].update(change))
    with pytest.raises(BundleError):
        load_bundle(folder)


def test_a_folder_is_found_by_its_path(tiny_bundle):
    assert find_bundle(str(tiny_bundle)) == tiny_bundle.resolve()


def test_a_folder_without_manifest_says_so(tmp_path):
    with pytest.raises(BundleError, match=r'has no manifest\.json'):
        find_bundle(str(tmp_path))


def test_an_unknown_name_lists_the_known_ones():
    with pytest.raises(BundleError, match=r"no model bundle 'nowhere'.*one of the names"):
        find_bundle('nowhere')


def test_sha256_is_the_standard_one(tmp_path):
    path = tmp_path / 'abc'
    path.write_bytes(b'abc')
    assert sha256(path).startswith('ba7816bf8f01cfea414140de5dae2223')


def test_a_bundle_that_says_nothing_is_f32_without_golden_label_maps(tiny_bundle):
    bundle = load_bundle(tiny_bundle)
    assert bundle.precision == 'f32' and bundle.golden == {}


def test_precision_and_golden_label_maps_are_read(folder):
    (folder / 'golden.png').write_bytes(b'any')
    digest = sha256(folder / 'golden.png')
    edit(folder, lambda m: m.update(precision='int8', golden={'rgb': 'golden.png'}))
    edit(folder, lambda m: m['sha256'].update({'golden.png': digest}))
    bundle = load_bundle(folder)
    assert bundle.precision == 'int8'
    assert bundle.golden == {ModalitySet.parse('rgb'): folder / 'golden.png'}
    (folder / 'golden.png').write_bytes(b'other')
    with pytest.raises(BundleError, match=r'golden\.png was altered'):
        load_bundle(folder)


@pytest.mark.parametrize('precision', ['int4', None, 16, ['f32']], ids=str)
def test_an_unknown_precision_is_refused(folder, precision):
    edit(folder, lambda m: m.update(precision=precision))
    with pytest.raises(BundleError, match='expected one of f32, fp16, int8'):
        load_bundle(folder)


def test_a_golden_label_map_without_graph_is_refused(folder):
    def change(manifest):
        del manifest['combinations']['depth']
        manifest['golden'] = {'depth': 'golden/depth.png'}

    edit(folder, change)
    with pytest.raises(BundleError, match='golden label maps of depth'):
        load_bundle(folder)
