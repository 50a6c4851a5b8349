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
    """Selects the graph of a combination and falls back to a smaller one when it fails."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine
        self._failures = 0

    @property
    def active(self) -> ModalitySet:
        """The combination that ran last, or that ``select`` chose since."""
        return self._engine.active

    @property
    def failures(self) -> int:
        """How many inferences failed so far."""
        return self._failures

    def select(self, combination: ModalitySet) -> bool:
        """Make ``combination`` the active one; return whether it was another one before.

        Raises:
            EngineError: if the engine does not serve it.
        """
        if combination == self._engine.active:
            return False
        self._engine.activate(combination)
        return True

    def infer(self, inputs: Mapping[Modality, NDArray[np.float32]]) -> Prediction:
        """Run the active combination; after a failure once more, then the next smaller one.

        Raises:
            EngineError: if the smaller combination fails too, or there is none.
        """
        wanted = self._engine.active
        smaller = [c for c in self._engine.combinations if c < wanted][:1]
        for combination in [wanted, wanted, *smaller]:
            self.select(combination)
            try:
                return self._engine.infer({m: inputs[m] for m in combination})
            except EngineError as error:
                self._failures += 1
                last = error
        tried = ' and then '.join(map(str, [wanted, *smaller]))
        raise EngineError(f'inference failed with {tried}: {last}') from last
