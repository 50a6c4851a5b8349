# Copyright 2026 mm_robust_seg maintainers
# SPDX-License-Identifier: Apache-2.0

"""Why an input is silent: one sentence for each, with what to do.

The rules are pure functions of what is known about one input (:class:`Facts`) and about the rest
of the system (:class:`Surroundings`); ``self_check_facts`` gathers both from a running node.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence, Set
from dataclasses import dataclass

from mm_robust_seg.finding import READABLE, Reason, SensorHealth
from mm_robust_seg.foreign_text import listed
from mm_robust_seg.modalities.topic_names import likeliest

IMAGE, COMPRESSED = 'sensor_msgs/msg/Image', 'sensor_msgs/msg/CompressedImage'
RAW = 'raw'
PACKED = ('compressed', 'compressedDepth')
"""The transports whose name follows that of the topic."""
_LARGE_BYTES = 64 * 1024
_FAR_S = 60.0
_LEAST_RATIO = 0.5
_LONG_S = 10.0


@dataclass(frozen=True)
class Publisher:
    """One publisher of an input's topic; ``conflict`` says why it cannot connect, or is empty."""

    node: str
    type: str
    conflict: str = ''


@dataclass(frozen=True)
class Facts:
    """What is known about one input.

    Attributes:
        name: the topic before remapping, such as ``rgb/image``.
        topic: the topic that is subscribed to.
        type: the message type that is expected there.
        active_s: time since activation.
        state_s: how long the sensor has been in the state of ``health``.
        received, lost: messages since activation.
        size_bytes: of the last message.
        age_s: from the stamp of the last message, its offset applied, to now; None before the
            first, or if the stamps are not used.
    """

    name: str
    topic: str
    type: str
    publishers: Sequence[Publisher]
    active_s: float
    received: int
    lost: int
    size_bytes: int
    age_s: float | None
    expected_hz: float
    health: SensorHealth
    state_s: float = 0.0

    @property
    def transport(self) -> str:
        """How the images are expected."""
        return RAW if self.type == IMAGE else self.topic.rpartition('/')[2]

    @property
    def base_topic(self) -> str:
        """The topic without what the transport adds to its name."""
        return self.topic if self.type == IMAGE else self.topic.rpartition('/')[0]


@dataclass(frozen=True)
class Surroundings:
    """What is known about the rest of the system.

    Attributes:
        topics: the types of every published topic that is not the node's own.
        uses_sim_time: whether the node takes its time from ``/clock``.
        has_clock: whether somebody publishes ``/clock``.
        profile_hint: how to give Fast DDS room for images; empty where it has it, or is not used.
        sender_hint: how to give it to the cameras; empty where Fast DDS is not used.
    """

    topics: Mapping[str, Sequence[str]]
    uses_sim_time: bool
    has_clock: bool
    profile_hint: str
    sender_hint: str = ''


def type_name(message_type: type) -> str:
    """Return the name that ROS tools print for a message class."""
    package, kind = message_type.__module__.split('.')[:2]
    return f'{package}/{kind}/{message_type.__name__}'


def explain(facts: Facts, around: Surroundings) -> str:
    """Return why the input is not used and what to do; empty if nothing is wrong."""
    for rule in (
        _unpublished,
        _mistyped,
        _incompatible,
        _silent,
        _crowded,
        _misdated,
        _rejected,
        _unmatched,
        _out_of_use,
        _lossy,
    ):
        sentence = rule(facts, around)
        if sentence:
            return f'{facts.health.modality}: {sentence}'
    return ''


