# Copyright 2026 mm_robust_seg maintainers
# SPDX-License-Identifier: Apache-2.0

"""What the middleware, and whoever reads its messages, tell besides the images."""

from __future__ import annotations

from dataclasses import dataclass

from mm_robust_seg.modality import Modality


@dataclass(frozen=True)
class PublisherCount:
    """How many publish a sensor's topic now.

    Attributes:
        topic, nodes: its name, and theirs, where the messages of several come.
    """

    modality: Modality
    count: int
    topic: str = ''
    nodes: tuple[str, ...] = ()


@dataclass(frozen=True)
class LostMessages:
    """How many more messages of a sensor were lost on the way."""

    modality: Modality
    count: int


@dataclass(frozen=True)
class IncompatibleQos:
    """A publisher of a sensor was refused for its QoS ``policy``, such as RELIABILITY."""

    modality: Modality
    policy: str


@dataclass(frozen=True)
class ClockPaused:
    """The clock stands still; may be repeated, and ends when a later time is told."""


@dataclass(frozen=True)
class BeingDecoded:
    """A message that came at ``arrival_ns`` is decoded beside the others: it holds up nobody."""

    modality: Modality
    arrival_ns: int


@dataclass(frozen=True)
class PassedOver:
    """A message was not decoded, since a newer one of its sensor was waiting.

    Attributes:
        stamp_ns: as the message has it.
    """

    modality: Modality
    stamp_ns: int
    arrival_ns: int


@dataclass(frozen=True)
class HeldUp:
    """Since then until now messages may have come that nobody could read."""

    since_ns: int


TransportNote = (
    PublisherCount
    | LostMessages
    | IncompatibleQos
    | ClockPaused
    | BeingDecoded
    | PassedOver
    | HeldUp
)
