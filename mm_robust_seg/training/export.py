"""Write a bundle: one base, small adapters, and a pruned, folded graph per combination.

Graphs keep large tensors as references into ``base.safetensors`` (ONNX external data with an
offset), so seven graphs cost little more than one. An adapter changes only the affine parameters
of normalisations; those small vectors stay inside each graph, where the runtimes fuse them into
the convolutions.
"""

from __future__ import annotations

from collections.abc import Mapping
import copy
from dataclasses import asdict
import io
import json
from pathlib import Path
import shutil
import struct
import warnings

import onnx
from onnx.external_data_helper import set_external_data
import torch
from torch import nn, Tensor

from mm_robust_seg.bundle import (
    CHANNELS,
    load_bundle,
    MANIFEST,
    SCHEMA_VERSION,
    sha256,
    UNITS,
)
from mm_robust_seg.datasets.samples import Dataset
from mm_robust_seg.engine.base import CONFIDENCE, LABELS
from mm_robust_seg.errors import TrainingError
from mm_robust_seg.files import write_bytes, write_json
from mm_robust_seg.modality import all_combinations, ModalitySet
from mm_robust_seg.network.adapters.base import Adapter, parameter_count
from mm_robust_seg.network.segmenter import Labeler, Segmenter
from mm_robust_seg.training import checkpoint
from mm_robust_seg.training.recipe import Recipe

OPSET = 17
BASE = 'base.safetensors'
_SHARED_BYTES = 4096


def export_bundle(
    segmenter: Segmenter,
    adapters: Mapping[ModalitySet, Adapter],
    recipe: Recipe,
    splits: tuple[Dataset, Dataset],
    scores: Mapping[str, Mapping[str, float]],
    folder: Path,
) -> None:
    """Write the bundle beside ``folder`` and put it in its place when it is complete.

    Raises:
        TrainingError: if ``folder`` holds something that is not a bundle.
    """
    if folder.exists() and not (folder / MANIFEST).is_file():
        raise TrainingError(f'{folder} exists and is not a bundle: give another folder')
    building = folder.with_name(f'.{folder.name}.building')
    shutil.rmtree(building, ignore_errors=True)
    (building / 'adapters').mkdir(parents=True)
    try:
        entries = _write_files(segmenter, adapters, recipe, building)
        manifest = _manifest(segmenter, adapters, recipe, splits, scores)
        manifest['combinations'] = entries
        files = [p for p in sorted(building.rglob('*')) if p.is_file()]
        manifest['sha256'] = {p.relative_to(building).as_posix(): sha256(p) for p in files}
        write_json(building / MANIFEST, manifest)
        load_bundle(building)
        shutil.rmtree(folder, ignore_errors=True)
        building.rename(folder)
    finally:
        shutil.rmtree(building, ignore_errors=True)


def _write_files(
    segmenter: Segmenter,
    adapters: Mapping[ModalitySet, Adapter],
    recipe: Recipe,
    folder: Path,
) -> dict[str, dict[str, str | None]]:
    state = {k: v for k, v in segmenter.state_dict().items() if v.is_floating_point()}
    checkpoint.save(folder / BASE, state, {'network': 'Segmenter'})
    offsets = tensor_offsets(folder / BASE)
    entries: dict[str, dict[str, str | None]] = {}
    for combination in all_combinations():
        adapter = adapters.get(combination)
        folded = copy.deepcopy(segmenter)
        file: str | None = None
        if isinstance(adapter, nn.Module):
            file = f'adapters/{combination}.safetensors'
            checkpoint.save(folder / file, adapter.state_dict(), {'for': str(combination)})
            folded.load_state_dict(adapter.overrides(state), strict=False)
        graph = f'{combination}.onnx'
        write_bytes(folder / graph, graph_bytes(folded, combination, recipe, state, offsets))
        entries[str(combination)] = {'graph': graph, 'adapter': file}
    return entries


def graph_bytes(
    segmenter: Segmenter,
    combination: ModalitySet,
    recipe: Recipe,
    base: Mapping[str, Tensor],
    offsets: Mapping[str, tuple[int, int]],
) -> bytes:
    """Export one combination; tensors equal to the base's become references into its file.

    Args:
        segmenter: the network with the combination's adapter folded in.
        base: the state that ``base.safetensors`` holds.
        offsets: of its tensors: first byte and length in the file.
    """
    height, width = recipe.inputs.height_px, recipe.inputs.width_px
    images = tuple(torch.zeros(1, CHANNELS[m], height, width) for m in combination)
    stream = io.BytesIO()
    with warnings.catch_warnings():
        warnings.simplefilter('ignore')
        torch.onnx.export(
            Labeler(segmenter, combination).eval().to(memory_format=torch.contiguous_format),
            images,
            stream,
            input_names=[m.value for m in combination],
            output_names=[LABELS, CONFIDENCE],
            opset_version=OPSET,
            dynamo=False,
            training=torch.onnx.TrainingMode.PRESERVE,
            do_constant_folding=False,
        )
    model = onnx.load_from_string(stream.getvalue())
    state = segmenter.state_dict()
    for tensor in model.graph.initializer:
        name = tensor.name.removeprefix('segmenter.')
        shared = name in offsets and offsets[name][1] >= _SHARED_BYTES
        if shared and torch.equal(state[name], base[name]):
            offset, length = offsets[name]
            set_external_data(tensor, BASE, offset=offset, length=length)
            tensor.ClearField('raw_data')
    return model.SerializeToString()


def tensor_offsets(path: Path) -> dict[str, tuple[int, int]]:
    """Return first byte and length of each tensor in a safetensors file."""
    with path.open('rb') as stream:
        (length,) = struct.unpack('<Q', stream.read(8))
        header = json.loads(stream.read(length))
    header.pop('__metadata__', None)
    start = 8 + length
    spans = {name: entry['data_offsets'] for name, entry in header.items()}
    return {name: (start + first, end - first) for name, (first, end) in spans.items()}


def _manifest(
    segmenter: Segmenter,
    adapters: Mapping[ModalitySet, Adapter],
    recipe: Recipe,
    splits: tuple[Dataset, Dataset],
    scores: Mapping[str, Mapping[str, float]],
) -> dict[str, object]:
    train, val = splits
    total = parameter_count(segmenter)
    return {
        'schema': SCHEMA_VERSION,
        'name': recipe.name,
        'description': recipe.description,
        'licence': train.licence,
        'classes': [{'name': c.name, 'color': list(c.color)} for c in train.classes],
        'inputs': asdict(recipe.input_spec),
        'units': dict(UNITS),
        'base': BASE,
        'scores': {k: dict(v) for k, v in scores.items()},
        'provenance': {
            'network': 'three MobileNetV2 1.0 encoders, gated fusion, sum decoder',
            'method': 'base on complete input, scale-and-shift adapters, absent branches pruned',
            'parameters': total,
            'adapter_parameters': {
                str(c): parameter_count(a) for c, a in adapters.items() if isinstance(a, nn.Module)
            },
            'pretrained': 'MobileNetV2 1.0 ImageNet (Apache-2.0), google-coral/edgetpu'
            if recipe.pretrained
            else 'none',
            'train': dict(train.provenance),
            'val': dict(val.provenance),
            'scores': 'mIoU in percent on val, float32, at the size of the labels',
            'seed': recipe.seed,
            'epochs': {'base': recipe.base.epochs, 'adapters': recipe.adapters.epochs},
            'torch': torch.__version__,
        },
    }
