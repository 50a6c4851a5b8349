# Copyright 2026 mm_robust_seg maintainers
# SPDX-License-Identifier: Apache-2.0

"""What can go wrong with a camera, and what a health monitor should say about it."""

from __future__ import annotations

from collections.abc import Mapping
import enum
from typing import NamedTuple

from mm_robust_seg.dataflow import Reason
from mm_robust_seg.modalities import KINDS
from mm_robust_seg.modality import COMPLETE, ModalitySet


class Fault(enum.Enum):
    """A kind of fault; the value is its name in scenario files."""

    SILENT = 'silent'
    GONE = 'gone'
    FROZEN = 'frozen'
    FFC = 'ffc'
    DARK = 'dark'
    SATURATED = 'saturated'
    FLAT = 'flat'
    NO_RETURN = 'no_return'
    COVER = 'cover'
    MUD = 'mud'
    DROPLETS = 'droplets'
    BLUR = 'blur'
    FOG = 'fog'
    GLARE = 'glare'
    NOISE = 'noise'
    BANDING = 'banding'
    GHOST = 'ghost'
    STALE = 'stale'
    FUTURE = 'future'
    STUCK_STAMP = 'stuck_stamp'
    OUT_OF_ORDER = 'out_of_order'
    SKEW = 'skew'
    SLOW = 'slow'
    LOSSY = 'lossy'
    TRUNCATED = 'truncated'
    WRONG_ENCODING = 'wrong_encoding'
    WRONG_SIZE = 'wrong_size'
    WRONG_UNITS = 'wrong_units'
    QOS_MISMATCH = 'qos_mismatch'
    CLOCK_JUMP = 'clock_jump'
    LOOP = 'loop'

    def __str__(self) -> str:
        return self.value

    @property
    def about(self) -> str:
        """What happens, in one sentence."""
        return _FACTS[self].about

    @property
    def reason(self) -> Reason:
        """What the monitor is expected to say; OK if no sensor is to blame."""
        return _FACTS[self].reason

    @property
    def applies_to(self) -> ModalitySet:
        """The sensors that can have this fault; a fault of the whole rig concerns all."""
        if self is Fault.FFC:
            return ModalitySet(m for m, kind in KINDS.items() if kind.has_shutter)
        if self in _OF_CONTENT:
            return ModalitySet(m for m, kind in KINDS.items() if self.value in kind.faults)
        return COMPLETE

    @property
    def is_of_rig(self) -> bool:
        """Whether it happens to all sensors at once: their common clock."""
        return self in (Fault.CLOCK_JUMP, Fault.LOOP)

    @property
    def needs_pixels(self) -> bool:
        """Whether it rewrites pixels, which must not be compressed for that."""
        return self in _PIXEL_FAULTS


class _Facts(NamedTuple):
    reason: Reason
    about: str


DAMAGE = (
    Fault.COVER,
    Fault.MUD,
    Fault.DROPLETS,
    Fault.BLUR,
    Fault.FOG,
    Fault.GLARE,
    Fault.NOISE,
    Fault.BANDING,
    Fault.GHOST,
)
"""What leaves a part of the image, or some of its contrast; each has a strength."""

_OF_CONTENT = frozenset(
    {Fault.DARK, Fault.SATURATED, Fault.FLAT, Fault.NO_RETURN, Fault.WRONG_UNITS, *DAMAGE}
)
"""What a kind of sensor may have; ``modalities.SensorKind.faults`` says how it looks then."""

_PIXEL_FAULTS = _OF_CONTENT | {Fault.WRONG_ENCODING, Fault.WRONG_SIZE}

