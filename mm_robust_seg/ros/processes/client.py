# Copyright 2026 mm_robust_seg maintainers
# SPDX-License-Identifier: Apache-2.0

"""A client of the segmentation node and the rig in other processes: their services."""

from __future__ import annotations

from collections.abc import Callable

from lifecycle_msgs.msg import Transition
from lifecycle_msgs.srv import ChangeState, GetState
import rclpy
from rclpy.executors import SingleThreadedExecutor
from rclpy.signals import SignalHandlerOptions
from std_srvs.srv import Trigger

from mm_robust_seg.signals import signals_held_back

CONFIGURE, ACTIVATE = Transition.TRANSITION_CONFIGURE, Transition.TRANSITION_ACTIVATE
DEACTIVATE, CLEANUP = Transition.TRANSITION_DEACTIVATE, Transition.TRANSITION_CLEANUP


class Client:
    """Calls services, each answered by a function that says None until the answer is there.

    One thread owns it; signals are left to the process.

    Attributes:
        node: for further subscriptions.
    """

    def __init__(self, name: str) -> None:
        self._context = rclpy.Context()
        rclpy.init(args=[], context=self._context, signal_handler_options=SignalHandlerOptions.NO)
        self.node = rclpy.create_node(name, context=self._context)
        self._executor = SingleThreadedExecutor(context=self._context)
        self._executor.add_node(self.node)
        self._change_state = self.node.create_client(ChangeState, 'segmentation/change_state')
        self._get_state = self.node.create_client(GetState, 'segmentation/get_state')
        self._start_rig = self.node.create_client(Trigger, 'rig/start')

    def close(self) -> None:
        """Leave the network."""
        self._executor.shutdown()
        self.node.destroy_node()
        self._context.try_shutdown()

    def spin(self, timeout_s: float) -> None:
        """Handle what has come; wait for it no longer than ``timeout_s``.

        A KeyboardInterrupt comes afterwards: rclpy would turn it into another error.
        """
        with signals_held_back():
            self._executor.spin_once(timeout_sec=timeout_s)

    def now_ns(self) -> int:
        """Return the time of day."""
        return int(self.node.get_clock().now().nanoseconds)

    def sees_node(self) -> bool:
        """Tell whether the segmentation node can be asked for transitions."""
        return bool(self._change_state.service_is_ready())

    def sees_rig(self) -> bool:
        """Tell whether the rig can be started."""
        return bool(self._start_rig.service_is_ready())

    def transition(self, number: int) -> Callable[[], bool | None]:
        """Ask the node for a transition; the answer is whether it succeeded."""
        request = ChangeState.Request()
        request.transition.id = number
        future = self._change_state.call_async(request)
        return lambda: bool(future.result().success) if future.done() else None

    def state(self) -> Callable[[], str | None]:
        """Ask the node for its lifecycle state; the answer is a label such as ``active``."""
        future = self._get_state.call_async(GetState.Request())
        return lambda: str(future.result().current_state.label) if future.done() else None

    def start_rig(self) -> Callable[[], str | None]:
        """Ask the rig to start; the answer is '', or why it does not."""
        future = self._start_rig.call_async(Trigger.Request())

        def answer() -> str | None:
            if not future.done():
                return None
            result = future.result()
            return '' if result.success else str(result.message)

        return answer
