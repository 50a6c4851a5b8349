# Copyright 2026 mm_robust_seg maintainers
# SPDX-License-Identifier: Apache-2.0

"""What every inference runtime looks like to the pipeline.

An engine holds one graph per modality combination, all loaded and warmed when it is built, so
that a switch is only a different object in use.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from mm_robust_seg.bundle import Bundle
from mm_robust_seg.config import EngineConfig
from mm_robust_seg.dataflow import Prediction
from mm_robust_seg.modality import Modality, ModalitySet

LABELS = 'labels'
CONFIDENCE = 'confidence'
"""Output names of every graph; the inputs carry the modalities' names."""

IsCancelled = Callable[[], bool]
"""Tells whether nobody wants the engine any more; loading it then ends with an EngineError."""


def never() -> bool:
    """Say that the engine is still wanted."""
    return False


class Engine(Protocol):
    """A runtime with one loaded graph per combination.

    Not thread-safe: one thread owns it. Graph inputs are named after the modalities, shape
    (1, C, h, w) float32; the outputs ``labels`` and ``confidence`` are (1, h, w) uint8.
    """

    @property
    def description(self) -> str:
        """Runtime, version, precision and threads, in one line."""

    @property
    def combinations(self) -> tuple[ModalitySet, ...]:
        """The combinations that can be activated."""

    @property
    def active(self) -> ModalitySet:
        """The combination that ``infer`` runs."""

    def activate(self, combination: ModalitySet) -> None:
        """Choose the combination to run.

        Raises:
            EngineError: if it is not one of ``combinations``, or the engine is closed.
        """

    def infer(self, inputs: Mapping[Modality, NDArray[np.float32]]) -> Prediction:
        """Run the active combination.

        Raises:
            EngineError: if the inputs are not exactly those of the active combination in the
                declared shapes, the runtime fails, or the engine is closed.
        """

    def close(self) -> None:
        """Free the runtime's memory; harmless when repeated."""


MakeEngine = Callable[[Bundle, EngineConfig, IsCancelled], Engine]
"""How every engine is made: load, check and warm ``bundle.graphs``; the largest is active.

Raises EngineUnavailableError where the runtime cannot serve on this machine but another one can,
EngineError where a graph cannot be loaded or run, is not that of its combination, or the engine is
not wanted any more.
"""
