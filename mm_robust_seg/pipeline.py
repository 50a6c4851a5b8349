"""The order of the stages: observe, synchronise, assess, choose, switch, preprocess, infer, mask.

Nothing here reads a clock, waits, logs or starts a thread: ROS, replay and tests drive the same
pipeline with their own time.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from mm_robust_seg.bundle import InputSpec
from mm_robust_seg.config import Config, HysteresisConfig, PolicyConfig
from mm_robust_seg.dataflow import (
    Frame,
    FrameSet,
    HealthReport,
    RawImage,
    Rejection,
    Segmentation,
)
from mm_robust_seg.engine.base import Engine
from mm_robust_seg.errors import ConfigError
from mm_robust_seg.modality import Modality, ModalitySet
from mm_robust_seg.stages import mask
from mm_robust_seg.stages.adapter_switch import AdapterSwitch
from mm_robust_seg.stages.combination import CombinationPolicy
from mm_robust_seg.stages.health import HealthMonitor
from mm_robust_seg.stages.preprocess import prepare
from mm_robust_seg.stages.rate_limit import RateLimit
from mm_robust_seg.stages.sensors import decode
from mm_robust_seg.stages.synchronizer import NOTHING_COUNTED, Synchronizer

_ALL_AHEAD_NS = 1_000_000_000
"""Without a stamp of the present for this long, sets are made of stamps from the future."""


@dataclass(frozen=True)
class Job:
    """What was decided for one mask; an empty ``combination`` asks for an unlabeled one."""

    frames: FrameSet
    combination: ModalitySet
    report: HealthReport


class Pipeline:
    """Images in, masks out.

    ``run`` is slow and belongs to one worker, without a lock; ``decode`` may run anywhere.
    Everything else is quick and shares state: call it from one thread at a time.

    Raises:
        ConfigError: if ``policy.force_set`` is not a combination of the engine.
    """

    def __init__(self, config: Config, inputs: InputSpec, engine: Engine, now_ns: int) -> None:
        self._config = config
        self._inputs = inputs
        self._synchronizer = _synchronizer(config)
        self._health = HealthMonitor(config, now_ns)
        self._policy = CombinationPolicy(*_policy_settings(config), engine.combinations)
        self._switch = AdapterSwitch(engine)
        self._limit = RateLimit(config.output.max_rate_hz)
        self._period_ns = round(1e9 / _highest_rate_hz(config))
        self._active = ModalitySet()
        self._previous: ModalitySet | None = None
        self._busy_since_ns: int | None = None
        self._present_ns, self._is_ahead = now_ns, False
        self._jumps = self._limited = self._overload = 0

    def offer(self, raw: RawImage, now_ns: int) -> Frame | Rejection:
        """Take in one image message that arrived at ``now_ns``; return what became of it."""
        item = self.decode(raw, now_ns)
        self.admit(item, now_ns)
        return item

    def decode(self, raw: RawImage, now_ns: int) -> Frame | Rejection:
        """Decode one message that arrived at ``now_ns``; touches no state, needs no lock."""
        return decode(raw, self._config.inputs, now_ns)

    def admit(self, item: Frame | Rejection, now_ns: int) -> None:
        """Observe a decoded message, and hand it to the synchroniser."""
        self._settle(now_ns)
        if self._config.inputs[item.modality].enabled:
            self._health.observe(item, now_ns)
            if isinstance(item, Frame) and self._is_of_now(item, now_ns):
                self._synchronizer.offer(item, now_ns)

    def take(self, now_ns: int) -> Job | None:
        """Decide on the next mask, if one is due."""
        report = self.assess(now_ns)
        frames = self._next_set(now_ns)
        if frames is None or not self._config.inputs.required <= report.usable:
            return None
        combination = self._policy.serve(self._active, frames.members)
        wants_unlabeled = not self._active and self._config.policy.on_none == 'unlabeled'
        if not combination and not wants_unlabeled:
            return None
        if not self._limit.admits(now_ns):
            self._limited += 1
            return None
        self._busy_since_ns = now_ns
        return Job(frames, combination, report)

    def run(self, job: Job) -> Segmentation:
        """Make the mask.

        Raises:
            EngineError: if inference failed, was tried again, and failed with the next smaller
                combination too.
        """
        combination, frames, inference_s = job.combination, job.frames.frames, 0.0
        if combination:
            self._switch.select(combination)
            inputs = prepare({m: frames[m] for m in combination}, self._inputs)
            prediction = self._switch.infer(inputs)
            combination, inference_s = self._switch.active, prediction.duration_s
        reference = self._reference(frames, combination or job.frames.members)
        height_px, width_px = reference.image.shape[:2]
        labels, confidence = (
            mask.to_reference(prediction, height_px, width_px)
            if combination
            else mask.unlabeled(height_px, width_px)
        )
        switched = self._previous not in (None, combination)
        self._previous = combination
        return Segmentation(
            labels=labels,
            confidence=confidence,
            reference=reference,
            combination=combination,
            report=job.report,
            skew_s=job.frames.skew_s,
            wait_s=job.frames.wait_s,
            inference_s=inference_s,
            switched=switched,
        )

    def step(self, now_ns: int) -> Segmentation | None:
        """Make the next mask, if one is due: ``take`` and ``run``."""
        job = self.take(now_ns)
        return self.run(job) if job else None

    def assess(self, now_ns: int) -> HealthReport:
        """Return the verdicts on all sensors; they decide on the combination."""
        self._settle(now_ns)
        report = self._health.assess(now_ns)
        self._active = self._policy.choose(report, now_ns)
        return report

    def rested(self) -> None:
        """Note that no set was wanted for a while: those passed over meanwhile are no overload."""
        self._busy_since_ns = None

    def publishers(self, modality: Modality, count: int, now_ns: int) -> None:
        """Note how many publish a sensor's topic."""
        self._health.publishers(modality, count, now_ns)

    def lost(self, modality: Modality, count: int, now_ns: int) -> None:
        """Note that ``count`` more messages of a sensor were lost on the way."""
        self._health.lost(modality, count, now_ns)

    def incompatible_qos(self, modality: Modality, policy: str, now_ns: int) -> None:
        """Note that a publisher was refused for its QoS ``policy``, such as RELIABILITY."""
        self._health.incompatible_qos(modality, policy, now_ns)

    def paused(self, now_ns: int) -> None:
        """Note that the clock stands still: no sensor is judged until it goes on."""
        self._health.paused(now_ns)

    @property
    def active(self) -> ModalitySet:
        """The combination chosen by the last ``assess``; empty if no sensor is usable."""
        return self._active

    @property
    def next_deadline_ns(self) -> int | None:
        """When ``take`` has work even if nothing more arrives; None if it will not."""
        return self._synchronizer.next_deadline_ns

    @property
    def counters(self) -> Mapping[str, int]:
        """What did not become a mask or went wrong, and how often.

        ``overload``: the ``skipped`` frame sets that came while one job kept the worker busy.
        """
        return {
            **self._synchronizer.counters,
            'overload': self._overload,
            'rate_limited': self._limited,
            'clock_jumps': self._jumps,
            'engine_failures': self._switch.failures,
        }

    def reset(self, now_ns: int) -> None:
        """Forget frames and verdicts and begin a new startup grace; the engine stays warm."""
        self._synchronizer.reset()
        self._health.reset(now_ns)
        self._policy.reset()
        self._busy_since_ns = None
        self._present_ns, self._is_ahead = now_ns, False
        self._limit = RateLimit(self._config.output.max_rate_hz)

    def reconfigure(self, config: Config) -> None:
        """Use other live parameters from now on; on an error, nothing changes.

        Verdicts, the choice of sensors with its dwell, and counters are kept.

        Raises:
            ConfigError: if engine or inputs differ, or the forced combination is not supported.
        """
        if (config.engine, config.inputs) != (self._config.engine, self._config.inputs):
            raise ConfigError(
                'engine and inputs cannot change while the pipeline runs: build a new one'
            )
        self._policy.reconfigure(*_policy_settings(config))
        self._health.reconfigure(config)
        if config.sync != self._config.sync:
            self._synchronizer = _synchronizer(config, self._synchronizer.counters)
        if config.output != self._config.output:
            self._limit = RateLimit(config.output.max_rate_hz)
        self._config = config

    def _is_of_now(self, frame: Frame, now_ns: int) -> bool:
        """Tell whether sets may reach the time of a frame.

        After a set from the future all others would be late. So there are such sets only while
        no sensor speaks of the present, and the first that does ends them.
        """
        limit_s = self._config.monitor[frame.modality].max_future_s
        if frame.stamp_ns - frame.arrival_ns > limit_s * 1e9:
            self._is_ahead |= now_ns - self._present_ns > _ALL_AHEAD_NS
            return self._is_ahead
        if self._is_ahead:
            self._synchronizer.reset()
        self._present_ns, self._is_ahead = now_ns, False
        return True

    def _next_set(self, now_ns: int) -> FrameSet | None:
        """Return the newest due set; if a job just ended, the sets it made us skip count."""
        skipped = self._synchronizer.counters['skipped']
        frames = self._synchronizer.take(now_ns, self._active)
        if self._busy_since_ns is not None and now_ns - self._busy_since_ns > self._period_ns:
            self._overload += self._synchronizer.counters['skipped'] - skipped
        self._busy_since_ns = None
        return frames

    def _settle(self, now_ns: int) -> None:
        """Begin anew if the clock jumped: no sensor is to blame for it."""
        if self._health.jumped(now_ns):
            self._jumps += 1
            self.reset(now_ns)

    def _reference(self, frames: Mapping[Modality, Frame], used: ModalitySet) -> Frame:
        return next(frames[m] for m in self._config.sync.reference_order if m in used)


def _synchronizer(config: Config, counters: Mapping[str, int] = NOTHING_COUNTED) -> Synchronizer:
    rates_hz = {m: config.inputs[m].expected_rate_hz for m in config.inputs.enabled}
    return Synchronizer(config.sync, rates_hz, counters)


def _highest_rate_hz(config: Config) -> float:
    return max(config.inputs[m].expected_rate_hz for m in config.inputs.enabled)


def _policy_settings(
    config: Config,
) -> tuple[PolicyConfig, HysteresisConfig, tuple[Modality, ...]]:
    return config.policy, config.hysteresis, config.sync.reference_order
