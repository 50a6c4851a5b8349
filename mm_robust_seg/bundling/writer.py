# Copyright 2026 mm_robust_seg maintainers
# SPDX-License-Identifier: Apache-2.0

"""Write a bundle: one base, small adapters where there are any, a pruned graph per combination.

Graphs keep large tensors as references into ``base.safetensors`` (ONNX external data with an
offset), so seven graphs of one network cost little more than one. What differs from the base
stays inside each graph: the affine parameters that a folded adapter changes, where the runtimes
fuse them into the convolutions, or all weights of a network of its own.
"""

from __future__ import annotations

from collections.abc import Mapping
import io
import json
from pathlib import Path
import struct
from typing import Any
import warnings

import numpy as np
import onnx
from onnx.external_data_helper import set_external_data
import torch
from torch import nn, Tensor

from mm_robust_seg.bundle import (
    PRECISIONS,
    SCHEMA_VERSION,
)
from mm_robust_seg.bundling.folder import replacing_bundle, write_golden, write_manifest
from mm_robust_seg.engine.base import CONFIDENCE, LABELS
from mm_robust_seg.engine.shared_graph import ADAPTED, PRESENCE, SHARED_GRAPH
from mm_robust_seg.files import write_bytes
from mm_robust_seg.modalities import KINDS
from mm_robust_seg.modalities.input_spec import InputSpec
from mm_robust_seg.modality import ModalitySet
from mm_robust_seg.network.adapter_inputs import SharedLabeler, SharedNetwork
from mm_robust_seg.network.adapters.base import Adapter
from mm_robust_seg.network.segmenter import Labeler
from mm_robust_seg.training.base_network import BASE, save_network
from mm_robust_seg.training.loop import checkpoint

OPSET = 17
_SHARED_BYTES = 4096


def write_bundle(
    networks: Mapping[ModalitySet, nn.Module],
    adapters: Mapping[ModalitySet, Adapter],
    inputs: InputSpec,
    manifest: Mapping[str, Any],
    folder: Path,
    design: str = 'folded',
    temperatures: Mapping[ModalitySet, float] | None = None,
) -> None:
    """Write the bundle beside ``folder`` and put it in its place when it is complete.

    Args:
        networks, adapters: of a finished ``Method``.
        manifest: all of it but files, checksums, units and inputs.
        design: ``'folded'``: a graph per combination; ``'shared'``: one graph for all, with what
            the adapters change as an input (see ``network.adapter_inputs``).
        temperatures: what the logits of ``networks`` are divided by already, where it is known.

    Raises:
        TrainingError: if the networks cannot share a graph, ``folder`` holds something that is
            not a bundle, or the disk is full.
    """
    with replacing_bundle(folder) as building:
        entries = _write_files(networks, adapters, inputs, design, building)
        for combination, temperature in (temperatures or {}).items():
            entries[str(combination)]['temperature'] = temperature
        whole = {
            'schema': SCHEMA_VERSION,
            **manifest,
            'inputs': inputs.numbers(),
            'units': {str(m): KINDS[m].unit for m in inputs.normalizations},
            'base': BASE,
            **({'shared_graph': SHARED_GRAPH} if design == 'shared' else {}),
            'precision': PRECISIONS[0],
            'golden': {},
            'combinations': entries,
        }
        write_manifest(building, whole)
        write_golden(building)


def _write_files(
    networks: Mapping[ModalitySet, nn.Module],
    adapters: Mapping[ModalitySet, Adapter],
    inputs: InputSpec,
    design: str,
    folder: Path,
) -> dict[str, dict[str, str | float | None]]:
    complete = networks[max(networks, key=len)]
    save_network(folder / BASE, complete)
    base, offsets = complete.state_dict(), tensor_offsets(folder / BASE)
    entries: dict[str, dict[str, str | float | None]] = {}
    shared = SharedNetwork(networks) if design == 'shared' else None
    if shared is not None:
        write_bytes(folder / SHARED_GRAPH, shared_bytes(shared, complete, inputs, base, offsets))
    for combination, network in networks.items():
        file: str | None = None
        if combination in adapters:
            file = f'adapters/{combination}.safetensors'
            facts = {'for': str(combination)}
            checkpoint.save(folder / file, adapters[combination].state_dict(), facts)
        if shared is not None:
            graph, content = f'{combination}.npz', combination_bytes(shared, combination, network)
        else:
            graph = f'{combination}.onnx'
            content = graph_bytes(network, combination, inputs, base, offsets)
        write_bytes(folder / graph, content)
        entries[str(combination)] = {'graph': graph, 'adapter': file}
    return entries


