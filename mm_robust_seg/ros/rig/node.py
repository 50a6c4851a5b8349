# Copyright 2026 mm_robust_seg maintainers
# SPDX-License-Identifier: Apache-2.0

"""The simulated cameras as a node: ``python -m mm_robust_seg.ros.rig.node``.

Publishes ``rgb/image``, ``thermal/image`` and ``depth/image`` with their camera_info, of one
stamp, with the faults of a scenario; ``rig/truth`` with the true labels of each capture; and on
``rig/phase`` (JSON, kept for late subscribers) what is being played. ``~/start`` starts it.

With ``clock_hz`` it publishes ``/clock`` too, and stamps by it: a scenario may then make the clock
jump. Other nodes need use_sim_time.
"""

from __future__ import annotations

from collections.abc import Sequence
from heapq import heappop, heappush
from itertools import count
import json
import math
from pathlib import Path
import sys
import threading
from typing import Any

import rclpy
from rclpy.exceptions import ParameterException
from rclpy.executors import SingleThreadedExecutor
from rclpy.node import Node
from rclpy.qos import DurabilityPolicy, HistoryPolicy, QoSProfile, ReliabilityPolicy
from rclpy.signals import SignalHandlerOptions
from rosgraph_msgs.msg import Clock
from sensor_msgs.msg import Image
from std_msgs.msg import String
from std_srvs.srv import Trigger

from mm_robust_seg.dataflow import RawImage
from mm_robust_seg.errors import ConfigError, RobustSegError
from mm_robust_seg.modality import ModalitySet
from mm_robust_seg.ros.node import qos
from mm_robust_seg.ros.node.conversions import header, image_message, time_message
from mm_robust_seg.ros.rig.camera import Camera, FRAME_ID
from mm_robust_seg.ros.rig.timetable import Timetable
from mm_robust_seg.signals import StopSignals
from mm_robust_seg.simulation import Capture, MODALITIES, SimulatedCameras, World
from mm_robust_seg.simulation.scenario import load_scenario, Phase, Scenario

PHASES = QoSProfile(
    reliability=ReliabilityPolicy.RELIABLE,
    durability=DurabilityPolicy.TRANSIENT_LOCAL,
    history=HistoryPolicy.KEEP_LAST,
    depth=100,
)

PARAMETERS: dict[str, Any] = {
    'scenario': '',  # a file; empty: all sensors, without end
    'rate_hz': 15.0,
    'width_px': 320,
    'height_px': 240,
    'loop_s': 10.0,  # the drive is rendered for this long before the start, then repeated
    'clock_hz': 0.0,  # rate of /clock; 0 means no /clock
    'autostart': False,
    'repeat': False,
}
_LEAD_NS = 500_000_000
_QUIET_S = 5.0
_IDLE_S = 0.1
_ENDLESS_S = 1e6


