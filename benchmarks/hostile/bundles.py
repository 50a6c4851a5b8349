# Copyright 2026 mm_robust_seg maintainers
# SPDX-License-Identifier: Apache-2.0

"""Bundles with one thing changed, as somebody with bad intent or bad luck would."""

from __future__ import annotations

from collections.abc import Callable, Mapping
import io
import json
import os
from pathlib import Path
from random import Random
from typing import Any
import zipfile

import numpy as np
import onnx
from onnx import helper, numpy_helper, TensorProto

from benchmarks.hostile.files import damaged_json, odd_file
from mm_robust_seg.bundle_files import sha256

MANIFEST, BASE = 'manifest.json', 'base.safetensors'
SHARED, SETTINGS = 'shared.onnx', 'rgb.npz'
_SIZE_PX = (48, 64)
_KEYS = ('name', 'description', 'licence', 'classes', 'inputs', 'units', 'base', 'combinations',
         'provenance', 'scores', 'sha256')  # fmt: skip
_NAMES = ('../../x', '/abs/x', '', '.', '..', 'a/b', 'a' * 300, 'a\0', '\x1b[2J', 'a\n', None, {})
_PATHS = ('../x', '/etc/hostname', '..', 'a\\b', 'x' * 400, 'a\0b', '\x1b[2J', 'none.onnx', '')
_SIZES = (0, -1, 33, 8000, 10**9, 2**70, 48.5, '240', None, True, [240])
_WRONG = (None, True, 3.5, 7, 'x', [[]], 10**30)


def write(bundle: Path, folder: Path, random: Random) -> str:
    """Link the files of a good bundle into ``folder``, change one thing, and name it."""
    for path in (p for p in bundle.rglob('*') if p.is_file()):
        target = folder / path.relative_to(bundle)
        target.parent.mkdir(parents=True, exist_ok=True)
        os.link(path, target)
    name = random.choice(sorted(_CHANGES))
    _CHANGES[name](folder, random)
    return name


def _replace(path: Path, data: bytes) -> None:
    path.unlink(missing_ok=True)
    path.write_bytes(data)


def _edit(folder: Path, change: Callable[[dict[str, Any]], object]) -> None:
    manifest = json.loads((folder / MANIFEST).read_text())
    change(manifest)
    _replace(folder / MANIFEST, json.dumps(manifest).encode())


def _sign(folder: Path, *names: str) -> None:
    """Have the manifest hold the checksums of altered files."""
    _edit(folder, lambda m: m['sha256'].update({n: sha256(folder / n) for n in names}))


def _graph(folder: Path, random: Random) -> str:
    return random.choice(sorted(path.name for path in folder.glob('*.onnx')))


def _change_graph(folder: Path, random: Random, change: Callable[[Any], object]) -> None:
    name = _graph(folder, random)
    model = onnx.load(folder / name, load_external_data=False)
    change(model)
    _replace(folder / name, model.SerializeToString())
    _sign(folder, name)


def _manifest_text(folder: Path, random: Random) -> None:
    _replace(folder / MANIFEST, damaged_json((folder / MANIFEST).read_text(), random))


def _manifest_file(folder: Path, random: Random) -> None:
    odd_file(folder / MANIFEST, random)


def _key_missing(folder: Path, random: Random) -> None:
    key = random.choice((*_KEYS, 'schema'))
    _edit(folder, lambda m: m.pop(key))


def _key_of_another_type(folder: Path, random: Random) -> None:
    key, value = random.choice(_KEYS[3:]), random.choice(_WRONG)
    _edit(folder, lambda m: m.update({key: value}))


def _text_of_another_type(folder: Path, random: Random) -> None:
    key, value = random.choice(_KEYS[1:3]), random.choice([None, 3, [], {}])
    _edit(folder, lambda m: m.update({key: value}))


def _name(folder: Path, random: Random) -> None:
    _edit(folder, lambda m: m.update(name=random.choice(_NAMES)))


def _path(folder: Path, random: Random) -> None:
    path = random.choice(_PATHS)

    def change(manifest: dict[str, Any]) -> None:
        kind, entry = random.choice(['base', 'graph', 'sha256', 'golden']), manifest
        if kind == 'graph':
            entry = random.choice(list(manifest['combinations'].values()))
        elif kind != 'base':
            entry = manifest[kind]
            kind = path if kind == 'sha256' else next(iter(entry))
        entry[kind] = '0' * 64 if kind == path else path

    _edit(folder, change)


def _size(folder: Path, random: Random) -> None:
    side, size = random.choice(['height_px', 'width_px']), random.choice(_SIZES)
    _edit(folder, lambda m: m['inputs'].update({side: size}))


