# Copyright 2026 mm_robust_seg maintainers
# SPDX-License-Identifier: Apache-2.0

"""The rest of a robot: three cameras, and a client of the segmentation node."""

from __future__ import annotations

from array import array
from collections.abc import Callable, Collection, Mapping, Sequence
import contextlib
import os
from pathlib import Path
import signal
import subprocess
import sys
import threading
import time

import cv2
from diagnostic_msgs.msg import DiagnosticArray, DiagnosticStatus
from lifecycle_msgs.srv import ChangeState, GetState
import numpy as np
import rclpy
from rclpy.context import Context
from rclpy.executors import SingleThreadedExecutor
from rclpy.lifecycle import TransitionCallbackReturn
from rclpy.parameter import Parameter
from rosgraph_msgs.msg import Clock
from sensor_msgs.msg import CameraInfo, CompressedImage, Image
from std_msgs.msg import Header, String
from std_srvs.srv import SetBool, Trigger

from mm_robust_seg.modality import Modality
from mm_robust_seg.ros.node import qos
from mm_robust_seg.ros.node.conversions import header, image_message, time_message
from mm_robust_seg.ros.node.node import SegmentationNode

ROOT = Path(__file__).parents[2]
PERIOD_S = 1 / 30
ENCODINGS = {Modality.RGB: 'rgb8', Modality.THERMAL: 'mono16', Modality.DEPTH: '16UC1'}


class NodeProcess:
    """The segmentation node in a process of its own."""

    def __init__(
        self, log: Path, parameters: Mapping[str, object], files: Sequence[Path] = ()
    ) -> None:
        self.log = log
        read = [text for path in files for text in ('--params-file', str(path))]
        pairs = [text for name, value in parameters.items() for text in ('-p', f'{name}:={value}')]
        module = ['-X', 'faulthandler', '-m', 'mm_robust_seg.ros.node.node']
        command = [sys.executable, *module, '--ros-args', *read, *pairs]
        with log.open('w') as stream:
            self._process = subprocess.Popen(
                command, stdout=stream, stderr=subprocess.STDOUT, cwd=ROOT, env=dict(os.environ)
            )

    @property
    def pid(self) -> int:
        return self._process.pid

    def is_alive(self) -> bool:
        return self._process.poll() is None

    def send(self, number: int) -> None:
        if self.is_alive():
            self._process.send_signal(number)

    def stop(self, number: int = signal.SIGINT) -> tuple[int, str]:
        """Send a signal; return exit code and log. A node that does not end shows its threads."""
        self.send(number)
        try:
            code = self._process.wait(20)
        except subprocess.TimeoutExpired:
            self._process.send_signal(signal.SIGABRT)
            code = self._process.wait(20)
        return code, self.log.read_text()


class NodeThread:
    """The segmentation node in this process, active, spun by a thread."""

    def __init__(self, parameters: Mapping[str, object], namespace: str = '') -> None:
        self._context = Context()
        rclpy.init(context=self._context)
        self.node = SegmentationNode(
            threading.Event(),
            context=self._context,
            namespace=namespace,
            parameter_overrides=[Parameter(name, value=v) for name, v in parameters.items()],
        )
        assert self.node.trigger_configure() is TransitionCallbackReturn.SUCCESS
        assert self.node.trigger_activate() is TransitionCallbackReturn.SUCCESS
        self._executor = SingleThreadedExecutor(context=self._context)
        self._executor.add_node(self.node)
        self._thread = threading.Thread(target=self._spin)
        self._is_closed = False
        self._thread.start()

    def close(self) -> None:
        self._is_closed = True
        self._executor.create_task(lambda: None)
        self._thread.join()
        self._executor.shutdown()
        self.node.close()
        self.node.destroy_node()
        self._context.try_shutdown()

    def _spin(self) -> None:
        while not self._is_closed:
            self._executor.spin_once()


