# Copyright 2026 mm_robust_seg maintainers
# SPDX-License-Identifier: Apache-2.0

"""Gather from a running node what the self-check judges, and say what it finds."""

from __future__ import annotations

from collections.abc import Mapping
import os
import time

from rclpy.node import Node
from rclpy.utilities import get_rmw_implementation_identifier

from mm_robust_seg.config import Config
from mm_robust_seg.dataflow import HealthReport
from mm_robust_seg.errors import ConfigError
from mm_robust_seg.files import shipped
from mm_robust_seg.modality import Modality
from mm_robust_seg.ros.node.arrivals import Arrivals
from mm_robust_seg.ros.node.self_check import explain, Facts, Surroundings, type_name
from mm_robust_seg.ros.node.threads.engine_thread import EngineThread

_PROFILES = ('FASTDDS_DEFAULT_PROFILES_FILE', 'FASTRTPS_DEFAULT_PROFILES_FILE')
_TRANSPORTS = 'FASTDDS_BUILTIN_TRANSPORTS'


class SelfCheck:
    """Explains for each input that is not used what is wrong with it.

    Args:
        node: sees the other nodes.
        config: says what is expected of each input.
        arrivals: have just been subscribed to.
        engine_thread: holds the verdicts.
    """

    def __init__(
        self, node: Node, config: Config, arrivals: Arrivals, engine_thread: EngineThread
    ) -> None:
        self._node, self._config = node, config
        self._arrivals, self._engine_thread = arrivals, engine_thread
        self._active_since_s = time.monotonic()

    def run(self) -> list[str]:
        """Return one sentence for each input that is not as it should be."""
        report = self._engine_thread.ask(lambda pipeline, now_ns: pipeline.assess(now_ns))
        around = self._surroundings()
        facts = [self._facts(m, report) for m in self._arrivals.subscriptions]
        return [sentence for item in facts if (sentence := explain(item, around))]

    def log(self) -> None:
        """Run, and log what was found."""
        findings = self.run()
        log = self._node.get_logger()
        for sentence in findings:
            log.warning(f'self-check: {sentence}')
        if not findings:
            log.info('self-check: every input delivers what it should')

    def _facts(self, modality: Modality, report: HealthReport) -> Facts:
        subscription = self._arrivals.subscriptions[modality]
        reception = self._arrivals.reception[modality]
        inputs, stamp_ns = self._config.inputs[modality], reception.stamp_ns
        age_s = None
        if stamp_ns is not None and inputs.stamp == 'message':
            age_s = (report.now_ns - stamp_ns) * 1e-9 - inputs.stamp_offset_s
        return Facts(
            name=f'{modality}/image',
            topic=subscription.topic_name,
            type=type_name(subscription.msg_type),
            publishers=self._arrivals.publishers(modality),
            active_s=time.monotonic() - self._active_since_s,
            received=reception.received,
            lost=reception.lost,
            size_bytes=reception.size_bytes,
            age_s=age_s,
            expected_hz=inputs.expected_rate_hz,
            health=report.sensors[modality],
            state_s=(report.now_ns - report.sensors[modality].since_ns) * 1e-9,
        )

    def _surroundings(self) -> Surroundings:
        own = self._node.get_publisher_names_and_types_by_node(
            self._node.get_name(), self._node.get_namespace()
        )
        names = {name for name, _ in own}
        topics = {
            name: types
            for name, types in self._node.get_topic_names_and_types()
            if name not in names and self._node.count_publishers(name)
        }
        return Surroundings(
            topics=topics,
            uses_sim_time=bool(self._node.get_parameter('use_sim_time').value),
            has_clock=bool(self._node.count_publishers('/clock')),
            profile_hint=profile_hint(get_rmw_implementation_identifier(), os.environ),
            sender_hint=sender_hint(get_rmw_implementation_identifier()),
        )


def profile_hint(middleware: str, environment: Mapping[str, str]) -> str:
    """Return how to give Fast DDS room for images; empty if it has it, or is not in use."""
    is_set = all(map(environment.get, _PROFILES)) or environment.get(_TRANSPORTS)
    if not middleware.startswith('rmw_fastrtps') or is_set:
        return ''
    return f'export {_both()} before you start cameras and this node'


def sender_hint(middleware: str) -> str:
    """Return how to give the cameras room for images; empty where Fast DDS is not in use."""
    if not middleware.startswith('rmw_fastrtps'):
        return ''
    return f'the sender needs shared memory for images too: export {_both()} where it is started'


def _both() -> str:
    """Name the variable of Fast DDS 3 and that of Fast DDS 2; each reads only its own."""
    try:
        profile = str(shipped('config/fastdds_profile.xml'))
    except ConfigError:
        profile = 'config/fastdds_profile.xml of mm_robust_seg'
    return f'{" and ".join(_PROFILES)} as {profile}'
