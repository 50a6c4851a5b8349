# Copyright 2026 mm_robust_seg maintainers
# SPDX-License-Identifier: Apache-2.0

"""Call the services that wake drivers; nothing here waits for an answer."""

from __future__ import annotations

from functools import partial
from typing import Any

from rclpy.client import Client
from rclpy.node import Node
from rclpy.task import Future
from std_srvs.srv import Empty, SetBool, Trigger

from mm_robust_seg.config import RecoveryConfig
from mm_robust_seg.errors import ConfigError
from mm_robust_seg.finding import HealthReport
from mm_robust_seg.foreign_text import shortened
from mm_robust_seg.modality import Modality
from mm_robust_seg.stages.wake_up import WakeCall, WakeUp

_REQUESTS = {
    'std_srvs/srv/Trigger': (Trigger, Trigger.Request()),
    'std_srvs/srv/SetBool': (SetBool, SetBool.Request(data=True)),
    'std_srvs/srv/Empty': (Empty, Empty.Request()),
}


class WakeCalls:
    """Follows the verdicts, and calls services when drivers are to be woken.

    Any thread may tell the verdicts. The middleware is asked, and called, on the executor's
    thread alone.

    Args:
        node: owns the clients and the log.
        config: which services.

    Raises:
        ConfigError: if a name is not one of a service.
    """

    def __init__(self, node: Node, config: RecoveryConfig) -> None:
        self._node, self._config, self._log = node, config, node.get_logger()
        self._names = {m: _resolved(node, m, config) for m in Modality if config[m].service}
        self._wake_up = WakeUp(config)
        self._clients: dict[Modality, tuple[str, Client]] = {}
        self._is_closed = False
        self._pending: dict[Modality, Future[Any]] = {}

    def close(self) -> None:
        """Give up what is unanswered."""
        self._is_closed = True
        for _, client in self._clients.values():
            self._node.destroy_client(client)
        self._clients.clear()
        self._pending.clear()

    def prepare(self) -> None:
        """Connect to services that are there by now, so that they can be called at once."""
        if self._names:
            self._on_executor(self._connect)

    def look(self, report: HealthReport, now_ns: int) -> None:
        """Take in the verdicts.

        Args:
            now_ns: time that never goes back.
        """
        for call in self._wake_up.due(report.sensors, now_ns):
            self._on_executor(partial(self._call, call))

    def _on_executor(self, action: Any) -> None:
        executor = self._node.executor
        if executor is not None:
            executor.create_task(action)

    def _connect(self) -> None:
        if self._is_closed:
            return
        types = dict(self._node.get_service_names_and_types())
        for modality, name in self._names.items():
            known = [kind for kind in types.get(name, ()) if kind in _REQUESTS]
            last, client = self._clients.get(modality, ('', None))
            if known and known[0] != last:
                if client is not None:
                    self._node.destroy_client(client)
                made = self._node.create_client(_REQUESTS[known[0]][0], name)
                self._clients[modality] = known[0], made

    def _call(self, call: WakeCall) -> None:
        modality, name = call.modality, self._names[call.modality]
        if self._is_closed:
            return
        if (unanswered := self._pending.pop(modality, None)) is not None:
            self._log.warning(f'{modality}: {name} has not answered')
            self._clients[modality][1].remove_pending_request(unanswered)
        self._log.warning(
            f'{modality} has been {call.reason} for {call.hung_s:.1f} s: {name} is called, '
            f'{call.number} of {self._config[modality].max_calls} times'
        )
        kind, client = self._clients.get(modality, ('', None))
        if client is None or not client.service_is_ready():
            self._log.warning(f'{modality}: {self._absence(name)}')
            return
        future = client.call_async(_REQUESTS[kind][1])
        self._pending[modality] = future
        future.add_done_callback(partial(self._on_answer, modality))

    def _absence(self, name: str) -> str:
        types = dict(self._node.get_service_names_and_types()).get(name, [])
        found = f'{name} is of type {", ".join(types)}' if types else f'nobody serves {name}'
        return f'{found}; expected {", ".join(_REQUESTS)}'

    def _on_answer(self, modality: Modality, future: Future[Any]) -> None:
        if self._pending.get(modality) != future:
            return
        del self._pending[modality]
        name, answer = self._names[modality], future.result()
        message = getattr(answer, 'message', '')
        said = f': {shortened(message, 200)}' if message else ''
        if getattr(answer, 'success', True):
            self._log.info(f'{modality}: {name} has answered{said}')
        else:
            self._log.warning(f'{modality}: {name} has refused{said}')


def _resolved(node: Node, modality: Modality, config: RecoveryConfig) -> str:
    name = config[modality].service
    try:
        return str(node.resolve_service_name(name))
    except Exception as error:  # rclpy has several for what is wrong with a name
        reason = str(error).partition('\n')[0]
        raise ConfigError(
            f'recovery.{modality}.service is {name!r}, which is no name of a service: {reason}'
        ) from error