class RigNode(Node):
    """Three cameras that fail on a timetable.

    Args:
        stopping: set when the process is to end; rendering then stops.

    Raises:
        ConfigError: if a parameter or the scenario is wrong.
    """

    def __init__(self, stopping: threading.Event) -> None:
        super().__init__('rig')
        self._stopping = stopping
        given = {n: self.declare_parameter(n, v).value for n, v in PARAMETERS.items()}
        self._scenario = _scenario(given['scenario'])
        self._rate_hz = _in_range('rate_hz', given['rate_hz'], 1.0, 120.0)
        self._loop_s = _in_range('loop_s', given['loop_s'], 1.0, 600.0)
        self._autostart, self._repeat = given['autostart'], given['repeat']
        clock_hz = _clock_hz(given['clock_hz'], self._scenario)
        size_px = (given['width_px'], given['height_px'])
        seed = self._scenario.seed
        self._simulated = SimulatedCameras(World(seed), self._scenario.conditions, *size_px, seed)
        self._captures: list[Capture] = []
        of_all = (self._scenario, self._rate_hz, size_px)
        self._cameras = [Camera(self, modality, *of_all) for modality in MODALITIES]
        self._timetables: dict[float, Timetable] = {}
        self._pending: list[tuple[int, int, Camera, RawImage]] = []
        self._sequence = count()
        self._phase: int | None = None
        self._truth = self.create_publisher(Image, 'rig/truth', qos.EVENTS)
        self._events = self.create_publisher(String, 'rig/phase', PHASES)
        self._ticks, self._clock_times = None, None
        if clock_hz:
            self._ticks = Timetable(self._now_ns(), clock_hz)
            self._clock_times = self.create_publisher(Clock, '/clock', qos.EVENTS)

    def render(self) -> None:
        """Render the loop; afterwards the rig can be started."""
        frames = max(1, round(self._loop_s * self._rate_hz))
        self.get_logger().info(f'rendering {frames} captures')
        for index in range(frames):
            if self._stopping.is_set():
                return
            self._captures.append(self._simulated.capture(index / self._rate_hz))
        self.get_logger().info('ready')
        self.create_service(Trigger, '~/start', self._on_start)
        if self._autostart:
            self._start()

    def play(self) -> float:
        """Publish what is due; return the seconds until the next message."""
        self._publish_clock()
        for rate_hz, timetable in tuple(self._timetables.items()):
            index = timetable.take(self._now_ns())
            if index is None:
                continue
            if rate_hz == self._rate_hz and not self._lead(timetable, index):
                return 0.0
            self._capture(rate_hz, timetable, index)
        while self._pending and self._pending[0][0] <= self._now_ns():
            _, _, camera, image = heappop(self._pending)
            camera.publish(image)
        return self._rest_s()

    def _rest_s(self) -> float:
        due_ns = [timetable.next_ns for timetable in self._timetables.values()]
        due_ns += [self._pending[0][0]] if self._pending else []
        due_ns += [self._ticks.next_ns] if self._ticks else []
        rest_s = (min(due_ns) - self._now_ns()) * 1e-9 if due_ns else _IDLE_S
        return max(rest_s, 0.0)

    def _now_ns(self) -> int:
        return int(self.get_clock().now().nanoseconds)

    def _on_start(self, request: Trigger.Request, response: Trigger.Response) -> Trigger.Response:
        lonely = [str(c.modality) for c in self._cameras if not c.is_heard]
        if self._timetables:
            response.message = 'the scenario is running already'
        elif lonely:
            response.message = f'nobody has subscribed to {", ".join(lonely)}/image'
        else:
            self._start()
            response.success, response.message = True, 'started'
        return response

    def _start(self) -> None:
        start_ns = self._now_ns() + _LEAD_NS
        rates_hz = (self._rate_hz, *(camera.rate_hz for camera in self._cameras))
        self._timetables = {rate_hz: Timetable(start_ns, rate_hz) for rate_hz in rates_hz}
        self._phase = None

    def _lead(self, timetable: Timetable, index: int) -> bool:
        """Begin phases and publish the truth; return False at the end of the scenario."""
        t_s = index / self._rate_hz
        if t_s >= self._scenario.duration_s - 0.5 / self._rate_hz:
            self._end(timetable, index)
            return False
        number = self._scenario.phase_index(t_s)
        if number != self._phase:
            self._phase = number
            self._begin(timetable, number, self._scenario.phases[number])
        capture = self._captures[index % len(self._captures)]
        stamp_ns = timetable.due_ns(index) + self._shift_ns(t_s)
        truth = image_message(capture.labels, 'mono8', header(stamp_ns, FRAME_ID))
        self._truth.publish(truth)
        if timetable.skipped or timetable.late:
            self.get_logger().warning(
                f'behind the timetable: {timetable.late} frames late, {timetable.skipped} '
                'skipped so far; the machine is too slow for this rate',
                throttle_duration_sec=_QUIET_S,
            )
        return True

    def _capture(self, rate_hz: float, timetable: Timetable, index: int) -> None:
        """Hand a capture to the cameras of this rate."""
        t_s, due_ns = index / rate_hz, timetable.due_ns(index)
        capture = self._captures[round(t_s * self._rate_hz) % len(self._captures)]
        stamp_ns = due_ns + self._shift_ns(t_s)
        for camera in self._cameras:
            if camera.rate_hz == rate_hz:
                for send_ns, image in camera.take(capture, due_ns, stamp_ns):
                    heappush(self._pending, (send_ns, next(self._sequence), camera, image))

    def _begin(self, timetable: Timetable, number: int, phase: Phase) -> None:
        """Begin a phase; tell the stamps of its first capture and of the next phase's."""
        for camera in self._cameras:
            camera.inject(phase.faults.get(camera.modality))
        first, last = (math.ceil(t * self._rate_hz - 1e-4) for t in (phase.start_s, phase.end_s))
        shift_ns = self._shift_ns(phase.start_s)
        self._tell(
            event='phase',
            index=number,
            name=phase.name,
            start_ns=timetable.due_ns(first) + shift_ns,
            end_ns=timetable.due_ns(last) + shift_ns,
            faults={str(m): str(fault) for m, fault in phase.faults.items()},
            rig_fault=str(phase.rig_fault or ''),
        )

    def _end(self, timetable: Timetable, frames: int) -> None:
        self._tell(event='end', frames=frames, late=timetable.late, skipped=timetable.skipped)
        self._timetables.clear()
        self._pending.clear()
        if self._repeat:
            self._start()

    def _publish_clock(self) -> None:
        """Publish the time of the scenario, which may jump; before the start, that of day."""
        tick = self._ticks.take(self._now_ns()) if self._ticks else None
        if self._ticks is None or self._clock_times is None or tick is None:
            return
        now_ns, playing = self._ticks.due_ns(tick), self._timetables.get(self._rate_hz)
        t_s = (now_ns - playing.start_ns) * 1e-9 if playing else 0.0
        self._clock_times.publish(Clock(clock=time_message(now_ns + self._shift_ns(t_s))))

    def _shift_ns(self, t_s: float) -> int:
        return round(self._scenario.shift_s(t_s) * 1e9)

    def _tell(self, **event: Any) -> None:
        self._events.publish(String(data=json.dumps(event)))
        self.get_logger().info(f'{event}')


