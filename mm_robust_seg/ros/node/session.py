"""What exists from configure to cleanup: engine, outputs, and while active the inputs."""

from __future__ import annotations

from collections.abc import Callable
import traceback

from diagnostic_msgs.msg import DiagnosticStatus
from rclpy.node import Node

from mm_robust_seg.build import build_pipeline
from mm_robust_seg.bundle import Bundle
from mm_robust_seg.config import Config
from mm_robust_seg.dataflow import Job, RawImage, Segmentation
from mm_robust_seg.engine.base import Engine
from mm_robust_seg.errors import ConfigError
from mm_robust_seg.modality import Modality
from mm_robust_seg.pipeline import Pipeline
from mm_robust_seg.ros.node import diagnostics
from mm_robust_seg.ros.node.arrivals import Inputs
from mm_robust_seg.ros.node.departures import Outputs
from mm_robust_seg.ros.node.diagnostics import Deliveries, Delivery
from mm_robust_seg.ros.node.engine_thread import Watchdog, Worker
from mm_robust_seg.ros.node.self_check_facts import SelfCheck
from mm_robust_seg.ros.node.watch import StateWatch
from mm_robust_seg.transport import PublisherCount

_QUIET_S = 5.0


class Session:
    """The engine with its inputs and outputs, for one configuration.

    Args:
        node: owns publishers, subscriptions and the clock.
        config: what to build.
        bundle: the model, verified.
    """

    def __init__(self, node: Node, config: Config, bundle: Bundle) -> None:
        self._node, self._config, self._bundle = node, config, bundle
        self._name = node.get_fully_qualified_name().lstrip('/')
        self._log = node.get_logger()
        self._outputs = Outputs(node, bundle)
        self._worker = Worker(self._build, self._deliver, self.report, self.now_ns)
        self._deliveries = Deliveries()
        self._engine = self._trouble = ''
        self._is_enabled = True
        self._inputs: Inputs | None = None
        self._self_check: SelfCheck | None = None
        self._watch: StateWatch | None = None
        self._watchdog: Watchdog | None = None

    def now_ns(self) -> int:
        """Return the present on the node's clock."""
        return int(self._node.get_clock().now().nanoseconds)

    def start(self, is_cancelled: Callable[[], bool]) -> None:
        """Load and warm the engine on its thread; raises what went wrong there."""
        self._worker.start(is_cancelled)
        self._log.info(f'bundle {self._bundle.name}: {self._engine}')

    def close(self) -> None:
        """Stop, and free the engine."""
        self.deactivate()
        self._worker.close()
        self._outputs.close()

    def activate(self) -> None:
        """Subscribe to the sensors and start to publish; on an error, do neither."""
        self.reset()
        self._worker.ask(_forget_publishers)
        try:
            self._outputs.publish_labels()
            self._inputs = Inputs(
                self._node, self._config.inputs, self._receive, self._worker.ask, self.report
            )
            self._self_check = SelfCheck(self._node, self._config, self._inputs, self._worker)
            self._worker.enable(self._is_enabled)
            self._watch = StateWatch(
                self._node,
                self._worker,
                self._inputs,
                self._outputs,
                self._self_check,
                self._own_statuses,
            )
            self._watchdog = Watchdog(self._watch.tick, self.report)
        except Exception:
            self.deactivate()
            raise

    def deactivate(self) -> None:
        """Stop to publish and drop the subscriptions; the engine stays warm."""
        if self._watchdog is not None:
            self._watchdog.close()
            self._outputs.publish_inactive(self._name)
        self._worker.enable(False)
        self._worker.settle()
        if self._inputs is not None:
            self._inputs.close()
        self._inputs = self._self_check = self._watch = self._watchdog = None

    def enable(self, is_enabled: bool) -> None:
        """Publish masks or not; the sensors are watched either way.

        It does not wait for the mask in hand: on this thread messages come, and would be missed.
        """
        self._is_enabled = is_enabled
        self._worker.enable(is_enabled and self._inputs is not None)

    def reset(self) -> None:
        """Forget all frames and verdicts; every sensor has its startup grace again."""
        self._worker.ask(lambda pipeline, now_ns: pipeline.reset(now_ns))

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
        self._worker.ask(lambda pipeline, _: pipeline.reconfigure(config))
        self._worker.wake()
        self._config = config

    def report(self, error: Exception) -> None:
        """Log an exception with its traceback, at most every five seconds."""
        text = ''.join(traceback.format_exception(type(error), error, error.__traceback__))
        self._log.error(text, throttle_duration_sec=_QUIET_S)

    def _build(self, is_cancelled: Callable[[], bool]) -> tuple[Pipeline, Engine]:
        pipeline, engine = build_pipeline(
            self._config, self._bundle, self.now_ns(), self._log.info, is_cancelled
        )
        self._engine = engine.description
        return pipeline, engine

    def _receive(self, raw: RawImage, arrival_ns: int) -> None:
        if arrival_ns == 0:
            self._log.warning(
                'use_sim_time is set, but nothing publishes /clock: images are ignored; '
                'play the bag with --clock 200',
                throttle_duration_sec=_QUIET_S,
            )
            return
        if raw.modality is Modality.DEPTH and raw.encoding == 'mono16':
            self._log.warning('depth comes as mono16: taken as 16UC1, millimetres', once=True)
        self._worker.offer(raw, arrival_ns)
        if self._watch is not None and self._watchdog is not None and self._watch.is_idle:
            self._watchdog.wake()

    def _deliver(self, pipeline: Pipeline, job: Job) -> None:
        """Run one job and publish everything about it, the mask first."""
        result = self._run(pipeline, job)
        inputs = self._inputs
        info = inputs.camera_info(result.reference.modality) if inputs is not None else None
        self._outputs.publish_mask(result, info)
        adapter = self._bundle.adapters.get(result.combination)
        delivery = Delivery(
            result,
            opened_ns=job.frames.opened_ns,
            published_ns=self.now_ns(),
            adapter=adapter.stem if adapter is not None else 'none',
        )
        self._deliveries.add(delivery)
        self._outputs.publish_frame_info(
            result, diagnostics.frame_info(f'{self._name}: frame', delivery)
        )
        self._outputs.publish_pictures(result, job.frames.frames.get(Modality.THERMAL))

    def _run(self, pipeline: Pipeline, job: Job) -> Segmentation:
        try:
            result = pipeline.run(job)
        except Exception as error:
            self._trouble = str(error)
            raise
        self._trouble = ''
        return result

    def _own_statuses(self, now_ns: int) -> list[DiagnosticStatus]:
        counters = self._worker.ask(lambda pipeline, _: pipeline.counters)
        summary = self._deliveries.summary(now_ns)
        return [
            diagnostics.engine_status(
                self._name,
                self._engine,
                counters['engine_failures'],
                self._trouble,
                {'bundle': self._bundle.name},
            ),
            diagnostics.output_status(self._name, self._is_enabled, {**summary, **counters}),
        ]


def _forget_publishers(pipeline: Pipeline, now_ns: int) -> None:
    """Forget who published, and who was refused, when the node last listened."""
    for modality in Modality:
        pipeline.note(PublisherCount(modality, 0), now_ns)
