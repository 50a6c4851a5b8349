"""The demo: starts rig and segmentation node as processes, plays a scenario, and reports.

Nothing here needs the ``ros2`` command: only rclpy.
"""

from __future__ import annotations

from dataclasses import dataclass
import os
from pathlib import Path
import time

from rich.console import Console

from mm_robust_seg.bundle import Bundle, find_bundle, load_bundle
from mm_robust_seg.errors import ConfigError, RobustSegError
from mm_robust_seg.files import shipped
from mm_robust_seg.modality import Modality
from mm_robust_seg.observation.log import DemoRecorder
from mm_robust_seg.observation.score import Summary
from mm_robust_seg.report.run.live import DemoView
from mm_robust_seg.report.run.report import write_report
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


def play(options: DemoOptions, console: Console) -> Summary:
    """Play the scenario and write the report; return its figures.

    Raises:
        RobustSegError: if it cannot be played; the message says what to do.
    """
    scenario = load_scenario(options.scenario or shipped('config/demo_scenario.yaml'))
    if scenario.moves_clock:
        raise ConfigError(
            'the scenario makes the clock jump, and the demo keeps the time of day: leave out the '
            'faults of the rig, or play them with mm-robust-seg rig'
        )
    bundle = load_bundle(find_bundle(options.bundle))
    _check_classes(bundle)
    recorder = DemoRecorder(bundle.classes)
    end = _Play(options, scenario, bundle, recorder, console).run()
    if recorder.problem is not None:
        console.print(f'masks could not be scored: {recorder.problem}', markup=False)
    console.print('drawing the report ...')
    return write_report(recorder.log(end['late'], end['skipped']), options.out)


def _check_classes(bundle: Bundle) -> None:
    names = tuple(item.name for item in bundle.classes)
    if names != CLASS_NAMES:
        raise ConfigError(
            f'bundle {bundle.name} knows the classes {", ".join(names)}; the simulated street has '
            f'{", ".join(CLASS_NAMES)}: choose a bundle trained on it, such as sim'
        )


class _Play:
    """One performance: processes, transitions, scenario."""

    def __init__(
        self,
        options: DemoOptions,
        scenario: Scenario,
        bundle: Bundle,
        recorder: DemoRecorder,
        console: Console,
    ) -> None:
        self._options, self._scenario, self._bundle = options, scenario, bundle
        self._recorder, self._console = recorder, console

    def run(self) -> dict[str, int]:
        """Play; return what the rig said at the end."""
        options = self._options
        domain_id = options.domain_id
        if domain_id is None:
            domain_id = quiet_domain()
        variables = ros_environment(domain_id, shipped('config/fastdds_profile.xml'))
        os.environ.update(variables)
        self._console.print(
            f'starting rig and segmentation node (ROS_DOMAIN_ID={domain_id}, bundle '
            f'{self._bundle.name}, logs in {options.out / "log"}) ...',
            highlight=False,
            soft_wrap=True,
        )
        with Children(variables, options.out / 'log') as children:
            node = children.start('segmentation', 'mm_robust_seg.ros.node.node', self._of_node())
            rig = children.start('rig', 'mm_robust_seg.ros.rig.node', self._of_rig())
            listener = Listener(self._recorder)
            try:
                bring_up = BringUp(listener, children)
                bring_up.activate(node)
                bring_up.start(rig, node)
                return self._watch(listener, children)
            finally:
                listener.close()

    def _of_node(self) -> list[str]:
        options, rates_hz = self._options, self._scenario.rates_hz
        rates = {
            f'inputs.{m}.expected_rate_hz': float(rates_hz.get(m, options.rate_hz))
            for m in Modality
        }
        return parameters(
            {'engine.bundle': self._bundle.path, 'engine.backend': options.backend, **rates}
        )

    def _of_rig(self) -> list[str]:
        options = self._options
        return parameters(
            {
                'scenario': (options.scenario or shipped('config/demo_scenario.yaml')).resolve(),
                'rate_hz': float(options.rate_hz),
                'width_px': options.width_px,
                'height_px': options.height_px,
            }
        )

    def _watch(self, listener: Listener, children: Children) -> dict[str, int]:
        """Hear and show the scenario until the rig says that it is over."""
        scenario = self._scenario
        end_s, redraw_s = time.monotonic() + scenario.duration_s + _OVERTIME_S, 0.0
        with DemoView(
            self._recorder, self._console, scenario.duration_s, len(scenario.phases)
        ) as view:
            while listener.end is None:
                children.check()
                listener.spin(_TICK_S)
                now_s = time.monotonic()
                if now_s >= redraw_s:
                    redraw_s = now_s + _REDRAW_S
                    view.update(time.time_ns())
                if now_s > end_s:
                    raise RobustSegError(
                        f'the rig did not end its scenario of {scenario.duration_s:.0f} s: is the '
                        'machine suspended or overloaded? See the logs'
                    )
        drained_s = time.monotonic() + _DRAIN_S
        while time.monotonic() < drained_s:
            listener.spin(_TICK_S)
        return dict(listener.end)