def _classes(folder: Path, random: Random) -> None:
    def change(manifest: dict[str, Any]) -> None:
        classes = manifest['classes']
        kind = random.choice(['many', 'few', 'name', 'color', 'entry'])
        if kind == 'many':
            manifest['classes'] = classes[:1] * random.choice([255, 5000, 10_000])
        elif kind == 'few':
            manifest['classes'] = classes[: random.choice([0, 1, 2])]
        elif kind == 'entry':
            classes[0] = random.choice(_WRONG)
        else:
            odd = {'name': [None, 7, {}], 'color': [None, [1, 2], [256, 0, 0], [-1, 0, 0], 'abc']}
            random.choice(classes)[kind] = random.choice(odd[kind])

    _edit(folder, change)


def _combination(folder: Path, random: Random) -> None:
    key = random.choice(['sonar', 'rgb+', '', 'rgb,depth', 'RGB', '\x1b', 'rgb+' * 500])
    _edit(folder, lambda m: m['combinations'].update({key: m['combinations']['rgb']}))


def _precision(folder: Path, random: Random) -> None:
    value = random.choice(['f8', 32, [], {}, 'x' * 5000])
    _edit(folder, lambda m: m.update(precision=value))


def _checksum(folder: Path, random: Random) -> None:
    def change(manifest: dict[str, Any]) -> None:
        name = random.choice(sorted(manifest['sha256']))
        manifest['sha256'][name] = random.choice(['0' * 64, '', 7, None, 'f' * 10_000])

    _edit(folder, change)


def _file(folder: Path, random: Random) -> None:
    files = sorted(p for p in folder.rglob('*') if p.is_file() and p.name != MANIFEST)
    path = random.choice(files)
    if random.random() < 0.5:
        odd_file(path, random)
        return
    data = bytearray(path.read_bytes())
    if random.random() < 0.5:
        data[random.randrange(len(data))] ^= 1 << random.randrange(8)
    else:
        del data[random.randrange(len(data)) :]
    _replace(path, bytes(data))


def _graph_cut(folder: Path, random: Random) -> None:
    name = _graph(folder, random)
    data = (folder / name).read_bytes()
    cut = data[: random.randrange(1, int(0.95 * len(data)))]
    _replace(folder / name, random.choice([cut, b'', random.randbytes(5000), b'\0' * 5000]))
    _sign(folder, name)


def _graph_ports(folder: Path, random: Random) -> None:
    def change(model: Any) -> None:
        port = random.choice([*model.graph.input, *model.graph.output])
        kind = random.choice(['name', 'type', 'size'])
        if kind == 'name':
            port.name = 'other'
        elif kind == 'type':
            port.type.tensor_type.elem_type = TensorProto.DOUBLE
        else:
            port.type.tensor_type.shape.dim[-1].dim_value = random.choice([1, 7, 10**6, 2**40])

    _change_graph(folder, random, change)


def _external(folder: Path, random: Random) -> None:
    def change(model: Any) -> None:
        tensors = [t for t in model.graph.initializer if t.external_data]
        entries = {entry.key: entry for entry in random.choice(tensors).external_data}
        key = random.choice(['location', 'offset', 'length'])
        odd = {
            'location': ['../x', '/etc/hostname', 'none', '', MANIFEST],
            'offset': ['99999999999', '-5', 'x'],
            'length': ['99999999999', '-5', '3'],
        }
        entries[key].value = random.choice(odd[key])

    _change_graph(folder, random, change)


