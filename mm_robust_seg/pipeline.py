# Copyright 2026 mm_robust_seg maintainers
# SPDX-License-Identifier: Apache-2.0

"""The order of the stages: observe, synchronise, assess, choose, preprocess, switch, infer, mask.

Nothing here reads a clock, waits, logs or starts a thread. ``decode`` may run anywhere, ``run``,
which is slow, on one thread, both without a lock; all else is quick, on one thread at a time.
"""

from __future__ import annotations

from mm_robust_seg.config import Config
from mm_robust_seg.dataflow import Frame, HealthReport, Job, RawImage, Rejection, Segmentation
from mm_robust_seg.engine.base import Engine
from mm_robust_seg.modalities.input_spec import InputSpec
from mm_robust_seg.modality import ModalitySet
from mm_robust_seg.stages import mask, preprocess, sensors, Stage
from mm_robust_seg.stages.adapter_switch import AdapterSwitch
from mm_robust_seg.stages.combination import CombinationPolicy
from mm_robust_seg.stages.future_stamps import FutureStamps
from mm_robust_seg.stages.health import HealthMonitor
from mm_robust_seg.stages.motion import SceneMotion
from mm_robust_seg.stages.rate_limit import RateLimit
from mm_robust_seg.stages.synchronizer import Synchronizer
from mm_robust_seg.transport import TransportNote


class Pipeline:
    """Images in, masks out; ``active`` is the combination that the last ``assess`` chose."""

    def __init__(self, config: Config, inputs: InputSpec, engine: Engine, now_ns: int) -> None:
        self._config, self._inputs, self.active = config, inputs, ModalitySet()
        self._health = HealthMonitor(config, now_ns)
        self._future_stamps = FutureStamps(config, now_ns)
        self._synchronizer = Synchronizer(config)
        self._motion = SceneMotion(config)
        self._policy = CombinationPolicy(config, engine.combinations)
        self._rate_limit = RateLimit(config)
        self._switch = AdapterSwitch(engine)
        self._stages: list[Stage] = [self._policy, self._health, self._future_stamps]
        self._stages += [self._synchronizer, self._motion, self._rate_limit]

    def decode(self, raw: RawImage, now_ns: int) -> Frame | Rejection:
        """Decode one image message that arrived at ``now_ns``."""
        return sensors.decode(raw, self._config.inputs, now_ns)

    def admit(self, item: Frame | Rejection, now_ns: int) -> None:
        """Observe a decoded message of an enabled sensor, and hand it to the synchroniser."""
        if self._health.jumped(now_ns):
            self.reset(now_ns)
        if self._config.inputs[item.modality].enabled:
            is_fit = self._health.observe(item, now_ns)
            if isinstance(item, Frame) and is_fit and self._future_stamps.admits(item, now_ns):
                if self._future_stamps.have_ended:
                    self._synchronizer.forget_frames()
                self._synchronizer.offer(item)
                self._motion.observe(item)

    def assess(self, now_ns: int) -> HealthReport:
        """Return the verdicts on all sensors; they decide on the combination."""
        if self._health.jumped(now_ns):
            self.reset(now_ns)
        report = self._health.assess(now_ns)
        self.active = self._policy.choose(report, now_ns)
        return report

    def take(self, now_ns: int) -> Job | None:
        """Decide on the next mask, if one is due."""
        report = self.assess(now_ns)
        frames = self._synchronizer.take(now_ns, self.active)
        combination = self._policy.serve(frames.members, report) if frames else None
        if frames is None or combination is None or not self._rate_limit.admits(now_ns):
            return None
        self._synchronizer.mark_in_use(now_ns)
        self._health.served(frames, self.active, now_ns)
        return Job(frames, combination, report)

    def run(self, job: Job) -> Segmentation:
        """Make the mask; raises EngineError if inference fails with fewer sensors too."""
        ranked, frames = self._config.sync.reference_order, job.frames.frames
        known = {m: frames[m] for m in ranked if m in job.combination}
        inputs = preprocess.prepare(known, self._inputs, job.report.damaged)
        inputs, _ = self._motion.compensate(inputs, job.frames, list(known))
        combination, prediction, switched = self._switch.infer(job.combination, inputs)
        return mask.segmentation(job, combination, prediction, ranked, switched)

    def offer(self, raw: RawImage, now_ns: int) -> Frame | Rejection:
        """Take in one image message: ``decode`` and ``admit``; return what became of it."""
        item = self.decode(raw, now_ns)
        self.admit(item, now_ns)
        return item

    def step(self, now_ns: int) -> Segmentation | None:
        """Make the next mask, if one is due: ``take`` and ``run``."""
        job = self.take(now_ns)
        return self.run(job) if job else None

    def note(self, note: TransportNote, now_ns: int) -> None:
        """Take in what the middleware tells besides the images."""
        self._health.note(note, now_ns)

    def rested(self) -> None:
        """Note that no set was wanted for a while: those passed over meanwhile are no overload."""
        self._synchronizer.rested()

    @property
    def next_deadline_ns(self) -> int | None:
        """When ``take`` has work even if nothing more arrives; None if it will not."""
        return self._synchronizer.next_deadline_ns

    @property
    def counters(self) -> dict[str, int]:
        """What did not become a mask or went wrong, and how often."""
        return {
            **self._synchronizer.counters,
            'rate_limited': self._rate_limit.refused,
            'clock_jumps': self._health.clock_jumps,
            'passed_over': self._health.passed_over,
            'engine_failures': self._switch.failures,
        }

    def reset(self, now_ns: int) -> None:
        """Forget frames and verdicts and begin a new startup grace; the engine stays warm."""
        for stage in self._stages:
            stage.reset(now_ns)

    def reconfigure(self, config: Config) -> None:
        """Use other live parameters from now on; on an error, nothing changes."""
        self._config.require_same_model(config)
        for stage in self._stages:  # the policy first: it may refuse
            stage.reconfigure(config)
        self._config = config
