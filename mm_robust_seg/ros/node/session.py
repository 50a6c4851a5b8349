# Copyright 2026 mm_robust_seg maintainers
# SPDX-License-Identifier: Apache-2.0

"""What exists from configure to cleanup: engine and departures, and while active the arrivals."""

from __future__ import annotations

from collections.abc import Callable
import traceback

from rclpy.node import Node
from sensor_msgs.msg import CameraInfo

from mm_robust_seg.build import build_pipeline
from mm_robust_seg.bundle import Bundle
from mm_robust_seg.config import Config
from mm_robust_seg.engine.base import Engine
from mm_robust_seg.errors import ConfigError
from mm_robust_seg.modality import Modality
from mm_robust_seg.pipeline import Pipeline
from mm_robust_seg.ros.node.arrivals import Arrivals
from mm_robust_seg.ros.node.departures import Departures
from mm_robust_seg.ros.node.present import PresentTime
from mm_robust_seg.ros.node.self_check_facts import SelfCheck
from mm_robust_seg.ros.node.threads.engine_thread import EngineThread, PATIENCE_S
from mm_robust_seg.ros.node.threads.load import Load
from mm_robust_seg.ros.node.threads.watchdog import Watchdog
from mm_robust_seg.ros.node.wake_calls import WakeCalls
from mm_robust_seg.ros.node.watch import StateWatch
from mm_robust_seg.transport import PublisherCount

_QUIET_S = 5.0
_LONGEST_REPORT = 8000


class Session:
    """Starts and stops what lies on the way from a camera message to a mask.

    Args:
        node: owns publishers, subscriptions and the clock.
        config: what to build.
        bundle: the model, verified.
    """

    def __init__(self, node: Node, config: Config, bundle: Bundle) -> None:
        self._node, self._config, self._bundle = node, config, bundle
        self._log = node.get_logger()
        self._camera_infos: dict[Modality, CameraInfo] = {}
        now_ns = PresentTime(node)
        self._load = Load(config.output.shed_load)
        self._departures = Departures(node, bundle, self._camera_infos, now_ns, self._load)
        self._engine_thread = EngineThread(
            self._build, self._departures.publish, self._report, now_ns, self._load.rest_s
        )
        self._is_enabled = True
        self._arrivals: Arrivals | None = None
        self._self_check: SelfCheck | None = None
        self._watchdog: Watchdog | None = None
        self._wake_calls: WakeCalls | None = None

    def start(self, is_cancelled: Callable[[], bool]) -> None:
        """Load and warm the engine on its thread; raises what went wrong there."""
        self._engine_thread.start(is_cancelled)
        self._log.info(f'bundle {self._bundle.name}: {self._engine_thread.description}')

    def close(self) -> bool:
        """Stop, and free the engine; False if its runtime does not return, and is left behind."""
        self.deactivate()
        has_ended = self._engine_thread.close()
        self._departures.close()
        return has_ended

    def activate(self) -> None:
        """Subscribe to the sensors and start to publish; on an error, do neither."""
        node, engine_thread, departures = self._node, self._engine_thread, self._departures
        self.reset()
        for modality in Modality:  # forget who published, or was refused, before
            engine_thread.note(PublisherCount(modality, 0))
        try:
            departures.publish_labels()
            self._arrivals = Arrivals(
                node, self._config.inputs, engine_thread, self._camera_infos, self._report
            )
            self._self_check = SelfCheck(node, self._config, self._arrivals, engine_thread)
            engine_thread.enable(self._is_enabled)
            self._wake_calls = WakeCalls(node, self._config.recovery)
            watch = StateWatch(
                node,
                engine_thread,
                self._arrivals,
                departures,
                self._self_check,
                self._wake_calls,
                self._load,
            )
            self._watchdog = Watchdog(watch.look, engine_thread.arrived, self._report)
        except Exception:
            self.deactivate()
            raise

    def deactivate(self) -> None:
        """Stop to publish and drop the subscriptions; the engine stays warm."""
        if self._watchdog is not None:
            self._watchdog.close()
            self._departures.publish_inactive()
        self._engine_thread.enable(False)
        if not self._engine_thread.drain() and self._arrivals is not None:
            self._log.error(f'the inference in hand has not ended within {PATIENCE_S:g} s')
        if self._arrivals is not None:
            self._arrivals.close()
        if self._wake_calls is not None:
            self._wake_calls.close()
        self._arrivals = self._self_check = self._watchdog = self._wake_calls = None

    @property
    def is_active(self) -> bool:
        """Whether it listens to the sensors."""
        return self._arrivals is not None

    def enable(self, is_enabled: bool) -> None:
        """Publish masks or not; the sensors are watched either way.

        It does not wait for the mask in hand: on this thread messages come, and would be missed.
        """
        self._is_enabled = is_enabled
        self._engine_thread.enable(is_enabled and self._arrivals is not None)

    def reset(self) -> None:
        """Forget all frames and verdicts; every sensor has its startup grace again."""
        self._engine_thread.ask(lambda pipeline, now_ns: pipeline.reset(now_ns))

    def self_check(self) -> list[str]:
        """Return one sentence for each input that is not as it should be.

        Raises:
            ConfigError: if the node is not active, and so has no inputs.
        """
        if self._self_check is None:
            raise ConfigError('the node is not active and listens to no input: activate it first')
        return self._self_check.run()

    def reconfigure(self, config: Config) -> None:
        """Apply live parameters; raises ConfigError where the model cannot follow."""
        self._engine_thread.ask(lambda pipeline, _: pipeline.reconfigure(config))
        self._engine_thread.wake()
        self._load.sheds = config.output.shed_load
        self._config = config

    def _report(self, error: Exception) -> None:
        """Log an exception with its traceback, at most every five seconds."""
        text = ''.join(traceback.format_exception(type(error), error, error.__traceback__))
        self._log.error(text[-_LONGEST_REPORT:], throttle_duration_sec=_QUIET_S)

    def _build(self, is_cancelled: Callable[[], bool]) -> tuple[Pipeline, Engine]:
        return build_pipeline(
            self._config, self._bundle, self._engine_thread.now_ns(), self._log.info, is_cancelled
        )
