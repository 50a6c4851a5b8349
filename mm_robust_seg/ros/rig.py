"""The simulated cameras as a node: ``python -m mm_robust_seg.ros.rig``.

Publishes ``rgb/image``, ``thermal/image`` and ``depth/image`` with their camera_info, of one
stamp, with the faults of a scenario; ``rig/truth`` with the true labels of each capture; and on
``rig/phase`` (JSON, kept for late subscribers) what is being played. ``~/start`` starts it.
"""

from __future__ import annotations

from collections.abc import Sequence
import json
import math
from pathlib import Path
import signal
import sys
from typing import Any

import rclpy
from rclpy.exceptions import ParameterException
from rclpy.executors import ExternalShutdownException, SingleThreadedExecutor
from rclpy.node import Node
from rclpy.qos import DurabilityPolicy, HistoryPolicy, QoSProfile, ReliabilityPolicy
from sensor_msgs.msg import CameraInfo, Image
from std_msgs.msg import Header, String
from std_srvs.srv import Trigger

from mm_robust_seg.errors import ConfigError, RobustSegError
from mm_robust_seg.modality import Modality
from mm_robust_seg.ros import qos
from mm_robust_seg.ros.conversions import header, image_message
from mm_robust_seg.ros.timetable import Timetable
from mm_robust_seg.simulation import Capture, Conditions, Rig, World
from mm_robust_seg.simulation.camera import HORIZONTAL_VIEW_RAD
from mm_robust_seg.simulation.faults import Fault, FaultInjector
from mm_robust_seg.simulation.scenario import load_scenario, Phase, Scenario

FRAME_ID = 'rgb_camera'
ENCODINGS = {Modality.RGB: 'rgb8', Modality.THERMAL: 'mono16', Modality.DEPTH: '16UC1'}
PHASES = QoSProfile(
    reliability=ReliabilityPolicy.RELIABLE,
    durability=DurabilityPolicy.TRANSIENT_LOCAL,
    history=HistoryPolicy.KEEP_LAST,
    depth=100,
)

_PARAMETERS: dict[str, Any] = {
    'scenario': '',  # a file; empty: all sensors, without end
    'rate_hz': 15.0,
    'width_px': 320,
    'height_px': 240,
    'loop_s': 10.0,  # the drive is rendered for this long before the start, then repeated
    'autostart': False,
    'repeat': False,
}
_LEAD_NS = 500_000_000
_QUIET_S = 5.0
_ENDLESS_S = 1e6


class Camera:
    """One camera of the rig: its topics and its fault."""

    def __init__(
        self, node: Node, modality: Modality, seed: int, size_px: tuple[int, int]
    ) -> None:
        self.modality = modality
        self._injector = FaultInjector(modality, seed)
        self._images = node.create_publisher(Image, f'{modality}/image', qos.SENSOR)
        self._infos = node.create_publisher(CameraInfo, f'{modality}/camera_info', qos.SENSOR)
        self._info = camera_info(*size_px)

    @property
    def is_heard(self) -> bool:
        """Whether somebody has subscribed to the images."""
        return bool(self._images.get_subscription_count())

    def publish(self, capture: Capture, fault: Fault | None, stamp: Header) -> None:
        """Publish this camera's image of a capture, as far as the fault lets it."""
        image = self._injector.apply(getattr(capture, self.modality.value), fault)
        if image is not None:
            self._info.header = stamp
            self._infos.publish(self._info)
            self._images.publish(image_message(image, ENCODINGS[self.modality], stamp))


def camera_info(width_px: int, height_px: int) -> CameraInfo:
    """Return the parameters of the rig's pinhole, common to the three cameras."""
    focal_px = 0.5 * width_px / math.tan(HORIZONTAL_VIEW_RAD / 2)
    u, v = (width_px - 1) / 2, (height_px - 1) / 2
    return CameraInfo(
        height=height_px,
        width=width_px,
        distortion_model='plumb_bob',
        d=[0.0] * 5,
        k=[focal_px, 0.0, u, 0.0, focal_px, v, 0.0, 0.0, 1.0],
        r=[1.0, 0.0, 0.0, 0.0, 1.0, 0.0, 0.0, 0.0, 1.0],
        p=[focal_px, 0.0, u, 0.0, 0.0, focal_px, v, 0.0, 0.0, 0.0, 1.0, 0.0],
    )


