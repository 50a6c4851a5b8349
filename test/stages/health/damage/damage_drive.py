# Copyright 2026 mm_robust_seg maintainers
# SPDX-License-Identifier: Apache-2.0

"""A drive through the simulated world in front of a monitor, ten images a second, with damage."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import lru_cache
import math
from typing import NamedTuple

import numpy as np

from mm_robust_seg.config import Config
from mm_robust_seg.dataflow import Frame, Reason, SensorHealth
from mm_robust_seg.modalities import KINDS
from mm_robust_seg.modality import COMPLETE, Modality
from mm_robust_seg.schema import with_values
from mm_robust_seg.simulation import Capture, Conditions, SimulatedCameras, World
from mm_robust_seg.simulation.faults import Fault, FaultSpec
from mm_robust_seg.stages.health import HealthMonitor

RGB, THERMAL, DEPTH = Modality
SCENES: Mapping[str, Conditions] = {
    'day': Conditions(time_of_day_h=11.0),
    'night': Conditions(time_of_day_h=23.0),
    'fog': Conditions(time_of_day_h=11.0, fog_visibility_m=40.0),
}
_STEP_NS = 100_000_000
_LENGTH = 40
_SIZE_PX = 192, 144


@lru_cache(maxsize=8)
def captures(scene: str, world: int = 7) -> Sequence[Capture]:
    """Four seconds of a drive."""
    cameras = SimulatedCameras(World(world), SCENES[scene], *_SIZE_PX, seed=3)
    return [cameras.capture(20 + 0.1 * k) for k in range(_LENGTH)]


def images(capture: Capture) -> dict[Modality, np.ndarray]:
    """Stored pixels, (H, W, C)."""
    return {m: np.atleast_3d(np.asarray(capture[m])) for m in COMPLETE}


def fault(kind: Fault, **values: float) -> FaultSpec:
    return FaultSpec(kind, values)


class Limit(NamedTuple):
    """A parameter of damage, and on either side of it what is said, and whether it fails."""

    name: str
    fault: FaultSpec
    outcomes: Mapping[float, tuple[Reason, bool]]


_OUT, _USED = (Reason.OBSTRUCTED, False), (Reason.OBSTRUCTED, True)
LIMITS = [
    Limit(f'monitor.{m}.{name}', FaultSpec(kind, values), outcomes)
    for m in (RGB, THERMAL)
    for name, kind, values, outcomes in (
        ('damage_s', Fault.COVER, {'share': 0.5}, {0.5: _OUT, 3.0: (Reason.OK, True)}),
        (
            'damage_warn_ratio',
            Fault.COVER,
            {'share': 0.5},
            {0.1: _OUT, 0.8: (Reason.OK, True)},
        ),
        ('damage_fail_ratio', Fault.COVER, {'share': 0.5}, {0.2: _OUT, 0.8: _USED}),
        (
            'damage_blur_px',
            Fault.BLUR,
            {'sigma_px': 4.0},
            {1.7: (Reason.BLURRED, False), 30.0: (Reason.BLURRED, True)},
        ),
        (
            'damage_noise_ratio',
            Fault.NOISE,
            {'sigma': 0.1},
            {0.02: (Reason.NOISY, False), 0.9: (Reason.NOISY, True)},
        ),
    )
] + [
    Limit(
        'monitor.rgb.glare_ratio',
        FaultSpec(Fault.GLARE, {'share': 0.3}),
        {0.1: (Reason.GLARE, False), 0.9: (Reason.GLARE, True)},
    )
]


class Drive:
    """Drives to and fro; remembers what was said of each sensor after each moment."""

    def __init__(
        self, scene: str = 'day', sensors: Sequence[Modality] = (RGB, THERMAL), **values: object
    ) -> None:
        enabled = {f'inputs.{m}.enabled': m in sensors for m in Modality}
        rates = {f'inputs.{m}.expected_rate_hz': 10.0 for m in Modality}
        named = {k.replace('__', '.'): v for k, v in values.items()}
        self.config = with_values(Config(), {**enabled, **rates, **named})
        self.now_ns = 10**12
        self.monitor = HealthMonitor(self.config, self.now_ns)
        self.sensors = sensors
        self.said: list[dict[Modality, SensorHealth]] = []
        self._captures = [images(each) for each in captures(scene)]
        self._place, self._random = 0, np.random.default_rng(5)

    def scene(self) -> dict[Modality, np.ndarray]:
        """The next moment of the drive."""
        there, back = divmod(self._place, _LENGTH)
        self._place += 1
        return self._captures[back if there % 2 == 0 else _LENGTH - 1 - back]

    def run(
        self,
        seconds: float,
        faults: Mapping[Modality, FaultSpec] | None = None,
        change: object = None,
    ) -> Drive:
        """Go on; ``change`` makes other images of those of a moment."""
        for _ in range(round(10 * seconds)):
            self.now_ns += _STEP_NS
            shown = change(self.scene(), self._random) if callable(change) else self.scene()
            for modality in self.sensors:
                pixels, spec = shown[modality], (faults or {}).get(modality)
                if spec:
                    degrade = KINDS[modality].faults[str(spec)]
                    pixels = degrade(pixels, spec.values, self._random).astype(pixels.dtype)
                self.monitor.observe(self.frame(modality, pixels), self.now_ns)
            report = self.monitor.assess(self.now_ns)
            self.said.append({m: report.sensors[m] for m in self.sensors})
        return self

    def frame(self, modality: Modality, pixels: np.ndarray) -> Frame:
        """A frame in the package's units."""
        flat = pixels if modality is RGB else pixels[..., 0]
        image = np.ascontiguousarray(self.config.inputs[modality].units.image(flat))
        return Frame(modality, self.now_ns - 5_000_000, self.now_ns, image)

    def reasons(self, modality: Modality, last: int | None = None) -> set[Reason]:
        """What was said of a sensor, in the last moments; RECOVERING and WAITING aside."""
        said = {each[modality].reason for each in self.said[-(last or len(self.said)) :]}
        return said - {Reason.OK, Reason.WAITING, Reason.RECOVERING}

    def health(self, modality: Modality) -> SensorHealth:
        return self.said[-1][modality]

    def delay_s(self, modality: Modality, reason: Reason, since: int) -> float:
        """How long it took from a moment on until a reason was given; infinite if it was not."""
        for number, each in enumerate(self.said[since:]):
            if each[modality].reason is reason:
                return (number + 1) / 10
        return math.inf
