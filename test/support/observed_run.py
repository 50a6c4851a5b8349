# Copyright 2026 mm_robust_seg maintainers
# SPDX-License-Identifier: Apache-2.0

"""Runs written by hand, as a listener would have recorded them."""

import numpy as np

from mm_robust_seg.bundle import SegmentationClass
from mm_robust_seg.dataflow import Reason
from mm_robust_seg.modality import COMPLETE, Modality, ModalitySet
from mm_robust_seg.observation.record import MaskRecord, PhaseRecord, Stamped, StateRecord
from mm_robust_seg.observation.recorder import RunRecorder
from mm_robust_seg.simulation.faults import Fault

CLASSES = (SegmentationClass('ground', (90, 90, 90)), SegmentationClass('thing', (200, 30, 30)))
MS = 1_000_000
ZERO = 1_000_000_000_000
PAIR = ModalitySet([Modality.RGB, Modality.DEPTH])
TRUTH = np.array([[0, 0, 0, 1], [0, 0, 1, 1]], np.uint8)
WRONG = np.array([[0, 0, 0, 0], [0, 0, 1, 1]], np.uint8)


def phase(name, start_ms, end_ms, faults=None):
    start_ns, end_ns = (ZERO + ms * MS for ms in (start_ms, end_ms))
    return PhaseRecord(name, start_ns, end_ns, start_ns, faults or {})


def state(at_ms, active=COMPLETE, **reasons):
    given = {m: Reason(reasons.get(m.value, 'OK')) for m in Modality}
    return StateRecord(ZERO + at_ms * MS, active, given)


def capture(recorder, stamp_ns, labels=TRUTH):
    recorder.captures.append(Stamped(stamp_ns, stamp_ns))
    recorder.truth(stamp_ns, labels)


def record_run():
    """Two seconds at 10 Hz; thermal falls silent at 1 s, its state follows 250 ms later.

    The frames at 0.3 s and 1.3 s get no mask; every other mask takes 40 ms, the last one 90 ms.
    """
    recorder = RunRecorder(CLASSES)
    recorder.states.append(state(-500))
    recorder.phases.append(phase('all', 0, 1000))
    recorder.phases.append(phase('quiet', 1000, 2000, {Modality.THERMAL: Fault.SILENT}))
    recorder.states.append(state(1250, PAIR, thermal='SILENT'))
    for k in range(20):
        stamp_ns = ZERO + k * 100 * MS
        capture(recorder, stamp_ns)
        recorder.frames[Modality.RGB].append(Stamped(stamp_ns, stamp_ns))
        recorder.image(Modality.RGB, stamp_ns, np.full((2, 4, 3), k, np.uint8))
        if k not in (3, 13):
            arrival_ns = stamp_ns + (90 if k == 19 else 40) * MS
            recorder.mask_facts(
                stamp_ns,
                arrival_ns,
                combination=COMPLETE if k < 13 else PAIR,
                reference=Modality.RGB,
                inference_s=0.02 if k < 13 else 0.025,
                wait_s=0.002,
                skew_s=0.0,
                ages_s={Modality.RGB: 0.0, Modality.DEPTH: 0.01},
            )
            recorder.mask(MaskRecord(stamp_ns, arrival_ns), TRUTH if k < 10 else WRONG)
    recorder.rig = {'frames': 20, 'late': 2, 'skipped': 1}
    return recorder
