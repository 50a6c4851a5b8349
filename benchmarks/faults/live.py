# Copyright 2026 mm_robust_seg maintainers
# SPDX-License-Identifier: Apache-2.0

"""Play a plan of faults through rig and node, each a process of its own, over DDS."""

from __future__ import annotations

from argparse import ArgumentParser, Namespace
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field, fields
import os
from pathlib import Path
import time

import yaml

from benchmarks.faults.observer import Observer
from benchmarks.faults.plan import duration_s, needs_reliability, Plan, QOS_SENSOR, scenario
from benchmarks.faults.shares import Measured
from mm_robust_seg.bundle import find_bundle
from mm_robust_seg.errors import RobustSegError
from mm_robust_seg.files import shipped
from mm_robust_seg.modality import Modality
from mm_robust_seg.ros.processes.bring_up import BringUp
from mm_robust_seg.ros.processes.children import (
    Children,
    parameters,
    quiet_domain,
    ros_environment,
)
from mm_robust_seg.signals import termination_interrupts

START_UP_S = 15.0
"""About what starting, rendering and ending take, for the estimate of the time left."""

_CLOCK_HZ = 200.0
_LOOP_S = 5.0
_OVERTIME_S = 30.0
_DRAIN_S = 1.0
_TICK_S = 0.05


@dataclass(frozen=True)
class Setup:
    """How a plan is played.

    Attributes:
        rates_hz: of sensors that differ from ``rate_hz``, by name.
        jitter_ratio, loss_ratio: of all streams, as in the scenario file.
        has_clock: whether the rig publishes /clock and the node follows it.
    """

    bundle: str = 'sim'
    backend: str = 'auto'
    rate_hz: float = 30.0
    width_px: int = 320
    height_px: int = 240
    seed: int = 7
    rates_hz: Mapping[str, float] = field(default_factory=dict)
    jitter_ratio: float = 0.0
    loss_ratio: float = 0.0
    has_clock: bool = False

    @classmethod
    def of(cls, arguments: Namespace) -> Setup:
        """Return what the arguments say; see ``add_arguments``."""
        given = vars(arguments)
        return cls(**{f.name: given[f.name] for f in fields(cls) if f.name in given})

    @property
    def period_ns(self) -> int:
        """Time between two captures."""
        return round(1e9 / self.rate_hz)

    @property
    def sensor_rates_hz(self) -> dict[Modality, float]:
        """The frame rate of each sensor."""
        return {m: self.rates_hz.get(str(m), self.rate_hz) for m in Modality}


def add_arguments(parser: ArgumentParser) -> None:
    """Add the options of a setup, and where results go."""
    add = parser.add_argument
    add('--bundle', default='sim', help='model (sim)')
    add('--backend', default='auto', help='engine.backend (auto)')
    add('--rate-hz', type=float, default=30.0, help='frame rate of the cameras (30)')
    add(
        '--rates-hz',
        type=_rates_hz,
        default={},
        metavar='NAME=HZ,...',
        help='of cameras that are slower, such as thermal=9,depth=15',
    )
    add('--width-px', type=int, default=320, help='image width (320)')
    add('--height-px', type=int, default=240, help='image height (240)')
    add('--seed', type=int, default=7, help='of faults and rig (7)')
    add('--out', type=Path, default=Path('out/bench'), help='folder for the results (out/bench)')


def _rates_hz(text: str) -> dict[str, float]:
    """Parse ``thermal=9,depth=15``."""
    pairs = (item.partition('=') for item in text.split(',') if item)
    rates = {Modality(name).value: float(value) for name, _, value in pairs}
    if not all(rate > 0 for rate in rates.values()):
        raise ValueError(f'{text}: expected rates above 0')
    return rates


@contextmanager
def ending_in_order(logs: Path) -> Iterator[None]:
    """End with one line on an error or a signal; all processes are ended by then."""
    try:
        with termination_interrupts():
            yield
    except RobustSegError as error:
        raise SystemExit(f'error: {error}\nLogs: {logs}') from error
    except KeyboardInterrupt:
        raise SystemExit('interrupted: all processes were ended, nothing was written') from None


class Run:
    """A plan that is being played.

    Attributes:
        node: the process of the segmentation node, active when the run begins.
        observer: listens to it.
    """

    def __init__(self, children: Children, plan: Plan, setup: Setup, scenario: Path) -> None:
        self.node = children.start(
            'segmentation', 'mm_robust_seg.ros.node.node', _of_node(plan, setup)
        )
        self._rig = children.start('rig', 'mm_robust_seg.ros.rig.node', _of_rig(setup, scenario))
        self._children, self._plan = children, plan
        self.observer = Observer(plan)
        self.bring_up = BringUp(self.observer, children)

    def play(self, tick: Callable[[float], None]) -> Measured:
        """Play the plan to its end; ``tick`` is told the seconds since the start, often.

        Raises:
            RobustSegError: if a process ends, or the rig does not come to the end.
        """
        self.bring_up.start(self._rig, self.node)
        start_s, length_s = time.monotonic(), duration_s(self._plan)
        while not self.observer.is_over:
            self._children.check()
            self.observer.spin(_TICK_S)
            now_s = time.monotonic() - start_s
            tick(now_s)
            if now_s > length_s + _OVERTIME_S:
                raise RobustSegError(
                    f'the rig did not end its {length_s:.0f} s: is the machine overloaded? See '
                    'the logs'
                )
        self.rest(_DRAIN_S)
        return self.observer.measured()

    def rest(self, for_s: float) -> None:
        """Listen to what still comes."""
        end_s = time.monotonic() + for_s
        while time.monotonic() < end_s:
            self._children.check()
            self.observer.spin(_TICK_S)


@contextmanager
def running(plan: Plan, setup: Setup, folder: Path) -> Iterator[Run]:
    """Start rig and node, and activate the node; all processes end with the block.

    Args:
        plan: what the rig will play.
        setup: with which model, rates and disturbances.
        folder: takes the scenario and the logs.
    """
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / 'scenario.yaml'
    content = scenario(
        plan,
        setup.seed,
        rates_hz=dict(setup.rates_hz),
        jitter_ratio=setup.jitter_ratio,
        loss_ratio=setup.loss_ratio,
    )
    path.write_text(yaml.safe_dump(content, sort_keys=False), encoding='utf-8')
    variables = ros_environment(quiet_domain(), shipped('config/fastdds_profile.xml'))
    os.environ.update(variables)
    with Children(variables, folder) as children:
        run = Run(children, plan, setup, path.resolve())
        try:
            run.bring_up.activate(run.node)
            yield run
        finally:
            run.observer.close()


def _of_node(plan: Plan, setup: Setup) -> list[str]:
    values: dict[str, object] = {
        'engine.bundle': find_bundle(setup.bundle).resolve(),
        'engine.backend': setup.backend,
        'use_sim_time': setup.has_clock,
    }
    if needs_reliability(plan):
        topic = f'/{QOS_SENSOR}/image'
        values[f'qos_overrides.{topic}.subscription.reliability'] = 'reliable'
    return parameters(values)


def _of_rig(setup: Setup, scenario: Path) -> list[str]:
    return parameters(
        {
            'scenario': scenario,
            'rate_hz': float(setup.rate_hz),
            'width_px': setup.width_px,
            'height_px': setup.height_px,
            'loop_s': _LOOP_S,
            'clock_hz': _CLOCK_HZ if setup.has_clock else 0.0,
        }
    )
