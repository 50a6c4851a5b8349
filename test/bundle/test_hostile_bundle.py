# Copyright 2026 mm_robust_seg maintainers
# SPDX-License-Identifier: Apache-2.0

"""A good bundle with one thing changed, as somebody with bad intent would."""

import json
import os
from pathlib import Path
import shutil
import tracemalloc

import pytest

pytest.importorskip('onnx', reason='needs onnx')

import onnx
from onnx import helper
from tiny_bundle import bundle_of

from mm_robust_seg.bundle import load_bundle
from mm_robust_seg.bundle_files import sha256
from mm_robust_seg.cli import main
from mm_robust_seg.errors import BundleError

MANIFEST, GRAPH = 'manifest.json', 'rgb+thermal+depth.onnx'


@pytest.fixture
def folder(tiny_bundle, tmp_path):
    return shutil.copytree(tiny_bundle, tmp_path / 'copy')


def edit(folder: Path, change) -> None:
    manifest = json.loads((folder / MANIFEST).read_text())
    change(manifest)
    (folder / MANIFEST).write_text(json.dumps(manifest))


def refused(folder: Path) -> str:
    """Return the one sentence that ``load_bundle`` refuses the bundle with."""
    with pytest.raises(BundleError) as caught:
        load_bundle(folder)
    message = str(caught.value)
    assert message.isprintable() and len(message) < 2000
    return message


def change_graph(folder: Path, change) -> None:
    """Alter the complete graph, with the checksum that fits."""
    model = onnx.load(folder / GRAPH, load_external_data=False)
    change(model)
    onnx.save(model, folder / GRAPH)
    edit(folder, lambda m: m['sha256'].update({GRAPH: sha256(folder / GRAPH)}))


def refer(tensor, location: str) -> None:
    for entry in tensor.external_data:
        if entry.key == 'location':
            entry.value = location


def external(model):
    return [t for t in model.graph.initializer if t.external_data]


NAMES = ['../../x', '/abs/x', 'a/b', '', '.', '..', '.hidden', 'a' * 65, 'x\0', 'x\x1b[31m', 'x\n']


@pytest.mark.parametrize('name', [*NAMES, None, 7, {}], ids=repr)
def test_a_name_that_no_folder_may_have_is_refused(folder, name):
    edit(folder, lambda m: m.update(name=name))
    assert 'expected 1 to 64 letters, digits' in refused(folder)


@pytest.mark.parametrize('name', NAMES, ids=repr)
def test_no_bundle_has_such_a_name_however_it_is_made(tmp_path, name):
    with pytest.raises(BundleError, match='a bundle is named'):
        bundle_of({}, name=name)


@pytest.mark.parametrize('name', ['sim', 'nyuv2_13', 'MM5-int8', '5.1', 'a' * 64])
def test_usual_names_are_fine(folder, name):
    edit(folder, lambda m: m.update(name=name))
    assert load_bundle(folder).name == name


@pytest.mark.parametrize('key', ['description', 'licence'])
def test_a_description_is_a_text(folder, key):
    edit(folder, lambda m: m.update({key: {}}))
    assert f'{key} is {{}}: expected a text' in refused(folder)


def test_no_text_of_a_bundle_acts_on_a_terminal(folder, capsys):
    evil = 'x\x1b]0;owned\x07\r'

    def change(manifest):
        manifest['classes'][0]['name'] = evil
        manifest.update(description=evil, licence=evil, scores={evil: {evil: 0.5}})
        manifest['provenance'] = {evil: [{evil: evil}], 'scores': evil}

    edit(folder, change)
    assert main(['bundle-info', str(folder)]) == 0
    page = capsys.readouterr().out
    assert r'x\x1b]0;owned\x07\r' in page
    assert all(c.isprintable() or c == '\n' for c in page)


@pytest.mark.parametrize('parameters', ['many', [], {}, -1])
def test_provenance_of_another_type_is_shown_without_shares(folder, capsys, parameters):
    provenance = {'parameters': parameters, 'adapter_parameters': parameters}
    edit(folder, lambda m: m.update(provenance=provenance))
    assert main(['bundle-info', str(folder), '--json']) == 0
    facts = json.loads(capsys.readouterr().out)
    assert facts['combinations']['rgb']['adapter_share'] is None