class RigNode(Node):
    """Three cameras that fail on a timetable.

    Raises:
        ConfigError: if a parameter or the scenario is wrong.
    """

    def __init__(self) -> None:
        super().__init__('rig')
        given = {n: self.declare_parameter(n, v).value for n, v in _PARAMETERS.items()}
        self._scenario = _scenario(given['scenario'])
        self._rate_hz = _in_range('rate_hz', given['rate_hz'], 1.0, 120.0)
        self._loop_s = _in_range('loop_s', given['loop_s'], 1.0, 600.0)
        self._autostart, self._repeat = given['autostart'], given['repeat']
        size_px = (given['width_px'], given['height_px'])
        seed = self._scenario.seed
        self._rig = Rig(World(seed), self._scenario.conditions, *size_px, seed)
        self._captures: list[Capture] = []
        self._timetable: Timetable | None = None
        self._phase: int | None = None
        self._cameras = [Camera(self, m, seed, size_px) for m in Modality]
        self._truth = self.create_publisher(Image, 'rig/truth', qos.EVENTS)
        self._events = self.create_publisher(String, 'rig/phase', PHASES)

    def render(self) -> None:
        """Render the loop; afterwards the rig can be started."""
        count = max(1, round(self._loop_s * self._rate_hz))
        self.get_logger().info(f'rendering {count} captures')
        for index in range(count):
            if not self.context.ok():
                return
            self._captures.append(self._rig.capture(index / self._rate_hz))
        self.get_logger().info('ready')
        self.create_service(Trigger, '~/start', self._on_start)
        if self._autostart:
            self._start()

    def play(self) -> float:
        """Publish what is due; return the seconds until the next frame."""
        if self._timetable is None:
            return 0.1
        index = self._timetable.take(self._now_ns())
        if index is not None:
            self._publish(self._timetable, index)
        if self._timetable is None:
            return 0.0
        return max((self._timetable.next_ns - self._now_ns()) * 1e-9, 0.0)

    def _now_ns(self) -> int:
        return int(self.get_clock().now().nanoseconds)

    def _on_start(self, request: Trigger.Request, response: Trigger.Response) -> Trigger.Response:
        lonely = [str(c.modality) for c in self._cameras if not c.is_heard]
        if self._timetable is not None:
            response.message = 'the scenario is running already'
        elif lonely:
            response.message = f'nobody has subscribed to {", ".join(lonely)}/image'
        else:
            self._start()
            response.success, response.message = True, 'started'
        return response

    def _start(self) -> None:
        self._timetable = Timetable(self._now_ns() + _LEAD_NS, self._rate_hz)
        self._phase = None

    def _publish(self, timetable: Timetable, index: int) -> None:
        """Publish one capture, or the end of the scenario."""
        stamp_ns, t_s = timetable.due_ns(index), index / self._rate_hz
        if t_s >= self._scenario.duration_s - 0.5 / self._rate_hz:
            self._end(timetable, index)
            return
        number = self._scenario.phase_index(t_s)
        phase = self._scenario.phases[number]
        if number != self._phase:
            self._phase = number
            self._tell_phase(timetable, number, phase)
        capture, stamp = self._captures[index % len(self._captures)], header(stamp_ns, FRAME_ID)
        for camera in self._cameras:
            camera.publish(capture, phase.faults.get(camera.modality), stamp)
        self._truth.publish(image_message(capture.labels, 'mono8', stamp))
        if timetable.skipped or timetable.late:
            self.get_logger().warning(
                f'behind the timetable: {timetable.late} frames late, {timetable.skipped} '
                'skipped so far; the machine is too slow for this rate',
                throttle_duration_sec=_QUIET_S,
            )

    def _tell_phase(self, timetable: Timetable, number: int, phase: Phase) -> None:
        """Tell what is played, with the stamps of its first capture and of the next phase's."""
        first, last = (math.ceil(t * self._rate_hz - 1e-4) for t in (phase.start_s, phase.end_s))
        self._tell(
            event='phase',
            index=number,
            name=phase.name,
            start_ns=timetable.due_ns(first),
            end_ns=timetable.due_ns(last),
            faults={str(m): str(fault) for m, fault in phase.faults.items()},
        )

    def _end(self, timetable: Timetable, count: int) -> None:
        self._tell(event='end', frames=count, late=timetable.late, skipped=timetable.skipped)
        self._timetable = None
        if self._repeat:
            self._start()

    def _tell(self, **event: Any) -> None:
        self._events.publish(String(data=json.dumps(event)))
        self.get_logger().info(f'{event}')


def _scenario(path: str) -> Scenario:
    if path:
        return load_scenario(Path(path).expanduser())
    return Scenario(0, Conditions(), (Phase('all sensors', 0.0, _ENDLESS_S),))


def _in_range(name: str, value: float, low: float, high: float) -> float:
    if not low <= value <= high:
        raise ConfigError(f'{name} is {value}: expected {low:g} to {high:g}')
    return value


def main(args: Sequence[str] | None = None) -> int:
    """Run the rig until SIGINT or SIGTERM; return the exit code."""
    signal.signal(signal.SIGINT, lambda *_: None)  # rclpy ends the loop; no KeyboardInterrupt
    rclpy.init(args=list(sys.argv if args is None else args))
    executor = SingleThreadedExecutor()
    node: RigNode | None = None
    try:
        node = RigNode()
        executor.add_node(node)
        node.render()
        while rclpy.ok():
            executor.spin_once(timeout_sec=node.play())
    except (RobustSegError, ParameterException) as error:
        print(f'rig: {error}', file=sys.stderr)  # noqa: T201
        return 2
    except ExternalShutdownException:
        pass
    finally:
        executor.shutdown()
        if node is not None:
            node.destroy_node()
        rclpy.try_shutdown()
    return 0


if __name__ == '__main__':
    sys.exit(main())
