# Copyright 2026 mm_robust_seg maintainers
# SPDX-License-Identifier: Apache-2.0

"""An engine without a runtime."""

import numpy as np

from mm_robust_seg.dataflow import Prediction
from mm_robust_seg.errors import EngineError
from mm_robust_seg.modality import all_combinations, ModalitySet


class ScriptedEngine:
    """Fails where told, and keeps a diary."""

    description = 'scripted'

    def __init__(self, failures=(), combinations=all_combinations()):  # noqa: B008
        self.combinations = combinations
        self.active = combinations[0]
        self.failures = list(failures)
        self.activated, self.ran = [], []

    def activate(self, combination):
        if combination not in self.combinations:
            raise EngineError(f'no graph for {combination}')
        self.activated.append(combination)
        self.active = combination

    def infer(self, inputs):
        assert ModalitySet(inputs) == self.active
        self.ran.append(self.active)
        if self.active in self.failures:
            self.failures.remove(self.active)
            raise EngineError(f'{self.active} broke')
        labels = np.full((48, 64), len(self.active), np.uint8)
        return Prediction(labels, labels, 0.01)

    def close(self):
        pass
