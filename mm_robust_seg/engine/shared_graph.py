"""One loaded graph for all combinations: what the adapters change is an input of it.

Bundles made for little memory have ``shared.onnx`` and, for each combination, a ``.npz`` file
with the values of its two further inputs: ``settings``, everything that the adapter changes, and
``presence``, which closes the gates of absent sensors. Absent images are zeros, so every
combination takes the time of the complete one.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from mm_robust_seg.engine.graphs import Float, Graph, Labels
from mm_robust_seg.errors import EngineError
from mm_robust_seg.modality import Modality

SETTINGS, PRESENCE = 'settings', 'presence'
SHARED_GRAPH = 'shared.onnx'
SUFFIX = '.npz'


class SwitchedGraph:
    """A graph as one combination sees it.

    Args:
        graph: takes settings, presence and one image per sensor.
        settings: (P,) float32.
        presence: (1, sensors, 1, 1) float32, 0 for the sensors of this combination; sensors in
            the order of ``Modality``, whatever the order of the inputs in a runtime.
    """

    def __init__(self, graph: Graph, settings: Float, presence: Float) -> None:
        images = {str(m): graph.inputs[str(m)] for m in Modality if str(m) in graph.inputs}
        given: dict[str, NDArray[np.float32]] = {SETTINGS: settings, PRESENCE: presence}
        expected = {name: graph.inputs[name].shape for name in given if name in graph.inputs}
        if expected != {name: value.shape for name, value in given.items()}:
            raise EngineError(
                f'the settings have shapes {settings.shape} and {presence.shape}, the shared '
                f'graph expects {expected}: export the bundle again'
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


def switching(load: Callable[[Path], Graph]) -> Callable[[Path], Graph]:
    """Return a ``load`` that also takes the settings of a combination; it loads a graph once."""
    shared: dict[Path, Graph] = {}

    def load_either(path: Path) -> Graph:
        if path.suffix != SUFFIX:
            return load(path)
        source = path.with_name(SHARED_GRAPH)
        if source not in shared:
            shared[source] = load(source)
        with np.load(path, allow_pickle=False) as values:
            settings, presence = (values[n].astype(np.float32) for n in (SETTINGS, PRESENCE))
        return SwitchedGraph(shared[source], settings, presence)

    return load_either
