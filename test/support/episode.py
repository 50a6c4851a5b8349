# Copyright 2026 mm_robust_seg maintainers
# SPDX-License-Identifier: Apache-2.0

"""Three simulated sensors at 30 Hz in front of a monitor, with a 10 ms watchdog."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeAlias

from cameras import FIXED
import numpy as np

from mm_robust_seg.config import Config
from mm_robust_seg.dataflow import Frame, Reason, Rejection, SensorHealth
from mm_robust_seg.modality import Modality, ModalitySet
from mm_robust_seg.schema import with_values
from mm_robust_seg.stages.health import HealthMonitor

RGB, THERMAL, DEPTH = Modality
MS = 1_000_000
PERIOD_MS = 33
TICK_MS = 10
START_MS = 50_000

Message: TypeAlias = 'np.ndarray | Frame | Reason | None'
"""An image, a whole frame, a message that is rejected for a reason, or silence."""

Source = Callable[[int, np.random.Generator], 'Message | list[Message]']
"""What a sensor sends at its turn with a number: usually one message."""


def rgb(_: int, random: np.random.Generator) -> np.ndarray:
    return random.integers(0, 256, (24, 32, 3), np.uint8)


def thermal(_: int, random: np.random.Generator) -> np.ndarray:
    return random.normal(295, 4, (24, 32)).astype(np.float32)


def depth(_: int, random: np.random.Generator) -> np.ndarray:
    return random.uniform(0.5, 9, (24, 32)).astype(np.float32)


GOOD: dict[Modality, Source] = {RGB: rgb, THERMAL: thermal, DEPTH: depth}


def same(modality: Modality) -> Source:
    image = GOOD[modality](0, np.random.default_rng(1))
    return lambda number, random: image


def constant(modality: Modality, value: float, noise: float = 0.0) -> Source:
    def source(_: int, random: np.random.Generator) -> np.ndarray:
        shape = (24, 32, 3) if modality is RGB else (24, 32)
        image = value + noise * random.uniform(-1, 1, shape)
        return image.astype(np.uint8 if modality is RGB else np.float32)

    return source


class Episode:
    """Three simulated sensors and the watchdog; remembers every change of every verdict.

    Attributes:
        turn_ms: when the sensors speak next.
        changes: when each verdict changed, and to what.
    """

    def __init__(self, config: Config | None = None, now_ms: int = START_MS) -> None:
        self.monitor = HealthMonitor(config or FIXED, now_ms * MS)
        self.now_ms = now_ms
        self.changes: dict[Modality, list[tuple[int, SensorHealth]]] = {m: [] for m in Modality}
        self.turn_ms = now_ms
        self._number = 0
        self._random = np.random.default_rng(0)

    def run(self, duration_ms: int, period_ms: int = PERIOD_MS, **sources: Any) -> Episode:
        """Play for a while; ``rgb=None`` is silence, a Source or a reason to reject a fault."""
        end_ms = self.now_ms + duration_ms
        while self.now_ms < end_ms:
            if self.now_ms >= self.turn_ms:
                self.turn_ms = self.now_ms + period_ms
                self._number += 1
                for modality in Modality:
                    self._send(modality, sources.get(modality.value, GOOD[modality]))
            self.assess()
            self.now_ms = min(self.now_ms + TICK_MS, max(self.turn_ms, self.now_ms + 1))
        return self

    def _send(self, modality: Modality, source: Source | Reason | None) -> None:
        sent = source(self._number, self._random) if callable(source) else source
        for message in sent if isinstance(sent, list) else [sent]:
            if message is not None:
                now_ns = self.now_ms * MS
                self.monitor.observe(self._item(modality, message), now_ns)

    def _item(self, modality: Modality, message: np.ndarray | Frame | Reason) -> Frame | Rejection:
        now_ns = self.now_ms * MS
        if isinstance(message, Reason):
            return Rejection(modality, now_ns, now_ns, message, 'why')
        return message if isinstance(message, Frame) else self.frame(modality, message)

    def frame(self, modality: Modality, image: np.ndarray, age_ms: float = 5) -> Frame:
        now_ns = self.now_ms * MS
        return Frame(modality, now_ns - round(age_ms * MS), now_ns, image)

    def assess(self) -> None:
        """Look at the verdicts, as the watchdog does."""
        for modality, health in self.monitor.assess(self.now_ms * MS).sensors.items():
            seen = self.changes[modality]
            if not seen or (seen[-1][1].reason, seen[-1][1].usable) != (
                health.reason,
                health.usable,
            ):
                seen.append((self.now_ms, health))

    def health(self, modality: Modality) -> SensorHealth:
        return self.monitor.assess(self.now_ms * MS).sensors[modality]

    def usable(self) -> ModalitySet:
        return self.monitor.assess(self.now_ms * MS).usable

    def reasons(self, modality: Modality) -> list[Reason]:
        return [health.reason for _, health in self.changes[modality]]

    def delay_ms(self, modality: Modality, reason: Reason, since_ms: int) -> int:
        found = [at for at, health in self.changes[modality] if health.reason is reason]
        return min(at for at in found if at >= since_ms) - since_ms


def aged(episode: Episode, modality: Modality, age_ms: float) -> Source:
    """Return good frames whose stamps lie back."""
    return lambda n, random: episode.frame(modality, GOOD[modality](n, random), age_ms)


def configured(**values: Any) -> Config:
    return with_values(FIXED, {name.replace('__', '.'): v for name, v in values.items()})


def running(config: Config | None = None) -> Episode:
    return Episode(config).run(2000)
