import numpy as np
import pytest
from scripted_engine import ScriptedEngine

from mm_robust_seg.errors import EngineError
from mm_robust_seg.modality import COMPLETE, Modality, ModalitySet
from mm_robust_seg.stages.adapter_switch import AdapterSwitch

RGB_DEPTH = ModalitySet.parse('rgb+depth')
RGB = ModalitySet.parse('rgb')
INPUTS = {m: np.zeros((1, 3, 4, 4), np.float32) for m in Modality}


def inputs(combination):
    return {m: INPUTS[m] for m in combination}


def test_select_activates_only_on_change():
    engine = ScriptedEngine()
    switch = AdapterSwitch(engine)
    assert not switch.select(COMPLETE)
    assert switch.select(RGB)
    assert not switch.select(RGB)
    assert engine.activated == [RGB]
    assert switch.active == RGB


def test_select_refuses_what_the_engine_does_not_serve():
    switch = AdapterSwitch(ScriptedEngine(combinations=(COMPLETE,)))
    with pytest.raises(EngineError, match='no graph for rgb'):
        switch.select(RGB)
    assert switch.active == COMPLETE


def test_one_failure_is_tried_again():
    engine = ScriptedEngine([COMPLETE])
    switch = AdapterSwitch(engine)
    switch.infer(inputs(COMPLETE))
    assert engine.ran == [COMPLETE, COMPLETE]
    assert switch.active == COMPLETE
    assert switch.failures == 1


def test_two_failures_fall_back_to_the_next_smaller_combination():
    engine = ScriptedEngine([RGB_DEPTH, RGB_DEPTH])
    switch = AdapterSwitch(engine)
    switch.select(RGB_DEPTH)
    switch.infer(inputs(RGB_DEPTH))
    assert engine.ran == [RGB_DEPTH, RGB_DEPTH, RGB]
    assert switch.active == RGB
    assert switch.failures == 2


def test_the_fallback_is_one_the_engine_serves():
    engine = ScriptedEngine([COMPLETE] * 2, (COMPLETE, ModalitySet.parse('depth')))
    switch = AdapterSwitch(engine)
    switch.infer(inputs(COMPLETE))
    assert switch.active == ModalitySet.parse('depth')


@pytest.mark.parametrize(
    ('start', 'failures', 'message'),
    [
        (RGB_DEPTH, [RGB_DEPTH, RGB_DEPTH, RGB], r'with rgb\+depth and then rgb: rgb broke'),
        (RGB, [RGB, RGB], 'inference failed with rgb: rgb broke'),
    ],
)
def test_when_all_is_tried_the_error_says_what(start, failures, message):
    switch = AdapterSwitch(ScriptedEngine(failures))
    switch.select(start)
    with pytest.raises(EngineError, match=message):
        switch.infer(inputs(start))


def test_errors_of_other_kinds_are_not_hidden():
    class Buggy(ScriptedEngine):
        def infer(self, inputs):
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        AdapterSwitch(Buggy()).infer(inputs(COMPLETE))