def _base_cut(folder: Path, random: Random) -> None:
    data = (folder / BASE).read_bytes()
    _replace(folder / BASE, data[: random.randrange(len(data) // 2)])
    _sign(folder, BASE)


def _endless(folder: Path, random: Random) -> None:
    def change(model: Any) -> None:
        kind = random.choice(['Loop', 'Scan', 'nodes', 'operator'])
        if kind == 'nodes':
            nodes = [helper.make_node('Identity', ['rgb'], [f'n{i}']) for i in range(100_000)]
        else:
            keep = helper.make_node('Identity', ['c'], ['d'])
            ports = [helper.make_tensor_value_info(n, TensorProto.BOOL, []) for n in 'icd']
            body = helper.make_graph([keep], 'body', ports[:2], ports[2:])
            count = numpy_helper.from_array(np.array(2**62), 'count')
            model.graph.initializer.append(count)
            nodes = [helper.make_node(kind, ['count', ''], ['o'], body=body)]
        model.graph.node.extend(nodes)
        if kind == 'operator':
            model.graph.output[0].name = 'o'

    _change_graph(folder, random, change)


def _swapped(folder: Path, _random: Random) -> None:
    one, other = 'rgb.onnx', 'depth.onnx'
    data = (folder / one).read_bytes()
    _replace(folder / one, (folder / other).read_bytes())
    _replace(folder / other, data)
    _sign(folder, one, other)


def _labels(folder: Path, random: Random) -> None:
    """Have the graph give labels that are no class."""

    def change(model: Any) -> None:
        node = next(n for n in model.graph.node if 'labels' in n.output)
        node.output[0] = 'few'
        more = numpy_helper.from_array(np.array(100, np.uint8), 'more')
        model.graph.initializer.append(more)
        model.graph.node.append(helper.make_node('Add', ['few', 'more'], ['labels']))

    _change_graph(folder, random, change)


def _golden(folder: Path, random: Random) -> None:
    path = random.choice(sorted((folder / 'golden').glob('*.png')))
    data = bytearray(path.read_bytes())
    sides = random.choice([(60_000, 60_000), (30_000, 30_000), (1, 1), (0, 0)])
    data[16:24] = b''.join(side.to_bytes(4, 'big') for side in sides)
    _replace(path, random.choice([bytes(data), b'', data[:20], random.randbytes(500)]))
    _sign(folder, path.relative_to(folder).as_posix())


def _shared(folder: Path, random: Random) -> None:
    """One graph for all combinations, with settings that are too much, too little or none."""
    images = {'rgb': 3}
    value = helper.make_tensor_value_info
    shapes = {'adapted': [2], 'presence': [1, 3, 1, 1]}
    shapes |= {name: [1, channels, *_SIZE_PX] for name, channels in images.items()}
    zero = numpy_helper.from_array(np.zeros((1, *_SIZE_PX), np.uint8), 'zero')
    nodes = [helper.make_node('Identity', ['zero'], [name]) for name in ('labels', 'confidence')]
    outputs = [value(n, TensorProto.UINT8, [1, *_SIZE_PX]) for n in ('labels', 'confidence')]
    inputs = [value(name, TensorProto.FLOAT, shape) for name, shape in shapes.items()]
    graph = helper.make_graph(nodes, 'shared', inputs, outputs, [zero])
    opset = [helper.make_opsetid('', 17)]
    model = helper.make_model(graph, opset_imports=opset, ir_version=8)
    (folder / SHARED).write_bytes(model.SerializeToString())
    (folder / SETTINGS).write_bytes(_settings(random))

    def change(manifest: dict[str, Any]) -> None:
        manifest['combinations'] = {'rgb': {'graph': SETTINGS, 'adapter': None}}
        manifest['inputs'].update(height_px=_SIZE_PX[0], width_px=_SIZE_PX[1])
        manifest.update(shared_graph=SHARED, golden={})

    _edit(folder, change)
    _sign(folder, SHARED, SETTINGS)


def _settings(random: Random) -> bytes:
    adapted, presence = np.zeros(2, np.float32), np.zeros((1, 3, 1, 1), np.float32)
    kind = random.choice(['bomb', 'objects', 'shape', 'missing', 'garbage', 'promise'])
    stream = io.BytesIO()
    if kind == 'garbage':
        return random.randbytes(3000)
    if kind == 'bomb':
        with zipfile.ZipFile(stream, 'w', zipfile.ZIP_DEFLATED) as archive:
            for name in ('adapted.npy', 'presence.npy'):
                with archive.open(name, 'w', force_zip64=True) as member:
                    member.write(_npy_header((1 << 28,)))
                    for _ in range(64):
                        member.write(bytes(1 << 20))
        return stream.getvalue()
    if kind == 'promise':
        with zipfile.ZipFile(stream, 'w') as archive:
            for name in ('adapted.npy', 'presence.npy'):
                archive.writestr(name, _npy_header((1 << random.choice([40, 62]),)))
        return stream.getvalue()
    arrays: dict[str, Any] = {'adapted': adapted, 'presence': presence}
    if kind == 'objects':
        arrays['adapted'] = np.array([{}, {}], object)
    elif kind == 'shape':
        arrays['adapted'] = np.zeros(random.choice([0, 1, 3, 10**6]), np.float32)
    else:
        arrays.pop(random.choice(sorted(arrays)))
    np.savez(stream, **arrays)
    return stream.getvalue()


def _npy_header(shape: tuple[int, ...]) -> bytes:
    stream = io.BytesIO()
    header = {'descr': '<f4', 'fortran_order': False, 'shape': shape}
    np.lib.format.write_array_header_1_0(stream, header)
    return stream.getvalue()


_CHANGES: Mapping[str, Callable[[Path, Random], object]] = {
    'a checksum': _checksum,
    'a combination': _combination,
    'a file': _file,
    'a golden label map': _golden,
    'a graph cut or replaced': _graph_cut,
    'a key missing': _key_missing,
    'a key of another type': _key_of_another_type,
    'a path': _path,
    'a precision': _precision,
    'a text of another type': _text_of_another_type,
    'classes': _classes,
    'endless graphs': _endless,
    'external weights': _external,
    'inputs and outputs of a graph': _graph_ports,
    'labels that are no class': _labels,
    'settings of a shared graph': _shared,
    'sizes': _size,
    'swapped graphs': _swapped,
    'text of the manifest': _manifest_text,
    'the base cut': _base_cut,
    'the file of the manifest': _manifest_file,
    'the name': _name,
}