def shared_bytes(
    shared: SharedNetwork,
    complete: nn.Module,
    inputs: InputSpec,
    base: Mapping[str, Tensor],
    offsets: Mapping[str, tuple[int, int]],
) -> bytes:
    """Export the one graph of all combinations; see ``network.adapter_inputs``."""
    combination = shared.combination
    chosen = {
        ADAPTED: shared.adapted(complete),
        PRESENCE: shared.presence(combination),
    }
    model = exported(SharedLabeler(shared), chosen | images_of(combination, inputs))
    refer(model, 'shared.segmenter.', base, base, offsets)
    return model.SerializeToString()


def combination_bytes(
    shared: SharedNetwork, combination: ModalitySet, network: nn.Module
) -> bytes:
    """Return the .npz file that makes the shared graph that of ``combination``."""
    stream = io.BytesIO()
    values = {
        ADAPTED: shared.adapted(network).numpy(),
        PRESENCE: shared.presence(combination).numpy(),
    }
    np.savez(stream, **values)
    return stream.getvalue()


def graph_bytes(
    network: nn.Module,
    combination: ModalitySet,
    inputs: InputSpec,
    base: Mapping[str, Tensor],
    offsets: Mapping[str, tuple[int, int]],
) -> bytes:
    """Export one combination; tensors equal to the base's become references into its file.

    Args:
        network: maps inputs of the combination to logits, in eval mode, on the CPU.
        base: the state that ``base.safetensors`` holds.
        offsets: of its tensors: first byte and length in the file.
    """
    labeler = Labeler(network, combination, inputs.validity)
    model = exported(labeler, images_of(combination, inputs))
    refer(model, 'segmenter.', network.state_dict(), base, offsets)
    return model.SerializeToString()


def images_of(combination: ModalitySet, inputs: InputSpec) -> dict[str, Tensor]:
    """Return blank images of a combination, by the name of their graph input."""
    size = (inputs.height_px, inputs.width_px)
    return {m.value: torch.zeros(1, inputs.channels(m), *size) for m in combination}


def exported(labeler: nn.Module, arguments: Mapping[str, Tensor]) -> onnx.ModelProto:
    """Return the graph of a module that gives labels and confidence."""
    stream = io.BytesIO()
    with warnings.catch_warnings():
        warnings.simplefilter('ignore')
        torch.onnx.export(
            labeler.eval().to(memory_format=torch.contiguous_format),
            tuple(arguments.values()),
            stream,
            input_names=list(arguments),
            output_names=[LABELS, CONFIDENCE],
            opset_version=OPSET,
            dynamo=False,
            training=torch.onnx.TrainingMode.PRESERVE,
            do_constant_folding=False,
        )
    return onnx.load_from_string(stream.getvalue())


def refer(
    model: onnx.ModelProto,
    prefix: str,
    state: Mapping[str, Tensor],
    base: Mapping[str, Tensor],
    offsets: Mapping[str, tuple[int, int]],
) -> None:
    """Make references into the base's file of the large tensors that equal those in it.

    Args:
        prefix: of the names in ``model``; without it they are those of ``state``.
    """
    for tensor in model.graph.initializer:
        name = tensor.name.removeprefix(prefix)
        large = name in offsets and offsets[name][1] >= _SHARED_BYTES
        if large and name in state and torch.equal(state[name], base[name]):
            offset, length = offsets[name]
            set_external_data(tensor, BASE, offset=offset, length=length)
            tensor.ClearField('raw_data')


def tensor_offsets(path: Path) -> dict[str, tuple[int, int]]:
    """Return first byte and length of each tensor in a safetensors file."""
    with path.open('rb') as stream:
        (length,) = struct.unpack('<Q', stream.read(8))
        header = json.loads(stream.read(length))
    header.pop('__metadata__', None)
    start = 8 + length
    spans = {name: entry['data_offsets'] for name, entry in header.items()}
    return {name: (start + first, end - first) for name, (first, end) in spans.items()}