_FACTS: Mapping[Fault, _Facts] = {
    Fault.SILENT: _Facts(
        Reason.SILENT, 'The camera sends nothing; its publisher stays, as when a driver hangs.'
    ),
    Fault.GONE: _Facts(
        Reason.GONE, 'The publisher disappears, as when a driver crashes, and comes back later.'
    ),
    Fault.FROZEN: _Facts(
        Reason.FROZEN,
        'The last image comes again and again, byte for byte, with fresh stamps; if all cameras '
        'do so from the same moment on, the scene is at rest, and STILL is expected.',
    ),
    Fault.FFC: _Facts(
        Reason.FFC,
        'The thermal shutter closes from time to time: the image stands still for a moment.',
    ),
    Fault.DARK: _Facts(
        Reason.DARK,
        'No light reaches the sensor, as under a lens cap; its noise is left.',
    ),
    Fault.SATURATED: _Facts(
        Reason.SATURATED,
        'Every pixel is white, as in the glare of the sun; noise is left.',
    ),
    Fault.FLAT: _Facts(
        Reason.FLAT,
        'The image shows one level and noise, as behind fog on the lens or a stuck shutter.',
    ),
    Fault.NO_RETURN: _Facts(
        Reason.NO_RETURN,
        'Hardly any pixel has a depth, as in bright sun, and those that have are stray.',
    ),
    Fault.COVER: _Facts(
        Reason.OBSTRUCTED, 'Something dark and out of focus hides the image from one side.'
    ),
    Fault.MUD: _Facts(Reason.OBSTRUCTED, 'Opaque splashes with soft edges sit on the lens.'),
    Fault.DROPLETS: _Facts(
        Reason.OBSTRUCTED, 'Drops on the lens bend the light and put it out of focus.'
    ),
    Fault.BLUR: _Facts(Reason.BLURRED, 'The lens is out of focus.'),
    Fault.FOG: _Facts(
        Reason.BLURRED, 'The lens is misted: a veil, little contrast, and that is soft.'
    ),
    Fault.GLARE: _Facts(
        Reason.GLARE, 'The sun shines in: a white spot, and a veil over all the rest.'
    ),
    Fault.NOISE: _Facts(Reason.NOISY, 'Noise, and pixels that are black or white.'),
    Fault.BANDING: _Facts(Reason.NOISY, 'Rows are brighter or darker, others in every image.'),
    Fault.GHOST: _Facts(
        Reason.GHOST,
        'A pattern stays while the scene moves, as after a shutter that did not close.',
    ),
    Fault.STALE: _Facts(
        Reason.STALE, 'The stamps are old, as when a driver queues images or its clock is behind.'
    ),
    Fault.FUTURE: _Facts(
        Reason.CLOCK, 'The stamps lie in the future, as with a clock that was not synchronised.'
    ),
    Fault.STUCK_STAMP: _Facts(Reason.STAMP_STUCK, 'The images are new; their stamp is not.'),
    Fault.OUT_OF_ORDER: _Facts(
        Reason.OK,
        'Neighbours change places: every other image comes after its successor, too late to use.',
    ),
    Fault.SKEW: _Facts(
        Reason.SKEW, 'The stamps differ from those of the other sensors by a constant offset.'
    ),
    Fault.SLOW: _Facts(Reason.SLOW, 'The frame rate falls to a share of the nominal one.'),
    Fault.LOSSY: _Facts(Reason.LOSSY, 'A share of the images is lost on the way, at random.'),
    Fault.TRUNCATED: _Facts(
        Reason.TRUNCATED, 'The data ends early, while height and step promise all of it.'
    ),
    Fault.WRONG_ENCODING: _Facts(
        Reason.FORMAT,
        'A well-formed image of another kind comes, as when a topic is remapped wrongly.',
    ),
    Fault.WRONG_SIZE: _Facts(
        Reason.FORMAT, 'Images come at half the size, as when a driver changes its mode.'
    ),
    Fault.WRONG_UNITS: _Facts(
        Reason.UNITS, 'Thermal values come in steps of another size, as in another mode.'
    ),
    Fault.QOS_MISMATCH: _Facts(
        Reason.QOS, 'The publisher stays, but offers less than the subscription requests.'
    ),
    Fault.CLOCK_JUMP: _Facts(
        Reason.OK, 'The clock of all sensors and of the computer jumps, and goes on from there.'
    ),
    Fault.LOOP: _Facts(Reason.OK, 'Time begins anew, as when a recording is played in a loop.'),
}