def _unpublished(facts: Facts, around: Surroundings) -> str:
    if facts.publishers:
        return ''
    offers = _offers(around.topics)
    setting = f'set inputs.{facts.health.modality}.transport to'
    elsewhere = [t for name, t in offers if name == facts.base_topic and t != facts.transport]
    if elsewhere:
        advice = f'its images are there as {" and ".join(elsewhere)}: {setting} {elsewhere[-1]}'
    elif hints := remappings(facts, around.topics):
        first = f'{facts.health.modality}_topic:={hints[0].partition(":=")[2]}'
        told = f'{" or ".join(hints)} (launch files: {first})'
        advice = f'if its images are on another topic, remap it: {told}'
    elif others := _likeliest(facts, offers):
        ways = ' or '.join(f'{t} with -r {facts.name}:={name}' for name, t in others)
        advice = f'if its images are on another topic, in another transport, {setting} {ways}'
    else:
        advice = f'and no other topic of type {facts.type} is published: start the camera driver'
    return f'nobody publishes {facts.topic}; {advice}'


def _mistyped(facts: Facts, around: Surroundings) -> str:
    types = {publisher.type for publisher in facts.publishers}
    if facts.type in types:
        return ''
    found = f'{facts.topic} carries {", ".join(sorted(types))}; expected {facts.type}'
    return f'{found}: {_as_it_comes(facts, types)}'


def _as_it_comes(facts: Facts, types: Set[str]) -> str:
    """Say how to subscribe to what is there; a transport adds its name to the topic."""
    setting = f'set inputs.{facts.health.modality}.transport to'
    if IMAGE in types:
        return f'{setting} {RAW}, and remap the input: {_remapping(facts, facts.topic)}'
    if COMPRESSED not in types:
        return 'remap the input to a topic of that type'
    for transport in PACKED:
        name = facts.topic.removesuffix(f'/{transport}')
        if name != facts.topic:
            return f'{setting} {transport}, and remap the input: {_remapping(facts, name)}'
    transport = PACKED[0]
    remapping = f'-r {facts.topic}/{transport}:={facts.topic}'
    return f'{setting} {transport}, and remap its topic: {remapping}'


def _remapping(facts: Facts, topic: str) -> str:
    return f'-r {facts.name}:={topic} (launch files: {facts.health.modality}_topic:={topic})'


def _incompatible(facts: Facts, around: Surroundings) -> str:
    fitting = [publisher for publisher in facts.publishers if publisher.type == facts.type]
    conflicts = {publisher.node: publisher.conflict for publisher in fitting}
    if not all(conflicts.values()):
        return ''
    told = '; '.join(f'{node}: {conflict}' for node, conflict in conflicts.items())
    return (
        f'the quality of service of {facts.topic} does not fit ({told}): change that publisher, '
        f'or qos_overrides.{facts.topic}.subscription of this node'
    )


def _silent(facts: Facts, around: Surroundings) -> str:
    if facts.received:
        return ''
    nodes = listed([publisher.node for publisher in facts.publishers])
    if around.profile_hint:
        why = (
            f'Fast DDS loses most large images between processes in its default setting: '
            f'{around.profile_hint}'
        )
    else:
        why = 'look whether that node is running and its camera delivers (ros2 topic hz)'
    lost = f' ({facts.lost} were lost on the way)' if facts.lost else ''
    return f'{nodes} publishes {facts.topic}, but no message came{lost}; {why}'


def _crowded(facts: Facts, around: Surroundings) -> str:
    """Name several nodes on one topic; one twice is also a driver that was restarted just now."""
    nodes = {p.node for p in facts.publishers if p.type == facts.type and not p.conflict}
    if len(nodes) > 1:
        return f'{len(nodes)} nodes publish {facts.topic}: {listed(sorted(nodes))}; remap one'
    return facts.health.detail if facts.health.reason is Reason.SURPLUS else ''


def _misdated(facts: Facts, around: Surroundings) -> str:
    """Tell stamps of another clock from a camera that is merely slow."""
    if around.uses_sim_time and not around.has_clock:
        return (
            'use_sim_time is set, but nobody publishes /clock: play the bag with --clock 200, or '
            'set use_sim_time to false'
        )
    if facts.age_s is None or abs(facts.age_s) < _FAR_S:
        return ''
    found = f'its stamps lie {abs(facts.age_s):.0f} s in the '
    found += 'past' if facts.age_s > 0 else 'future'
    if around.uses_sim_time:
        advice = 'set use_sim_time to false if this camera uses the system time'
    elif around.has_clock:
        advice = 'somebody publishes /clock: set use_sim_time to true'
    else:
        advice = 'with a bag or a simulation publish /clock and set use_sim_time to true'
    return f'{found}; {advice}'


