# Copyright 2026 mm_robust_seg maintainers
# SPDX-License-Identifier: Apache-2.0

"""Methods that draw one combination in a step: how often it is the complete one."""

from dataclasses import replace

import numpy as np
import pytest

torch = pytest.importorskip('torch', reason='needs PyTorch')

from toy_training import make_context, make_step  # noqa: E402

from mm_robust_seg.modality import all_combinations, COMPLETE, ModalitySet  # noqa: E402
from mm_robust_seg.training.method_recipes import CombinationsRecipe  # noqa: E402
from mm_robust_seg.training.methods import METHODS  # noqa: E402
from mm_robust_seg.training.objectives.base import random_combination, Step  # noqa: E402

pytestmark = pytest.mark.torch


def test_the_complete_one_has_its_share_and_the_others_are_equally_likely():
    rng = np.random.default_rng(0)
    drawn = [random_combination(COMPLETE, rng, 0.3) for _ in range(4000)]
    shares = {c: drawn.count(c) / len(drawn) for c in all_combinations()}
    assert shares.pop(COMPLETE) == pytest.approx(0.3 + 0.7 / 7, abs=0.03)
    assert all(share == pytest.approx(0.1, abs=0.02) for share in shares.values())


@pytest.mark.parametrize('name', ['modality_dropout', 'dmrnet', 'shared_branch'])
def test_the_recipe_says_how_often(name, monkeypatch):
    asked, only = [], Step.only

    def noted(step, combination):
        asked.append(combination)
        return only(step, combination)

    monkeypatch.setattr(Step, 'only', noted)
    for complete in (0.0, 1.0):
        context = make_context(combinations=CombinationsRecipe(complete=complete))
        (task,) = METHODS[name].make(context).tasks()
        for seed in range(4):
            step = replace(make_step(seed=1), rng=np.random.default_rng(seed))
            with torch.no_grad():
                task.objective.loss(step)
    assert asked[4:] == [COMPLETE] * 4
    assert asked[:4] != [COMPLETE] * 4
    assert all(isinstance(combination, ModalitySet) for combination in asked)