def test_errors_do_not_act_on_a_terminal(folder, capsys):
    def change(manifest):
        manifest['combinations']['rgb']['graph'] = 'a\x1b[2J.onnx'

    edit(folder, change)
    assert main(['bundle-info', str(folder)]) == 2
    told = capsys.readouterr().err
    assert '\x1b' not in told and r'a\x1b[2J.onnx' in told.replace('\\\\', '\\')


def test_a_given_path_with_an_escape_does_not_reach_the_terminal(capsys, tmp_path):
    (tmp_path / 'a\x1b[2J').mkdir()
    assert main(['bundle-info', str(tmp_path / 'a\x1b[2J')]) == 2
    assert r'a\x1b[2J has no manifest.json' in capsys.readouterr().err


def test_every_listed_file_is_verified_used_or_not(folder):
    (folder / 'extra.bin').write_bytes(b'one')
    edit(folder, lambda m: m['sha256'].update({'extra.bin': sha256(folder / 'extra.bin')}))
    load_bundle(folder)
    (folder / 'extra.bin').write_bytes(b'two')
    assert 'extra.bin was altered' in refused(folder)
    (folder / 'extra.bin').unlink()
    assert 'extra.bin is missing' in refused(folder)
    os.mkfifo(folder / 'extra.bin')
    assert 'not a plain file' in refused(folder)


@pytest.mark.parametrize('name', ['../x', '/etc/hostname'])
def test_a_listed_file_outside_is_refused(folder, name):
    edit(folder, lambda m: m['sha256'].update({name: '0' * 64}))
    assert 'leaves the bundle folder' in refused(folder)


def test_weights_that_are_not_listed_are_refused(folder):
    shutil.copy(folder / 'base.safetensors', folder / 'more.bin')
    change_graph(folder, lambda model: refer(external(model)[-1], 'more.bin'))
    assert 'takes weights from more.bin' in refused(folder)
    edit(folder, lambda m: m['sha256'].update({'more.bin': sha256(folder / 'more.bin')}))
    load_bundle(folder)


@pytest.mark.parametrize('location', ['../base.safetensors', '/etc/hostname', ''])
def test_weights_outside_the_folder_are_refused(folder, location):
    change_graph(folder, lambda model: refer(external(model)[0], location))
    assert 'leaves the bundle folder' in refused(folder)


def hidden_in(kind: str, model) -> None:
    """Move a tensor that refers outside to where graphs may also have one."""
    tensor = onnx.TensorProto()
    tensor.CopyFrom(external(model)[0])
    refer(tensor, '../secret')
    inner = helper.make_graph([], 'inner', [], [], [tensor])
    node = helper.make_node('Constant', [], ['hidden'], value=tensor)
    if kind == 'constant':
        model.graph.node.append(node)
    elif kind == 'branch':
        model.graph.node.append(
            helper.make_node('If', ['c'], ['y'], then_branch=inner, else_branch=inner)
        )
    elif kind == 'function':
        model.functions.append(
            helper.make_function('own', 'F', [], ['hidden'], [node], [helper.make_opsetid('', 18)])
        )
    else:
        sparse = model.graph.sparse_initializer.add()
        sparse.values.CopyFrom(tensor)


@pytest.mark.parametrize('kind', ['constant', 'branch', 'function', 'sparse'])
def test_weights_are_found_wherever_a_graph_may_have_them(folder, kind):
    change_graph(folder, lambda model: hidden_in(kind, model))
    assert "'../secret' leaves the bundle folder" in refused(folder)


@pytest.mark.parametrize('kind', ['Loop', 'Scan'])
def test_a_graph_of_which_nobody_can_tell_when_it_ends_is_refused(folder, kind):
    def change(model):
        body = helper.make_graph([helper.make_node('Identity', ['a'], ['b'])], 'body', [], [])
        inner = helper.make_graph(
            [helper.make_node(kind, ['n', ''], ['o'], body=body)], 'i', [], []
        )
        model.graph.node.append(
            helper.make_node('If', ['c'], ['y'], then_branch=inner, else_branch=inner)
        )

    change_graph(folder, change)
    assert f'has a {kind}, of which nobody can tell how long it takes' in refused(folder)


