# Copyright 2026 mm_robust_seg maintainers
# SPDX-License-Identifier: Apache-2.0

"""A sensor that is left out for some seconds of a bag."""

from __future__ import annotations

from dataclasses import dataclass
import math

import numpy as np
from numpy.typing import NDArray

from mm_robust_seg.errors import ConfigError
from mm_robust_seg.modality import Modality
from mm_robust_seg.recordings.timeline import Timeline
from mm_robust_seg.schema import shown


@dataclass(frozen=True)
class Silence:
    """A sensor says nothing from ``start_s`` to ``end_s`` after the bag's first image."""

    modality: Modality
    start_s: float
    end_s: float

    def __post_init__(self) -> None:
        if not 0 <= self.start_s < self.end_s:
            raise ConfigError(
                f'it lasts from {self.start_s:g} to {self.end_s:g} s: expected an end after the '
                'start, which is 0 or more'
            )

    @classmethod
    def parse(cls, text: str) -> Silence:
        """Read ``thermal@2.0:5.0``; without an end it lasts.

        Raises:
            ConfigError: if ``text`` has another form; it says which part is wrong.
        """
        sensor, at, span = text.partition('@')
        start, _, end = span.partition(':')
        try:
            return cls(_sensor(sensor), _time_s(start, at), _time_s(end or 'inf', at))
        except ConfigError as error:
            raise ConfigError(
                f'{shown(text)} is not a silence: {error}. It is written sensor@start:end, in '
                'seconds, such as thermal@2.0:5.0'
            ) from None

    def covers(self, modality: Modality, time_s: float) -> bool:
        """Tell whether an image of the sensor is left out."""
        return modality is self.modality and self.start_s <= time_s < self.end_s

    def problem(self, timeline: Timeline, times_s: NDArray[np.float64]) -> str:
        """Say why it leaves out nothing; empty where it does.

        Args:
            timeline: of the bag.
            times_s: arrival of each of its messages, from the first one on.
        """
        own_s = times_s[timeline.of(self.modality)]
        if not len(own_s):
            return f'{self} leaves out nothing: the bag has no {self.modality}'
        if not ((own_s >= self.start_s) & (own_s < self.end_s)).any():
            return (
                f'{self} leaves out nothing: what is replayed of {self.modality} is from '
                f'{own_s.min():.2f} to {own_s.max():.2f} s'
            )
        return ''

    def __str__(self) -> str:
        end = '' if math.isinf(self.end_s) else f'{self.end_s:g}'
        return f'{self.modality}@{self.start_s:g}:{end}'


def _sensor(text: str) -> Modality:
    names = [m.value for m in Modality]
    if text.strip() not in names:
        raise ConfigError(f'{shown(text)} is no sensor; expected one of {", ".join(names)}')
    return Modality(text.strip())


def _time_s(text: str, at: str) -> float:
    try:
        time_s = float(text)
    except ValueError:
        time_s = math.nan
    if math.isnan(time_s):
        missing = '' if at else ', after an @'
        raise ConfigError(f'{shown(text)} is no time{missing}')
    return time_s
