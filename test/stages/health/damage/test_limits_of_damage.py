# Copyright 2026 mm_robust_seg maintainers
# SPDX-License-Identifier: Apache-2.0

"""Every limit of damage does what it says, set before or while running."""

from __future__ import annotations

from damage_drive import Drive, Limit, LIMITS
import pytest

from mm_robust_seg.config import Config
from mm_robust_seg.modality import Modality
from mm_robust_seg.schema import flatten, with_values


@pytest.mark.parametrize('live', [False, True], ids=['built', 'live'])
@pytest.mark.parametrize('limit', LIMITS, ids=lambda limit: limit.name)
def test_the_monitor_obeys_the_limits_of_damage(limit: Limit, live: bool) -> None:
    modality = Modality(limit.name.split('.')[1])
    for value, outcome in limit.outcomes.items():
        values = {limit.name.replace('.', '__'): value}
        drive = Drive(**({} if live else values)).run(8)
        if live:
            drive.monitor.reconfigure(with_values(drive.config, {limit.name: value}))
        health = drive.run(1.5, {modality: limit.fault}).health(modality)
        assert (health.reason, health.usable) == outcome, f'with {value}'


def test_no_limit_of_damage_is_left_out() -> None:
    names = {name for name, _, _ in flatten(Config())}
    limits = {name for name in names if '.damage_' in name or '.glare_' in name}
    assert limits == {limit.name for limit in LIMITS}
