# Copyright 2026 mm_robust_seg maintainers
# SPDX-License-Identifier: Apache-2.0

"""Why a sensor is in its state: what a check says about it, and the verdict on it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
import enum

import numpy as np
from numpy.typing import NDArray

from mm_robust_seg.modality import Modality, ModalitySet


class Reason(enum.Enum):
    """Why a sensor is in its state; one code per state."""

    OK = 'OK'
    WAITING = 'WAITING'
    RECOVERING = 'RECOVERING'
    DISABLED = 'DISABLED'
    ABSENT = 'ABSENT'
    SILENT = 'SILENT'
    GONE = 'GONE'
    QOS = 'QOS'
    LOSSY = 'LOSSY'
    SURPLUS = 'SURPLUS'
    SLOW = 'SLOW'
    FROZEN = 'FROZEN'
    FFC = 'FFC'
    STILL = 'STILL'
    STAMP_STUCK = 'STAMP_STUCK'
    STALE = 'STALE'
    CLOCK = 'CLOCK'
    DARK = 'DARK'
    SATURATED = 'SATURATED'
    FLAT = 'FLAT'
    NO_RETURN = 'NO_RETURN'
    OBSTRUCTED = 'OBSTRUCTED'
    GLARE = 'GLARE'
    BLURRED = 'BLURRED'
    NOISY = 'NOISY'
    GHOST = 'GHOST'
    FORMAT = 'FORMAT'
    TRUNCATED = 'TRUNCATED'
    UNITS = 'UNITS'
    SKEW = 'SKEW'
    UNMATCHED = 'UNMATCHED'
    EXTRA = 'EXTRA'

    def __str__(self) -> str:
        return self.value


class HealthLevel(enum.IntEnum):
    """Severity, with the numbers of diagnostic_msgs/DiagnosticStatus."""

    OK = 0
    WARN = 1
    ERROR = 2
    STALE = 3


WITHOUT_IMAGES = frozenset(
    {
        Reason.WAITING,
        Reason.DISABLED,
        Reason.ABSENT,
        Reason.SILENT,
        Reason.GONE,
        Reason.QOS,
        Reason.STAMP_STUCK,
        Reason.CLOCK,
        Reason.FORMAT,
        Reason.TRUNCATED,
    }
)
"""Why a sensor has no image to work with: none comes, it cannot be read, or has no usable time."""

DAMAGED = frozenset({Reason.OBSTRUCTED, Reason.GLARE, Reason.BLURRED, Reason.NOISY, Reason.GHOST})
"""Why a part of the images of a sensor, or their detail, is lost."""

READABLE = frozenset({Reason.SLOW, Reason.STALE, Reason.FROZEN, *DAMAGED})
"""Why a sensor is out of use although its images show the scene: seldom, late, old, in part.