def _scenario(path: str) -> Scenario:
    if path:
        scenario = load_scenario(Path(path).expanduser())
        named = {*scenario.rates_hz, *(m for phase in scenario.phases for m in phase.faults)}
        if foreign := ModalitySet(named) - MODALITIES:
            raise ConfigError(
                f'{path} is about {foreign}, of which no camera is simulated: expected sensors '
                f'out of {MODALITIES}'
            )
        return scenario
    return Scenario((Phase('all sensors', 0.0, _ENDLESS_S),))


def _clock_hz(clock_hz: float, scenario: Scenario) -> float:
    """Check the rate of /clock.

    Raises:
        ConfigError: if it is out of range, or the scenario needs a clock and there is none.
    """
    if scenario.moves_clock and not clock_hz:
        raise ConfigError(
            'the scenario makes the clock jump, but this rig publishes none: set clock_hz, such '
            'as 200, and use_sim_time of the nodes that listen'
        )
    return _in_range('clock_hz', clock_hz, 0.0, 1000.0)


def _in_range(name: str, value: float, low: float, high: float) -> float:
    if not low <= value <= high:
        raise ConfigError(f'{name} is {value}: expected {low:g} to {high:g}')
    return value


def main(args: Sequence[str] | None = None) -> int:
    """Run the rig until SIGINT or SIGTERM; return the exit code.

    rclpy's own handlers are not used: they take the context away in the middle of a publication.
    """
    stopping = threading.Event()
    signals = StopSignals(stopping.set)
    rclpy.init(
        args=list(sys.argv if args is None else args),
        signal_handler_options=SignalHandlerOptions.NO,
    )
    executor = SingleThreadedExecutor()
    node: RigNode | None = None
    try:
        node = RigNode(stopping)
        executor.add_node(node)
        node.render()
        while not stopping.is_set():
            executor.spin_once(timeout_sec=node.play())
    except (RobustSegError, ParameterException) as error:
        print(f'rig: {error}', file=sys.stderr)  # noqa: T201
        return 2
    finally:
        signals.close()
        executor.shutdown()
        if node is not None:
            node.destroy_node()
        rclpy.try_shutdown()
    return 0


if __name__ == '__main__':
    sys.exit(main())
