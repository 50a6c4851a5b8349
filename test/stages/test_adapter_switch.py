# Copyright 2026 mm_robust_seg maintainers
# SPDX-License-Identifier: Apache-2.0

import numpy as np
import pytest
from scripted_engine import ScriptedEngine

from mm_robust_seg.errors import EngineError
from mm_robust_seg.modality import COMPLETE, Modality, ModalitySet
from mm_robust_seg.stages.adapter_switch import AdapterSwitch

RGB_DEPTH = ModalitySet.parse('rgb+depth')
RGB = ModalitySet.parse('rgb')
NONE = ModalitySet()
INPUTS = {m: np.zeros((1, 3, 4, 4), np.float32) for m in Modality}


def inputs(combination):
    return {m: INPUTS[m] for m in combination}


def infer(switch, combination):
    """Return what ran, and whether that is another combination than the last time."""
    ran, prediction, switched = switch.infer(combination, inputs(combination))
    assert (prediction is None) == (not ran)
    return ran, switched


def test_a_graph_is_activated_only_on_change():
    engine = ScriptedEngine()
    switch = AdapterSwitch(engine)
    assert infer(switch, COMPLETE) == (COMPLETE, False)
    assert infer(switch, RGB) == (RGB, True)
    assert infer(switch, RGB) == (RGB, False)
    assert engine.activated == [RGB]
    assert engine.active == RGB


def test_the_first_mask_is_no_switch_and_an_unlabeled_one_is():
    engine = ScriptedEngine()
    switch = AdapterSwitch(engine)
    assert infer(switch, RGB) == (RGB, False)
    assert infer(switch, NONE) == (NONE, True)
    assert infer(switch, NONE) == (NONE, False)
    assert infer(switch, RGB) == (RGB, True)
    assert engine.ran == [RGB, RGB]


def test_what_the_engine_does_not_serve_is_refused():
    engine = ScriptedEngine(combinations=(COMPLETE,))
    with pytest.raises(EngineError, match='no graph for rgb'):
        infer(AdapterSwitch(engine), RGB)
    assert engine.active == COMPLETE


def test_one_failure_is_tried_again():
    engine = ScriptedEngine([COMPLETE])
    switch = AdapterSwitch(engine)
    assert infer(switch, COMPLETE) == (COMPLETE, False)
    assert engine.ran == [COMPLETE, COMPLETE]
    assert switch.failures == 1


def test_two_failures_fall_back_to_the_next_smaller_combination():
    engine = ScriptedEngine([RGB_DEPTH, RGB_DEPTH])
    switch = AdapterSwitch(engine)
    assert infer(switch, RGB_DEPTH) == (RGB, False)
    assert engine.ran == [RGB_DEPTH, RGB_DEPTH, RGB]
    assert engine.active == RGB
    assert switch.failures == 2


def test_the_fallback_is_one_the_engine_serves():
    engine = ScriptedEngine([COMPLETE] * 2, (COMPLETE, ModalitySet.parse('depth')))
    depth = ModalitySet.parse('depth')
    assert infer(AdapterSwitch(engine), COMPLETE) == (depth, False)
    assert engine.active == depth


@pytest.mark.parametrize(
    ('start', 'failures', 'message'),
    [
        (RGB_DEPTH, [RGB_DEPTH, RGB_DEPTH, RGB], r'with rgb\+depth and then rgb: rgb broke'),
        (RGB, [RGB, RGB], 'inference failed with rgb: rgb broke'),
    ],
)
def test_when_all_is_tried_the_error_says_what(start, failures, message):
    with pytest.raises(EngineError, match=message):
        infer(AdapterSwitch(ScriptedEngine(failures)), start)


def test_errors_of_other_kinds_are_not_hidden():
    class Buggy(ScriptedEngine):
        def infer(self, inputs):
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        infer(AdapterSwitch(Buggy()), COMPLETE)