Each of these images was a good one, and its stamp, or its age in the mask, says from when it is;
or it is of the present, and ``SensorHealth.damage`` says what is lost of it.
All other reasons are no better than no image: nothing is seen (DARK, SATURATED, FLAT, NO_RETURN),
the values mean something else (UNITS, FORMAT), a check of the user's forbids it (EXTRA), or the
stamp fits to no moment (CLOCK, STAMP_STUCK).
"""


@dataclass(frozen=True)
class Finding:
    """What a check says about a sensor.

    Attributes:
        detail: one plain sentence with what was found and what was expected.
        evidence: the numbers behind it, by name with unit.
        fails: whether the sensor must not be used; if not, the finding is a warning, or OK.
    """

    reason: Reason
    detail: str
    evidence: Mapping[str, float] = field(default_factory=dict)
    fails: bool = True


_ROWS, _COLUMNS = ('upper', 'middle', 'lower'), ('left', 'middle', 'right')
_MOST_OF_IT, _FILLED, _EVERYWHERE = 0.75, 0.7, 0.8


@dataclass(frozen=True)
class Damage:
    """Which part of an image is of no use.

    Attributes:
        reason: what is wrong there: OBSTRUCTED, BLURRED, NOISY, GLARE or GHOST.
        tiles: (rows, columns) bool, read-only; the image is divided into so many.
        share: of the image that is lost, 0 to 1; a tile may be hidden in part.
        strength: how strong it is there: BLURRED in px of an image 320 px wide, NOISY as deviation
            in shares of the range, otherwise 0.
    """

    reason: Reason
    tiles: NDArray[np.bool_]
    share: float
    strength: float = 0.0

    def __post_init__(self) -> None:
        self.tiles.setflags(write=False)

    @property
    def place(self) -> str:
        """Where it is, such as ``upper left``, ``left half`` or ``everywhere``."""
        if self.tiles.mean() >= _EVERYWHERE:
            return 'everywhere'
        rows, columns = self.tiles.shape
        halves = {
            'left half': self.tiles[:, : columns // 2],
            'right half': self.tiles[:, columns // 2 :],
            'upper half': self.tiles[: rows // 2],
            'lower half': self.tiles[rows // 2 :],
        }
        total = int(self.tiles.sum())
        for name, half in halves.items():
            if int(half.sum()) >= _MOST_OF_IT * total and half.mean() >= _FILLED:
                return name
        if total > self.tiles.size / 3:
            return 'in many places'
        down, right = (int(np.median(at)) for at in np.nonzero(self.tiles)) if total else (0, 0)
        words = _ROWS[3 * down // rows], _COLUMNS[3 * right // columns]
        return 'in the middle' if words == ('middle', 'middle') else ' '.join(words)


@dataclass(frozen=True)
class SensorHealth:
    """The monitor's verdict on one sensor.

    Attributes:
        usable: whether the policy may build on this sensor now.
        detail: one plain sentence for a person.
        evidence: the numbers behind the verdict, by name with unit.
        since_ns: when this state began.
        damage: the part of its images that is of no use; None while none is known.
    """

    modality: Modality
    level: HealthLevel
    reason: Reason
    usable: bool
    detail: str
    since_ns: int
    evidence: Mapping[str, float] = field(default_factory=dict)
    damage: Damage | None = None


@dataclass(frozen=True)
class Participation:
    """How a sensor took part in the masks of the last two seconds.

    Attributes:
        share: of the masks that it took part in, 0 to 1.
        age_s: median time from its image's stamp to the moment of the mask; None without masks.
        latency_s: median time from stamp to arrival; None while it is not known.
    """

    share: float
    age_s: float | None
    latency_s: float | None


@dataclass(frozen=True)
class HealthReport:
    """The verdicts on all sensors at one moment.

    Attributes:
        taking_part: what the last masks were made of; nothing if there were none.
    """

    now_ns: int
    sensors: Mapping[Modality, SensorHealth]
    taking_part: Mapping[Modality, Participation] = field(default_factory=dict)

    @property
    def usable(self) -> ModalitySet:
        """The sensors the policy may build on."""
        return ModalitySet(m for m, health in self.sensors.items() if health.usable)

    @property
    def delivering(self) -> ModalitySet:
        """The sensors whose images can be used if one insists, however bad they are."""
        return ModalitySet(
            m
            for m, health in self.sensors.items()
            if health.usable or health.reason not in WITHOUT_IMAGES
        )

    @property
    def recovering(self) -> ModalitySet:
        """The sensors that deliver good frames again, but have not yet done so for long."""
        return ModalitySet(
            m for m, health in self.sensors.items() if health.reason is Reason.RECOVERING
        )

    @property
    def readable(self) -> ModalitySet:
        """The sensors out of use that can make a mask if there is nothing better.

        Those that show the present, if late, seldom or in part; only without them those that are
        frozen.
        """
        found = {
            m: health.reason
            for m, health in self.sensors.items()
            if not health.usable and health.reason in READABLE
        }
        living = ModalitySet(m for m, reason in found.items() if reason is not Reason.FROZEN)
        return living or ModalitySet(found)

    def degraded(self, combination: ModalitySet) -> ModalitySet:
        """Return the sensors of a combination that are used for want of better ones."""
        return combination - self.usable - self.recovering

    @property
    def damaged(self) -> dict[Modality, NDArray[np.bool_]]:
        """The tiles of no use, of the sensors that have some."""
        return {m: h.damage.tiles for m, h in self.sensors.items() if h.damage is not None}

    def caption(self) -> str:
        """Say in one line what is wrong, such as ``thermal: SILENT``; empty if nothing is."""
        return ', '.join(
            f'{m}: {health.reason}'
            for m, health in self.sensors.items()
            if health.reason not in (Reason.OK, Reason.DISABLED)
        )