@pytest.mark.parametrize('kind', [onnx.TensorProto.DOUBLE, onnx.TensorProto.STRING, 0])
@pytest.mark.parametrize('port', ['depth', 'labels'])
def test_ports_of_another_type_are_refused_before_a_runtime_crashes(folder, port, kind):
    """OpenVINO ends the process at a convolution of doubles."""

    def change(model):
        for value in (*model.graph.input, *model.graph.output):
            if value.name == port:
                value.type.tensor_type.elem_type = kind

    change_graph(folder, change)
    assert f'has {port} of another type' in refused(folder)


def test_outputs_of_another_size_are_refused(folder):
    def change(model):
        model.graph.output[0].type.tensor_type.shape.dim[-1].dim_value = 7

    change_graph(folder, change)
    assert 'has labels of 7 x 48 px, the manifest says 64 x 48' in refused(folder)


def test_a_graph_of_100_000_nodes_is_refused(folder):
    nodes = [helper.make_node('Identity', ['rgb'], [f'n{n}']) for n in range(100_000)]
    change_graph(folder, lambda model: model.graph.node.extend(nodes))
    assert 'it has more than 20000 nodes' in refused(folder)


@pytest.mark.parametrize('share', [0.1, 0.5, 0.9])
def test_half_a_graph_is_refused(folder, share):
    whole = (folder / GRAPH).read_bytes()
    (folder / GRAPH).write_bytes(whole[: int(share * len(whole))])
    edit(folder, lambda m: m['sha256'].update({GRAPH: sha256(folder / GRAPH)}))
    assert 'cannot be read as an ONNX graph: it is cut short' in refused(folder)


@pytest.mark.parametrize('name', ['model.xml', 'model.ort', 'model', 'rgb.npz'])
def test_only_onnx_files_are_graphs(folder, name):
    shutil.copy(folder / GRAPH, folder / name)

    def change(manifest):
        manifest['sha256'][name] = sha256(folder / name)
        manifest['combinations']['rgb']['graph'] = name

    edit(folder, change)
    assert 'is not a graph: expected a .onnx file' in refused(folder)


def test_a_circle_of_links_is_refused(folder):
    (folder / 'base.safetensors').unlink()
    (folder / 'base.safetensors').symlink_to('base.safetensors')
    assert 'base.safetensors' in refused(folder)


TEXTS = {
    'deep': ('[' * 200_000, 'nested too deeply'),
    'digits': ('{"schema": 1' + '0' * 400 + '}', 'a number of 401 digits'),
    'twice': ('{"schema": 1, "schema": 1}', "'schema' comes twice"),
    'nan': ('{"schema": NaN}', 'NaN, which is no JSON number'),
    'infinity': ('{"schema": -Infinity}', '-Infinity, which is no JSON number'),
}


@pytest.mark.parametrize(('text', 'reason'), TEXTS.values(), ids=TEXTS)
def test_json_that_python_would_choke_on_or_take_is_refused(folder, text, reason):
    (folder / MANIFEST).write_text(text)
    assert reason in refused(folder)


def test_a_manifest_of_5_gb_is_not_read(folder):
    os.truncate(folder / MANIFEST, 5 << 30)
    assert f'it has {5 << 30} bytes' in refused(folder)


@pytest.mark.parametrize('schema', [True, 1.0])
def test_only_a_whole_number_is_a_schema(folder, schema):
    edit(folder, lambda m: m.update(schema=schema))
    assert f'has schema {schema}' in refused(folder)


@pytest.mark.parametrize('count', [255, 20_000])
def test_too_many_classes_are_counted_and_not_read(folder, count):
    edit(folder, lambda m: m.update(classes=[None] * count))
    assert f'{count} classes' in refused(folder)


@pytest.mark.parametrize(
    ('size', 'reason'),
    [
        ((8000, 8000), 'expected at most 4096 px'),
        ((1_000_000_000, 64), 'expected at most 4096 px'),
        ((4096, 4096), 'of 64 x 48 px, the manifest says 4096 x 4096'),
        ((64, 48), 'of 64 x 48 px, the manifest says 48 x 64'),
    ],
    ids=str,
)
def test_sizes_are_compared_with_the_graphs_before_anything_is_allocated(folder, size, reason):
    edit(folder, lambda m: m['inputs'].update(height_px=size[0], width_px=size[1]))
    tracemalloc.start()
    try:
        assert reason in refused(folder)
        assert tracemalloc.get_traced_memory()[1] < 20e6
    finally:
        tracemalloc.stop()
