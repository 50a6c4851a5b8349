# Copyright 2026 mm_robust_seg maintainers
# SPDX-License-Identifier: Apache-2.0

"""Sensor faults: one vocabulary, and one injector, for the simulated rig and for recorded bags."""

from mm_robust_seg.simulation.faults.carrier import Carrier
from mm_robust_seg.simulation.faults.injector import FaultInjector, Sent
from mm_robust_seg.simulation.faults.spec import FaultSpec
from mm_robust_seg.simulation.faults.vocabulary import Fault

__all__ = ['Carrier', 'Fault', 'FaultInjector', 'FaultSpec', 'Sent']
