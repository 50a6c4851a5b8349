# Copyright 2026 mm_robust_seg maintainers
# SPDX-License-Identifier: Apache-2.0

"""The demo: starts rig and segmentation node as processes, and plays a scenario.

Nothing here needs the ``ros2`` command: only rclpy.
"""

from __future__ import annotations

from dataclasses import dataclass
import os
from pathlib import Path
import time

from mm_robust_seg.bundle import Bundle, find_bundle, load_bundle
from mm_robust_seg.errors import ConfigError, RobustSegError
from mm_robust_seg.files import shipped
from mm_robust_seg.modality import Modality
from mm_robust_seg.observation.record import RunRecord
from mm_robust_seg.observation.recorder import RunRecorder
from mm_robust_seg.report.run.live import LiveView
from mm_robust_seg.ros.demo.listener import Listener
from mm_robust_seg.ros.processes.bring_up import BringUp
from mm_robust_seg.ros.processes.children import (
    Children,
    parameters,
    quiet_domain,
    ros_environment,
)
from mm_robust_seg.simulation.classes import CLASS_NAMES
from mm_robust_seg.simulation.scenario import load_scenario, Scenario

_OVERTIME_S = 20.0
_DRAIN_S = 1.0
_REDRAW_S = 0.15
_TICK_S = 0.05


@dataclass(frozen=True)
class DemoOptions:
    """What to play, with which model, and where the results go.

    Attributes:
        scenario: a file; None for the one that comes with the package.
        domain_id: ROS domain of the demo's processes; None chooses one.
    """

    scenario: Path | None = None
    bundle: str = 'sim'
    backend: str = 'auto'
    out: Path = Path('out/demo')
    rate_hz: float = 15.0
    width_px: int = 320
    height_px: int = 240
    domain_id: int | None = None

    @property
    def scenario_file(self) -> Path:
        """The scenario to play."""
        return (self.scenario or shipped('config/demo_scenario.yaml')).resolve()


class Demo:
    """One performance: processes, transitions, scenario.

    Attributes:
        scenario: what is played.
        recorder: collects what is observed.

    Raises:
        RobustSegError: if it cannot be played; the message says what to do.
    """

    def __init__(self, options: DemoOptions) -> None:
        self.scenario = load_scenario(options.scenario_file)
        if self.scenario.moves_clock:
            raise ConfigError(
                'the scenario makes the clock jump, and the demo keeps the time of day: leave out '
                'the faults of the rig, or play them with mm-robust-seg rig'
            )
        self._options, self._bundle = options, load_bundle(find_bundle(options.bundle))
        _check_classes(self._bundle)
        self.recorder = RunRecorder(self._bundle.classes)

    def play(self, view: LiveView) -> RunRecord:
        """Play, and show what happens; return what was observed.

        Raises:
            RobustSegError: if a process ends early or does not answer.
        """
        options = self._options
        domain_id = options.domain_id
        if domain_id is None:
            domain_id = quiet_domain()
        variables = ros_environment(domain_id, shipped('config/fastdds_profile.xml'))
        os.environ.update(variables)
        view.say(
            f'starting rig and segmentation node (ROS_DOMAIN_ID={domain_id}, bundle '
            f'{self._bundle.name}, logs in {options.out / "log"}) ...'
        )
        of_node = node_arguments(options, self.scenario, self._bundle)
        with Children(variables, options.out / 'log') as children:
            node = children.start('segmentation', 'mm_robust_seg.ros.node.node', of_node)
            rig = children.start('rig', 'mm_robust_seg.ros.rig.node', _rig_arguments(options))
            listener = Listener(self.recorder, with_images=True)
            try:
                bring_up = BringUp(listener, children)
                bring_up.activate(node)
                bring_up.start(rig, node)
                self._watch(listener, children, view)
            finally:
                listener.close()
        return self.recorder.record()

    def _watch(self, listener: Listener, children: Children, view: LiveView) -> None:
        """Listen and show until the rig says that the scenario is over."""
        length_s, redraw_s = self.scenario.duration_s, 0.0
        end_s = time.monotonic() + length_s + _OVERTIME_S
        with view:
            while not listener.is_over:
                children.check()
                listener.spin(_TICK_S)
                now_s = time.monotonic()
                if now_s >= redraw_s:
                    redraw_s = now_s + _REDRAW_S
                    view.update(time.time_ns())
                if now_s > end_s:
                    raise RobustSegError(
                        f'the rig did not end its scenario of {length_s:.0f} s: is the machine '
                        'suspended or overloaded? See the logs'
                    )
        drained_s = time.monotonic() + _DRAIN_S
        while time.monotonic() < drained_s:
            listener.spin(_TICK_S)


def node_arguments(options: DemoOptions, scenario: Scenario, bundle: Bundle) -> list[str]:
    """Return the arguments of the segmentation node's process."""
    rates_hz = {m: float(scenario.rates_hz.get(m, options.rate_hz)) for m in Modality}
    return parameters(
        {
            'engine.bundle': bundle.path,
            'engine.backend': options.backend,
            **{f'inputs.{m}.expected_rate_hz': hz for m, hz in rates_hz.items()},
        }
    )


def _rig_arguments(options: DemoOptions) -> list[str]:
    return parameters(
        {
            'scenario': options.scenario_file,
            'rate_hz': float(options.rate_hz),
            'width_px': options.width_px,
            'height_px': options.height_px,
        }
    )


def _check_classes(bundle: Bundle) -> None:
    names = tuple(item.name for item in bundle.classes)
    if names != CLASS_NAMES:
        raise ConfigError(
            f'bundle {bundle.name} knows the classes {", ".join(names)}; the simulated street has '
            f'{", ".join(CLASS_NAMES)}: choose a bundle trained on it, such as sim'
        )
