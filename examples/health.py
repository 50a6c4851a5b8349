# Copyright 2026 mm_robust_seg maintainers
# SPDX-License-Identifier: Apache-2.0

"""Watch one camera without a network: it freezes after a second, and the monitor says so."""

import numpy as np

from mm_robust_seg.api import Config, Frame, HealthMonitor, Modality, with_values

config = with_values(Config(), {'inputs.thermal.enabled': False, 'inputs.depth.enabled': False})
monitor = HealthMonitor(config, now_ns=0)
noise = np.random.default_rng(0)
for number in range(60):
    now_ns = number * 33_000_000
    if number < 30:
        image = noise.integers(0, 255, (120, 160, 3), np.uint8)
    monitor.observe(Frame(Modality.RGB, now_ns, now_ns, image), now_ns)
    verdict = monitor.assess(now_ns).sensors[Modality.RGB]
    print(verdict.reason, verdict.detail)
