# Copyright 2026 mm_robust_seg maintainers
# SPDX-License-Identifier: Apache-2.0

"""Keep the engine on the combination of the frames at hand.

The adapters are folded into one graph per combination and every graph is loaded, so a switch is
a lookup. What is left to decide is what happens when inference fails.
"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
from numpy.typing import NDArray

from mm_robust_seg.dataflow import Prediction
from mm_robust_seg.engine.base import Engine
from mm_robust_seg.errors import EngineError
from mm_robust_seg.modality import Modality, ModalitySet


class AdapterSwitch:
    """Runs the graph of a combination, and falls back to a smaller one when it fails.

    Attributes:
        failures: how many inferences failed so far.
    """

    def __init__(self, engine: Engine) -> None:
        self.failures = 0
        self._engine = engine
        self._last: ModalitySet | None = None

    def infer(
        self, combination: ModalitySet, inputs: Mapping[Modality, NDArray[np.float32]]
    ) -> tuple[ModalitySet, Prediction | None, bool]:
        """Run a combination; after a failure once more, then the next smaller one.

        Returns:
            The combination that ran; its prediction, which is None with an empty combination,
            for which nothing runs; and whether it is another combination than the last time.

        Raises:
            EngineError: if the engine does not serve the combination; or if the smaller one
                fails too, or there is none.
        """
        ran, prediction = self._run(combination, inputs) if combination else (combination, None)
        switched = self._last not in (None, ran)
        self._last = ran
        return ran, prediction, switched

    def _run(
        self, wanted: ModalitySet, inputs: Mapping[Modality, NDArray[np.float32]]
    ) -> tuple[ModalitySet, Prediction]:
        smaller = [c for c in self._engine.combinations if c < wanted][:1]
        for combination in [wanted, wanted, *smaller]:
            if combination != self._engine.active:
                self._engine.activate(combination)
            try:
                return combination, self._engine.infer({m: inputs[m] for m in combination})
            except EngineError as error:
                self.failures += 1
                last = error
        tried = ' and then '.join(map(str, [wanted, *smaller]))
        raise EngineError(f'inference failed with {tried}: {last}') from last
