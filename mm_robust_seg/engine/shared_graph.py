# Copyright 2026 mm_robust_seg maintainers
# SPDX-License-Identifier: Apache-2.0

"""One loaded graph for all combinations: what the adapters change is an input of it.

Bundles made for little memory have ``shared.onnx`` and, for each combination, a ``.npz`` file
with the values of its two further inputs: ``adapted``, every parameter that an adapter changes,
and ``presence``, which closes the gates of absent sensors. Absent images are zeros, so every
combination takes the time of the complete one.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
import math
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from mm_robust_seg.engine.graphs import Float, Graph, Labels
from mm_robust_seg.errors import EngineError
from mm_robust_seg.files.archives import read_npz
from mm_robust_seg.modality import Modality

ADAPTED, PRESENCE = 'adapted', 'presence'
SHARED_GRAPH = 'shared.onnx'
SUFFIX = '.npz'
_BYTES, _HEADER_BYTES = 8, 1024


class CombinationGraph:
    """A graph as one combination sees it.

    Args:
        graph: takes adapted parameters, presence and one image per sensor.
        adapted: the parameters of this combination, (P,) float32.
        presence: (1, sensors, 1, 1) float32, 0 for the sensors of this combination; sensors in
            the order of ``Modality``, whatever the order of the inputs in a runtime.
    """

    def __init__(self, graph: Graph, adapted: Float, presence: Float) -> None:
        images = {str(m): graph.inputs[str(m)] for m in Modality if str(m) in graph.inputs}
        given: dict[str, NDArray[np.float32]] = {ADAPTED: adapted, PRESENCE: presence}
        expected = {name: graph.inputs[name].shape for name in given if name in graph.inputs}
        if expected != {name: value.shape for name, value in given.items()}:
            raise EngineError(
                f'the adapted parameters have shapes {adapted.shape} and {presence.shape}, '
                f'the shared graph expects {expected}: export the bundle again'
            )
        present = dict(zip(images, presence.ravel() == 0, strict=True))
        self.inputs = {name: port for name, port in images.items() if present[name]}
        self.outputs = graph.outputs
        absent = {n: p.shape for n, p in images.items() if not present[n]}
        self._fixed = given | {n: np.zeros(shape, np.float32) for n, shape in absent.items()}
        self._graph = graph

    def run(self, inputs: Mapping[str, Float]) -> tuple[Labels, Labels]:
        """Return labels and confidence for the images of the present sensors."""
        return self._graph.run({**self._fixed, **inputs})


def sharing(load: Callable[[Path], Graph]) -> Callable[[Path], Graph]:
    """Return a ``load`` that also takes the parameters of a combination; it loads a graph once."""
    shared: dict[Path, Graph] = {}

    def load_either(path: Path) -> Graph:
        if path.suffix != SUFFIX:
            return load(path)
        source = path.with_name(SHARED_GRAPH)
        if source not in shared:
            shared[source] = load(source)
        graph, names = shared[source], (ADAPTED, PRESENCE)
        shapes = [graph.inputs[name].shape for name in names if name in graph.inputs]
        most_bytes = sum(_BYTES * math.prod(shape) + _HEADER_BYTES for shape in shapes)
        values = read_npz(path, names, most_bytes)
        return CombinationGraph(graph, *(values[name].astype(np.float32) for name in names))

    return load_either
