# Copyright 2026 mm_robust_seg maintainers
# SPDX-License-Identifier: Apache-2.0

"""The lifecycle node ``segmentation``.

configure reads the parameters, verifies the bundle and loads the engine; activate subscribes and
publishes; deactivate stops and keeps the engine; cleanup frees it. A client, the launch file or
``main`` asks for these transitions; the node never makes one itself.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
import functools
import os
import sys
import threading
import traceback
from typing import Any

from lifecycle_msgs.msg import Transition
from lifecycle_msgs.srv import ChangeState
from rcl_interfaces.msg import SetParametersResult
import rclpy
from rclpy.executors import SingleThreadedExecutor
from rclpy.lifecycle import LifecycleNode, LifecycleState, TransitionCallbackReturn
from rclpy.parameter import Parameter
from rclpy.signals import SignalHandlerOptions
from std_srvs.srv import SetBool, Trigger

from mm_robust_seg.bundle import find_bundle, load_bundle
from mm_robust_seg.engine.patience import is_any_abandoned
from mm_robust_seg.errors import ConfigError, RobustSegError
from mm_robust_seg.foreign_text import NAME_LENGTH, shortened
from mm_robust_seg.ros.node.heaps import share_heaps
from mm_robust_seg.ros.node.parameters import Parameters
from mm_robust_seg.ros.node.session import Session
from mm_robust_seg.ros.node.waiting import WaitingLog
from mm_robust_seg.signals import StopSignals

TransitionMethod = Callable[['SegmentationNode', LifecycleState], None]
TransitionCallback = Callable[['SegmentationNode', LifecycleState], TransitionCallbackReturn]
ChangeStateCallback = Callable[[ChangeState.Request, ChangeState.Response], ChangeState.Response]

LEFT_ENGINE = 1
_TRANSITIONS = {
    Transition.TRANSITION_CONFIGURE: 'configure',
    Transition.TRANSITION_CLEANUP: 'cleanup',
    Transition.TRANSITION_ACTIVATE: 'activate',
    Transition.TRANSITION_DEACTIVATE: 'deactivate',
}


def _guarded(transition: TransitionMethod) -> TransitionCallback:
    """Make a transition fail with a log entry where it raises; rclpy would say nothing."""

    @functools.wraps(transition)
    def callback(self: SegmentationNode, state: LifecycleState) -> TransitionCallbackReturn:
        name = transition.__name__.removeprefix('on_')
        try:
            transition(self, state)
        except RobustSegError as error:
            self.get_logger().error(f'cannot {name}: {error}')
        except Exception:
            self.get_logger().error(f'cannot {name}: {traceback.format_exc()}')
        else:
            return TransitionCallbackReturn.SUCCESS
        return TransitionCallbackReturn.FAILURE

    return callback


class SegmentationNode(LifecycleNode):
    """Masks from three sensors, or from those of them that work.

    Args:
        stopping: set when the process is to end; a configure in progress then fails.
        options: passed to rclpy.

    Attributes:
        has_left_engine: whether a runtime did not return when it was to be freed.
    """

    def __init__(self, stopping: threading.Event, **options: Any) -> None:
        super().__init__('segmentation', **options)
        self._stopping = stopping
        self._session: Session | None = None
        self._is_finalized = False
        self.has_left_engine = False
        self._config_parameters = Parameters(self)
        for warning in self._config_parameters.warnings:
            self.get_logger().warning(warning)
        for problem in self._config_parameters.problems:
            self.get_logger().error(f'{problem}; the node cannot be configured until it is set')
        self.add_on_set_parameters_callback(self._on_set_parameters)
        self.create_service(SetBool, '~/enable', self._on_enable)
        self.create_service(Trigger, '~/reset_monitor', self._on_reset_monitor)
        self.create_service(Trigger, '~/self_check', self._on_self_check)
        self._waiting = WaitingLog(self, self._advice)
        for service in self.services:
            if service.srv_type is ChangeState:
                service.callback = self._answering(service.callback)

    @_guarded
    def on_configure(self, state: LifecycleState) -> None:
        """Check the parameters, verify the bundle, load and warm every graph."""
        config = self._config_parameters.config()
        bundle = load_bundle(find_bundle(config.engine.bundle))
        self._session = Session(self, config, bundle)
        try:
            self._session.start(self._stopping.is_set)
        except Exception:
            self.close()
            raise

    @_guarded
    def on_activate(self, state: LifecycleState) -> None:
        """Subscribe and publish."""
        self._loaded().activate()

    @_guarded
    def on_deactivate(self, state: LifecycleState) -> None:
        """Stop; the engine stays warm."""
        self._loaded().deactivate()

    @_guarded
    def on_cleanup(self, state: LifecycleState) -> None:
        """Free the engine."""
        self.close()

    @_guarded
    def on_shutdown(self, state: LifecycleState) -> None:
        """Free the engine, from whatever state."""
        self._is_finalized = True
        self.close()

    @_guarded
    def on_error(self, state: LifecycleState) -> None:
        """Free the engine; the node is unconfigured again."""
        self.close()

    def close(self) -> None:
        """Stop the threads and free the engine; harmless when repeated."""
        session, self._session = self._session, None
        if session is not None and not session.close():
            self.has_left_engine = True
            self.get_logger().error(
                'the engine does not return: its thread and memory are left behind until it does; '
                'restart the process to have them back'
            )

    def _advice(self) -> str:
        """Say what somebody has to do before masks come; empty while they do."""
        name = self.get_fully_qualified_name()
        if self._is_finalized or (self._session is not None and self._session.is_active):
            return ''
        if self._session is not None:
            return f'not active: waits for "ros2 lifecycle set {name} activate"'
        return (
            f'not configured: waits for "ros2 lifecycle set {name} configure", and then activate; '
            'started with --autostart, or by robust_seg.launch.py, it does both'
        )

    def _answering(self, change_state: ChangeStateCallback) -> ChangeStateCallback:
        """Answer what is not allowed, too: rclpy raises there, and the client waits for ever."""

        def callback(
            request: ChangeState.Request, response: ChangeState.Response
        ) -> ChangeState.Response:
            wanted = request.transition
            allowed = {
                number: name for number, name, *_ in self._state_machine.available_transitions
            }
            if wanted.label in allowed.values() if wanted.label else wanted.id in allowed:
                return change_state(request, response)
            name = shortened(wanted.label, NAME_LENGTH) or _TRANSITIONS.get(
                wanted.id, f'make transition {wanted.id}'
            )
            state, possible = self._state_machine.current_state[1], ' or '.join(allowed.values())
            self.get_logger().error(
                f'cannot {name}: the node is {state}; expected {possible or "no transition"}'
            )
            response.success = False
            return response

        return callback

    def _loaded(self) -> Session:
        if self._session is None:
            raise ConfigError('the node is not configured: configure it first')
        return self._session

    def _on_set_parameters(self, changes: Sequence[Parameter]) -> SetParametersResult:
        try:
            config = self._config_parameters.changed(changes, configured=self._session is not None)
            if config is not None and self._session is not None:
                self._session.reconfigure(config)
        except Exception as error:
            return SetParametersResult(successful=False, reason=self._explain(error))
        return SetParametersResult(successful=True)

    def _on_enable(self, request: SetBool.Request, response: SetBool.Response) -> SetBool.Response:
        return self._answer(response, lambda: self._loaded().enable(request.data))

    def _on_reset_monitor(
        self, request: Trigger.Request, response: Trigger.Response
    ) -> Trigger.Response:
        return self._answer(response, lambda: self._loaded().reset())

    def _on_self_check(
        self, request: Trigger.Request, response: Trigger.Response
    ) -> Trigger.Response:
        def check() -> None:
            findings = self._loaded().self_check()
            if findings:
                raise RobustSegError('\n'.join(findings))

        return self._answer(response, check)

    def _answer(self, response: Any, action: Callable[[], None]) -> Any:
        try:
            action()
            response.success, response.message = True, 'done'
        except Exception as error:
            response.success, response.message = False, self._explain(error)
        return response

    def _explain(self, error: Exception) -> str:
        """Return what to tell a client, who must have an answer; log what nobody foresaw."""
        if isinstance(error, RobustSegError):
            return str(error)
        self.get_logger().error(traceback.format_exc())
        return f'{type(error).__name__}: {error}; the log of the node has the traceback'


def main(args: Sequence[str] | None = None, autostart: bool = False) -> int:
    """Spin the node until SIGINT or SIGTERM; return the exit code.

    A runtime that does not return is left behind: the process then ends with ``LEFT_ENGINE``.

    rclpy's own handlers are not used: they take the context away while the threads still publish.

    Args:
        args: of the process.
        autostart: configure and activate the node. If that fails, it says why and lives on.
    """
    share_heaps()
    stopping = threading.Event()
    executor: SingleThreadedExecutor | None = None

    def stop() -> None:
        stopping.set()
        if executor is not None:
            executor.create_task(lambda: None)  # ends a wait for the next callback

    signals = StopSignals(stop)
    try:
        rclpy.init(
            args=list(sys.argv if args is None else args),
            signal_handler_options=SignalHandlerOptions.NO,
        )
        node = SegmentationNode(stopping)
    except Exception as error:
        print(f'segmentation: {error}', file=sys.stderr)  # noqa: T201
        rclpy.try_shutdown()
        signals.close()
        return 2
    executor = SingleThreadedExecutor()
    executor.add_node(node)
    try:
        if autostart and node.trigger_configure() is TransitionCallbackReturn.SUCCESS:
            node.trigger_activate()
        while not stopping.is_set():
            _spin_once(executor, node)
    finally:
        signals.close()
        executor.shutdown()
        node.close()
        node.destroy_node()
        rclpy.try_shutdown()
    if node.has_left_engine or is_any_abandoned():
        os._exit(LEFT_ENGINE)  # the interpreter's own end could crash in the runtime's thread
    return 0


def _spin_once(executor: SingleThreadedExecutor, node: SegmentationNode) -> None:
    """Serve one callback; if it raises, even inside rclpy, the node goes on."""
    try:
        executor.spin_once()
    except Exception:
        node.get_logger().error(traceback.format_exc())


if __name__ == '__main__':
    sys.exit(main())
