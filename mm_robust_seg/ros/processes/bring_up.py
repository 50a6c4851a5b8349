# Copyright 2026 mm_robust_seg maintainers
# SPDX-License-Identifier: Apache-2.0

"""Bring a segmentation node and a rig of other processes to where masks flow."""

from __future__ import annotations

from collections.abc import Callable
import time
from typing import TypeVar

from mm_robust_seg.errors import RobustSegError
from mm_robust_seg.ros.processes.children import Child, Children
from mm_robust_seg.ros.processes.client import ACTIVATE, Client, CONFIGURE

T = TypeVar('T')

_DISCOVERY_S = 40.0
_CONFIGURE_S = 180.0
_RENDER_S = 180.0
_TICK_S = 0.05


class BringUp:
    """Asks, waits, and says what is wrong.

    Args:
        client: calls the services.
        children: all processes; if one ends meanwhile, that is the error.
    """

    def __init__(self, client: Client, children: Children) -> None:
        self._client, self._children = client, children

    def activate(self, node: Child) -> None:
        """Configure and activate the segmentation node.

        Raises:
            RobustSegError: if it is not heard, refuses, or takes too long.
        """
        self.wait(lambda: self._client.sees_node() or None, _DISCOVERY_S, _not_heard(node))
        for number, name in ((CONFIGURE, 'configured'), (ACTIVATE, 'activated')):
            slow = f'the segmentation node was not {name} within {_CONFIGURE_S:.0f} s: see its log'
            if not self.wait(self._client.transition(number), _CONFIGURE_S, slow):
                raise RobustSegError(
                    f'the segmentation node could not be {name}. Its last lines:\n'
                    f'{node.last_lines()}\nMend what they name and start again'
                )

    def start(self, rig: Child, node: Child) -> None:
        """Start the rig's scenario as soon as it has rendered and both hear each other.

        Raises:
            RobustSegError: if that takes too long.
        """
        slow = f'the rig was not heard within {_RENDER_S:.0f} s: did it render? See its log'
        self.wait(lambda: self._client.sees_rig() or None, _RENDER_S, slow)
        end_s = time.monotonic() + _DISCOVERY_S
        while refusal := self.wait(self._client.start_rig(), _DISCOVERY_S, _not_heard(rig)):
            if time.monotonic() > end_s:
                raise RobustSegError(f'the rig did not start: {refusal}. {_not_heard(node)}')
            self._client.spin(_TICK_S)

    def wait(self, condition: Callable[[], T | None], limit_s: float, problem: str) -> T:
        """Return the first answer of ``condition`` that is not None.

        Raises:
            RobustSegError: with ``problem``, if there is none within ``limit_s``.
        """
        end_s = time.monotonic() + limit_s
        while (answer := condition()) is None:
            self._children.check()
            if time.monotonic() > end_s:
                raise RobustSegError(problem)
            self._client.spin(_TICK_S)
        return answer


def _not_heard(child: Child) -> str:
    return (
        f'{child.name} runs, but was not heard over DDS within {_DISCOVERY_S:.0f} s. Fast DDS '
        'needs shared memory (is /dev/shm writable, with 64 MB free?) and UDP on the loopback '
        'interface (is a firewall or VPN in the way?). Files of killed processes: '
        'rm /dev/shm/fastrtps_* /dev/shm/sem.fastrtps_*'
    )
