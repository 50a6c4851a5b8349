# Copyright 2026 mm_robust_seg maintainers
# SPDX-License-Identifier: Apache-2.0

"""The part of an engine that is the same in every runtime: checks, switching, timing.

A runtime's own file says only how a graph is loaded and run (see :class:`Graph`).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
import time
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from mm_robust_seg.bundle import Bundle
from mm_robust_seg.dataflow import Prediction
from mm_robust_seg.engine.base import CONFIDENCE, IsCancelled, LABELS, never
from mm_robust_seg.errors import EngineError, EngineUnavailableError
from mm_robust_seg.foreign_text import one_line
from mm_robust_seg.modality import Modality, ModalitySet

Float = NDArray[np.float32]
Labels = NDArray[np.uint8]


@dataclass(frozen=True)
class Port:
    """Declared shape and NumPy dtype of a graph's input or output; -1 is an open dimension."""

    shape: tuple[int, ...]
    dtype: str

    def __str__(self) -> str:
        return f'{self.dtype} {self.shape}'


class Graph(Protocol):
    """One graph that a runtime has loaded."""

    @property
    def inputs(self) -> Mapping[str, Port]:
        """What the file declares as inputs, by name."""

    @property
    def outputs(self) -> Mapping[str, Port]:
        """What the file declares as outputs, by name."""

    def run(self, inputs: Mapping[str, Float]) -> tuple[Labels, Labels]:
        """Return labels and confidence, (1, h, w) uint8, in memory of the caller's own."""


class GraphEngine:
    """An ``engine.base.Engine`` over one loaded graph per combination."""

    def __init__(
        self,
        description: str,
        load: Callable[[Path], Graph],
        bundle: Bundle,
        warmup_iterations: int,
        is_cancelled: IsCancelled = never,
    ) -> None:
        """Load, check and warm every graph of ``bundle``; the largest combination is active.

        Raises:
            EngineError: if there is no graph, or one cannot be loaded or run, or its inputs and
                outputs are not those of its combination; or ``is_cancelled`` between two graphs.
        """
        graphs, channels = bundle.graphs, bundle.inputs.channels
        if not graphs:
            raise EngineError('the engine got no graph: expected one for each combination')
        self._description = description
        self._graphs: dict[ModalitySet, Graph] = {}
        self._shapes: dict[ModalitySet, dict[Modality, tuple[int, ...]]] = {}
        for combination in sorted(graphs, key=len, reverse=True):
            if is_cancelled():
                raise EngineError('loading the engine was cancelled')
            self._graphs[combination] = graph = _load(load, graphs[combination])
            expected = {m: channels(m) for m in combination}
            self._shapes[combination] = _checked(graph, expected, graphs[combination])
        for combination in reversed(self._graphs):
            self._active = combination
            blank = {m: np.zeros(s, np.float32) for m, s in self._shapes[combination].items()}
            for _ in range(warmup_iterations):
                self.infer(blank)

    @property
    def description(self) -> str:
        """Runtime, version, precision and threads, in one line."""
        return self._description

    @property
    def combinations(self) -> tuple[ModalitySet, ...]:
        """The combinations that can be activated, the largest first."""
        return tuple(self._graphs)

    @property
    def active(self) -> ModalitySet:
        """The combination that ``infer`` runs."""
        return self._active

    def activate(self, combination: ModalitySet) -> None:
        """Choose the combination to run; every one is loaded, so this only looks it up.

        Raises:
            EngineError: if it is not one of ``combinations``, or the engine is closed.
        """
        if combination not in self._graphs:
            self._require_open()
            raise EngineError(
                f'there is no graph for {combination}: this engine serves '
                f'{", ".join(map(str, self._graphs))}; choose one of them or export the bundle '
                'with this combination'
            )
        self._active = combination

    def infer(self, inputs: Mapping[Modality, Float]) -> Prediction:
        """Run the active combination on (1, C, h, w) float32 inputs.

        Raises:
            EngineError: if the inputs are not exactly those of the active combination in the
                declared shapes, the runtime fails, or the engine is closed.
        """
        self._require_open()
        _check_inputs(inputs, self._shapes[self._active], self._active)
        named = {str(m): np.ascontiguousarray(array) for m, array in inputs.items()}
        graph = self._graphs[self._active]
        start = time.perf_counter()
        try:
            labels, confidence = graph.run(named)
        except Exception as error:
            raise EngineError(
                f'{self._description}: inference of {self._active} failed: {one_line(error)}'
            ) from error
        return Prediction(labels[0], confidence[0], time.perf_counter() - start)

    def close(self) -> None:
        """Free the runtime's memory; harmless when repeated."""
        self._graphs.clear()

    def _require_open(self) -> None:
        if not self._graphs:
            raise EngineError('the engine is closed: build a new one')


def _load(load: Callable[[Path], Graph], path: Path) -> Graph:
    try:
        return load(path)
    except EngineUnavailableError:
        raise
    except Exception as error:
        raise EngineError(
            f'{path} cannot be loaded: {one_line(error)}; export the bundle again, or choose '
            'another engine.backend'
        ) from error


def _checked(
    graph: Graph, channels: Mapping[Modality, int], path: Path
) -> dict[Modality, tuple[int, ...]]:
    """Return the input shapes of ``graph`` after comparing its ports with the convention."""
    height, width = next((port.shape[-2:] for port in graph.inputs.values()), (-1, -1))
    inputs = {str(m): Port((1, c, height, width), 'float32') for m, c in channels.items()}
    outputs = {name: Port((1, height, width), 'uint8') for name in (LABELS, CONFIDENCE)}
    for found, expected in ((graph.inputs, inputs), (graph.outputs, outputs)):
        if dict(found) != expected or min(height, width) < 1:
            raise EngineError(
                f'{path} has {_ports(found)}; the graph of {ModalitySet(channels)} is expected to '
                f'have {_ports(expected)} with one fixed size: export the bundle again'
            )
    return {m: inputs[str(m)].shape for m in channels}


def _ports(ports: Mapping[str, Port]) -> str:
    return ', '.join(f'{name}: {port}' for name, port in ports.items()) or 'no ports'


def _check_inputs(
    inputs: Mapping[Modality, Float],
    shapes: Mapping[Modality, tuple[int, ...]],
    combination: ModalitySet,
) -> None:
    if inputs.keys() != shapes.keys():
        raise EngineError(
            f'inference got inputs of {ModalitySet(inputs)}, but {combination} is active: give '
            'exactly these, or activate the combination of the inputs'
        )
    for modality, array in inputs.items():
        if array.shape != shapes[modality] or array.dtype != np.float32:
            raise EngineError(
                f'input {modality} is {array.dtype} {array.shape}; expected float32 '
                f'{shapes[modality]}: prepare the image with the input sizes of the bundle'
            )