class Robot:
    """Publishes three cameras at 30 Hz, and hears the node.

    Args:
        height_px, width_px: size of every image.
        namespace: of robot, cameras and segmentation node.
        compressed: the sensors that publish PNG files.
    """

    def __init__(
        self,
        height_px: int = 48,
        width_px: int = 64,
        namespace: str = '',
        compressed: Collection[Modality] = (),
    ) -> None:
        self.context = Context()
        rclpy.init(context=self.context)
        self.node = rclpy.create_node('robot', context=self.context, namespace=namespace)
        self.executor = SingleThreadedExecutor(context=self.context)
        self.executor.add_node(self.node)
        self.size = (height_px, width_px)
        self.live = set(Modality)
        self.alter: dict[Modality, Callable[[Image], None]] = {}
        self.masks: list[Image] = []
        self.overlays: list[Image] = []
        self.states: list[DiagnosticStatus] = []
        self.infos: list[DiagnosticArray] = []
        self.diagnostics: list[DiagnosticArray] = []
        self.labels: list[String] = []
        self.camera_infos: list[CameraInfo] = []
        self.now_ns = lambda: self.node.get_clock().now().nanoseconds
        self.clock, self.clock_step_ns = False, 1
        self._clock = self.node.create_publisher(Clock, '/clock', qos.EVENTS)
        self._rng = np.random.default_rng(0)
        self._next_s = time.monotonic()
        node = self.node
        self._compressed = compressed
        self.cameras = {
            m: node.create_publisher(CompressedImage, f'{m}/image/compressed', qos.SENSOR)
            if m in compressed
            else node.create_publisher(Image, f'{m}/image', qos.SENSOR)
            for m in Modality
        }
        self._info = node.create_publisher(CameraInfo, 'rgb/camera_info', qos.SENSOR)
        for kind, topic, profile, heard in (
            (Image, 'mask', qos.MASK, self.masks),
            (Image, 'overlay', qos.MASK, self.overlays),
            (CameraInfo, 'camera_info', qos.MASK, self.camera_infos),
            (DiagnosticStatus, 'modality_state', qos.LATCHED, self.states),
            (DiagnosticArray, 'frame_info', qos.EVENTS, self.infos),
            (String, 'labels', qos.LATCHED, self.labels),
        ):
            node.create_subscription(kind, f'segmentation/{topic}', heard.append, profile)
        self._clients = {
            name: node.create_client(kind, f'segmentation/{name}')
            for name, kind in (
                ('change_state', ChangeState),
                ('get_state', GetState),
                ('enable', SetBool),
                ('reset_monitor', Trigger),
                ('self_check', Trigger),
            )
        }
        node.create_subscription(
            DiagnosticArray, '/diagnostics', self.diagnostics.append, qos.EVENTS
        )

    def close(self) -> None:
        self.executor.shutdown()
        self.node.destroy_node()
        self.context.try_shutdown()

    def call(self, service: str, request: object, timeout_s: float = 30.0):
        """Call a service of the node, with the cameras running."""
        self.until(self._clients[service].service_is_ready, timeout_s)
        future = self.ask(service, request)
        self.until(future.done, timeout_s)
        return future.result()

    def ask(self, service: str, request: object):
        """Send a request, and return the future of its answer."""
        return self._clients[service].call_async(request)

    def transition(self, number: int) -> bool:
        self.state()
        request = ChangeState.Request()
        request.transition.id = number
        return self.call('change_state', request).success

    def state(self) -> str:
        """Ask for the state until an answer comes: the first may be lost during discovery."""
        for _ in range(10):
            with contextlib.suppress(AssertionError):
                return self.call('get_state', GetState.Request(), 3.0).current_state.label
        raise AssertionError('the node does not answer')

    def until(self, condition: Callable[[], bool], timeout_s: float = 20.0) -> None:
        """Run the cameras until ``condition`` holds."""
        end_s = time.monotonic() + timeout_s
        while not condition():
            assert time.monotonic() < end_s, 'the condition did not come true in time'
            self._spin()

    def run(self, duration_s: float) -> None:
        """Run the cameras for a while."""
        end_s = time.monotonic() + duration_s
        while time.monotonic() < end_s:
            self._spin()

    def _spin(self) -> None:
        self.executor.spin_once(timeout_sec=max(self._next_s - time.monotonic(), 0.0))
        if time.monotonic() >= self._next_s:
            self._next_s = max(self._next_s + PERIOD_S, time.monotonic())
            self._publish()

    def _publish(self) -> None:
        now_ns = self.now_ns()
        if self.clock:
            step_ns = now_ns // self.clock_step_ns * self.clock_step_ns
            self._clock.publish(Clock(clock=time_message(step_ns)))
        height_px, width_px = self.size
        info = CameraInfo(header=header(now_ns, 'camera'), height=height_px, width=width_px)
        self._info.publish(info)
        for modality in self.live:
            stamp = header(now_ns, f'{modality}_camera')
            message = self._message(modality, stamp)
            self.alter.get(modality, lambda _: None)(message)
            self.cameras[modality].publish(message)

    def _message(self, modality: Modality, stamp: Header) -> Image | CompressedImage:
        picture = self._picture(modality)
        if modality not in self._compressed:
            return image_message(picture, ENCODINGS[modality], stamp)
        _, png = cv2.imencode('.png', picture)
        return CompressedImage(header=stamp, format='png', data=array('B', png.tobytes()))

    def _picture(self, modality: Modality) -> np.ndarray:
        if modality is Modality.RGB:
            return self._rng.integers(40, 200, (*self.size, 3), np.uint8)
        low, high = (29000, 30500) if modality is Modality.THERMAL else (1000, 15000)
        return self._rng.integers(low, high, self.size, np.uint16)


def active(robot: Robot) -> str:
    """The combination in use, or '' as long as nothing is known."""
    return values(robot.states[-1])['active'] if robot.states else ''


def reason(robot: Robot, modality: Modality) -> str:
    return values(robot.states[-1]).get(str(modality), '') if robot.states else ''


def values(status: DiagnosticStatus) -> dict[str, str]:
    return {pair.key: pair.value for pair in status.values}