def _rejected(facts: Facts, around: Surroundings) -> str:
    """Pass on what the monitor holds against images that do come."""
    silent = (Reason.WAITING, Reason.RECOVERING, Reason.ABSENT, Reason.SILENT, Reason.GONE)
    if facts.health.usable or facts.health.reason in silent:
        return ''
    refused = 'used only without better ones' if facts.health.reason in READABLE else 'refused'
    return f'its images come, but are {refused}: {facts.health.reason}: {facts.health.detail}'


def _unmatched(facts: Facts, around: Surroundings) -> str:
    return facts.health.detail if facts.health.reason is Reason.UNMATCHED else ''


def _out_of_use(facts: Facts, around: Surroundings) -> str:
    reason, detail = facts.health.reason, facts.health.detail
    if reason is Reason.RECOVERING and facts.state_s > _LONG_S:
        return f'{reason} for {facts.state_s:.0f} s: {detail}'
    if reason not in (Reason.SILENT, Reason.GONE, Reason.ABSENT):
        return ''
    advice = f'look whether its camera delivers (ros2 topic hz {facts.topic})'
    if facts.lost and around.sender_hint:
        advice = f'{facts.lost} messages were lost on the way: {around.sender_hint}'
    return f'{reason}: {detail}; {advice}'


def _lossy(facts: Facts, around: Surroundings) -> str:
    """Judge by the rate of the last second, or of all the time while that is short."""
    is_new, is_lossy = 0 < facts.active_s <= _LONG_S, facts.health.reason is Reason.LOSSY
    since_hz = facts.received / facts.active_s if is_new else None
    rate_hz = facts.health.evidence.get('rate_hz', since_hz)
    if rate_hz is None:
        return ''
    expected_hz = facts.expected_hz or rate_hz * (1 + facts.lost / max(1, facts.received))
    if rate_hz >= _LEAST_RATIO * expected_hz and not is_lossy:
        return ''
    found = f'{rate_hz:.1f} messages per second came; expected {expected_hz:.4g}'
    if facts.lost:
        found += f', and {facts.lost} were lost on the way'
    elif is_lossy:
        found = facts.health.detail
    if around.profile_hint and facts.size_bytes >= _LARGE_BYTES:
        return (
            f'{found}; Fast DDS loses most large images between processes in its default setting: '
            f'{around.profile_hint}'
        )
    if facts.lost or is_lossy:
        what = around.sender_hint or 'look at the network and at the buffers of the middleware'
        return f'{found}; {what}'
    name = f'inputs.{facts.health.modality}.expected_rate_hz'
    return f'{found}; if this is the rate of the camera, set {name} to 0 to have it learned'


def remappings(facts: Facts, topics: Mapping[str, Sequence[str]]) -> list[str]:
    """Return arguments that remap the input to published topics of its type, likeliest first."""
    alike = [(name, t) for name, t in _offers(topics) if t == facts.transport]
    return [f'-r {facts.name}:={name}' for name, _ in _likeliest(facts, alike)]


def _offers(topics: Mapping[str, Sequence[str]]) -> list[tuple[str, str]]:
    """Return the image topics, without what a transport adds to the name, and the transport."""
    raw = [(topic, RAW) for topic, types in topics.items() if IMAGE in types]
    packed = [
        (topic.removesuffix(f'/{transport}'), transport)
        for topic, types in topics.items()
        for transport in PACKED
        if COMPRESSED in types and topic.endswith(f'/{transport}')
    ]
    return raw + packed


def _likeliest(facts: Facts, offers: Sequence[tuple[str, str]]) -> list[tuple[str, str]]:
    return likeliest(offers, facts.base_topic, facts.health.modality)
