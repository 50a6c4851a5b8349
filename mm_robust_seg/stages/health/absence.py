# Copyright 2026 mm_robust_seg maintainers
# SPDX-License-Identifier: Apache-2.0

"""Checks of a sensor that says nothing: GONE, QOS, ABSENT and SILENT."""

from __future__ import annotations

from dataclasses import dataclass

from mm_robust_seg.config import Config
from mm_robust_seg.dataflow import Reason
from mm_robust_seg.finding import Finding
from mm_robust_seg.modality import Modality
from mm_robust_seg.stages.health.history import SensorHistory
from mm_robust_seg.transport import (
    BeingDecoded,
    IncompatibleQos,
    LostMessages,
    PassedOver,
    PublisherCount,
)

_GONE_PERIODS = 1.5
"""A sensor whose frames keep coming is not gone, whatever was counted."""


def timeout_s(modality: Modality, history: SensorHistory, config: Config) -> float:
    """Return the longest silence of a healthy sensor."""
    return config.monitor[modality].timeout_s or max(4 / history.nominal.hz, 0.1)


SensorNote = PublisherCount | LostMessages | IncompatibleQos | BeingDecoded | PassedOver
"""What is told of one sensor."""


@dataclass
class TopicStatus:
    """What the middleware says about the way of a sensor's messages.

    Attributes:
        publishers: how many publish the topic; None if nobody counts them.
        refused_policy: the QoS policy for which a publisher was refused; empty if none was.
        lost: messages lost on the way since the last one that came.
        heard_ns: when the newest message came that is still being decoded; None without one.
    """

    publishers: int | None = None
    refused_policy: str = ''
    lost: int = 0
    heard_ns: int | None = None

    @property
    def is_cut_off(self) -> bool:
        """Whether nothing can come: nobody publishes, or a publisher was refused."""
        return self.publishers == 0 or bool(self.refused_policy)

    def heard_after(self, arrival_ns: int) -> int | None:
        """Return ``heard_ns`` if it is that of a later message."""
        return self.heard_ns if self.heard_ns is not None and self.heard_ns > arrival_ns else None

    def update(self, note: SensorNote) -> None:
        """Take in one note."""
        if isinstance(note, BeingDecoded):
            self.heard_ns = max(note.arrival_ns, self.heard_ns or note.arrival_ns)
        elif isinstance(note, PassedOver):
            self.lost = 0
        elif isinstance(note, LostMessages):
            self.lost += note.count
        elif isinstance(note, IncompatibleQos):
            self.refused_policy = note.policy
        else:
            self.publishers = note.count
            if not note.count:
                self.refused_policy = ''


def absence(
    modality: Modality,
    history: SensorHistory,
    topic: TopicStatus,
    silence_s: float,
    is_out: bool,
    config: Config,
) -> Finding | None:
    """Tell why no message comes; nothing while that is normal.

    Args:
        silence_s: how long no message came, of the time that was monitored.
        is_out: whether the sensor is out of use anyhow. Then there is time, up to a second, to
            tell a slow one from a silent one.
    """
    evidence = {'silence_s': silence_s, 'lost_messages': topic.lost}
    limit_s = timeout_s(modality, history, config)
    nobody = ' and nobody publishes the topic' if topic.publishers == 0 else ''
    if topic.refused_policy and not nobody and silence_s > limit_s:
        return Finding(Reason.QOS, _qos_detail(topic.refused_policy), evidence)
    lost = f'; {topic.lost} messages were lost on the way' if topic.lost else ''
    if history.arrivals.last_ns is None:
        grace_s = config.monitor[modality].startup_grace_s
        if silence_s <= grace_s:
            return None
        detail = f'no frame in {silence_s:.1f} s{nobody}; expected one within {grace_s:g} s{lost}'
        return Finding(Reason.ABSENT, detail, evidence)
    if nobody and silence_s > _GONE_PERIODS / history.nominal.hz:
        return Finding(Reason.GONE, f'no frame for {silence_s:.2f} s{nobody}', evidence)
    interval_s = history.arrivals.interval_s
    if is_out and interval_s is not None:
        limit_s = max(limit_s, min(3 * interval_s, 1.0))
    if silence_s <= limit_s:
        return None
    detail = f'no frame for {silence_s:.2f} s; expected one every {limit_s:.3g} s at the least'
    return Finding(Reason.SILENT, detail + lost, evidence)


def _qos_detail(policy: str) -> str:
    return (
        f'no frame: a publisher was refused because its QoS policy {policy} does not fit the '
        f'subscription; give it a {policy} that suits sensor data (best effort, volatile)'
    )
