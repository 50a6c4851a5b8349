# Copyright 2026 mm_robust_seg maintainers
# SPDX-License-Identifier: Apache-2.0

"""Watch all sensors: feed the checks, keep one state per sensor, notice jumps of the clock."""

from __future__ import annotations

from dataclasses import replace

from mm_robust_seg.config import Config
from mm_robust_seg.dataflow import (
    Frame,
    FrameSet,
    HealthLevel,
    HealthReport,
    Reason,
    Rejection,
    SensorHealth,
)
from mm_robust_seg.finding import Finding, READABLE, WITHOUT_IMAGES
from mm_robust_seg.modality import Modality, ModalitySet
from mm_robust_seg.stages.health.absence import absence, timeout_s, TopicStatus
from mm_robust_seg.stages.health.checks import checks_of
from mm_robust_seg.stages.health.damage import DamageWatch
from mm_robust_seg.stages.health.frame_statistics import measure
from mm_robust_seg.stages.health.history import ImageFormat, SensorHistory
from mm_robust_seg.stages.health.matching import Matching
from mm_robust_seg.stages.health.observation import Observation
from mm_robust_seg.stages.health.self_monitor import SelfMonitor
from mm_robust_seg.stages.health.skew import common_age_s
from mm_robust_seg.stages.health.state import SensorState
from mm_robust_seg.transport import (
    ClockPaused,
    HeldUp,
    PassedOver,
    PublisherCount,
    TransportNote,
)

_LOOP_WINDOW_NS = 1_000_000_000
_LOOPED_FRAMES = 2
_LOOPED_FRAMES_OF_THE_ONLY_SENSOR = 3
_LOSING_NS = 100_000_000
"""In less time the messages that wait are not too many for their queues."""
_OVERDUE_PERIODS = 1.25
_SHORTEST_GAP_NS = 25_000_000
"""A pause of ours that is not noticed, however short a sensor's timeout is."""


class HealthMonitor:
    """Say which sensors may be used.

    Every call is told the time. No sensor is blamed for time that was not monitored:

    - between two calls at most half a sensor's timeout passes for it, so a driver that was held
      up does not blame the sensors. Call ``assess`` more often than that;
    - while handling messages (from ``arrival_ns`` to ``now_ns`` of ``observe``) takes most of
      the time, frames that are late, few or missing are not the sensor's fault;
    - a message that is being decoded (``BeingDecoded``) or was passed over (``PassedOver``) came;
    - while messages could not be read (``HeldUp``), or all sensors in use are quiet at once, time
      does not count as silence, up to a bound;
    - while the clock stands still (``ClockPaused``), nothing is judged.

    Args:
        config: the inputs, the monitor's limits and the hysteresis.
        now_ns: the present; the startup grace begins.

    Attributes:
        clock_jumps: how often the clock jumped, or a bag began anew.
        passed_over: messages that were not decoded, of all sensors.

    Raises:
        PluginError: if a check that the configuration asks for cannot be used.
    """

    def __init__(self, config: Config, now_ns: int) -> None:
        self.clock_jumps = self.passed_over = 0
        self._config, self._checks = config, checks_of(config)
        self._topics = {m: TopicStatus() for m in Modality}
        self.reset(now_ns)

    def reset(self, now_ns: int) -> None:
        """Forget all sensors and begin a new startup grace, as after a jump of the clock."""
        enabled, hysteresis = self._config.inputs.enabled, self._config.hysteresis
        rates_hz = {m: self._config.inputs[m].expected_rate_hz for m in enabled}
        self._histories = {m: SensorHistory(now_ns, hz) for m, hz in rates_hz.items()}
        self._states = {m: SensorState(m, hysteresis, now_ns) for m in enabled}
        self._self_monitor = SelfMonitor(now_ns)
        self._matching = Matching()
        self._damage = DamageWatch()
        self._has_jumped = False

    def reconfigure(self, config: Config) -> None:
        """Use other limits from now on; verdicts stand.

        The enabled inputs and the extra checks must be the same.
        """
        self._config = config
        for state in self._states.values():
            state.hysteresis = config.hysteresis

    def observe(self, item: Frame | Rejection, now_ns: int) -> bool:
        """Take in one message of an enabled sensor.

        Returns:
            Whether masks may be made of it. A frame that nobody can use is left out alone, while
            its sensor stays in use.
        """
        self._advance(now_ns)
        if self._self_monitor.is_paused(now_ns):
            return isinstance(item, Frame)
        topic = self._topics[item.modality]
        self._topics[item.modality] = TopicStatus(heard_ns=topic.heard_after(item.arrival_ns))
        state, history = self._states[item.modality], self._histories[item.modality]
        history.received(item, topic.lost)
        self._attended(history)
        if topic.heard_ns is None or topic.heard_ns < item.arrival_ns:
            self._self_monitor.add_handling(item.arrival_ns, now_ns)
        is_delayed = self._self_monitor.is_overloaded or self._self_monitor.is_starved(now_ns)
        if is_delayed:
            for each in self._histories.values():
                each.restart()
        if isinstance(item, Rejection):
            evidence = {'rejected_messages': history.rejected, 'age_s': history.age_s}
            detail = '; '.join(filter(None, (item.detail, history.publishers.rivals)))
            state.judge([Finding(item.reason, detail, evidence)], now_ns)
            return False
        self._matching.came(item.modality, item.stamp_ns)
        digest, statistics = measure(item)
        is_at_rest = self._is_at_rest(item, digest)
        if history.images.frames == 1:  # a shut or frozen camera stands still for another reason
            self._damage.look(item, statistics, self._config)
        seen = Observation(
            item,
            statistics,
            history,
            state.health,
            self._skew_s(item.modality),
            self._matching.missing(item.modality, now_ns),
            is_at_rest,
            self._damage.finding(item.modality),
            is_delayed,
        )
        found = [finding for check in self._checks if (finding := check(seen, self._config))]
        if not any(finding.fails for finding in found):
            history.good_format = history.good_format or ImageFormat.of(item)
        state.judge(found, now_ns, is_new=history.images.frames == 1 or is_at_rest)
        if state.health.reason is Reason.SLOW and not state.health.usable:
            history.stamps.forget_steps()  # what a slow sensor leaves out is not lost
        is_trusted = state.health.usable or state.health.reason is Reason.RECOVERING
        is_of_no_use = any(finding.fails and finding.reason in WITHOUT_IMAGES for finding in found)
        return not (is_trusted and is_of_no_use)

    def served(self, frames: FrameSet, active: ModalitySet, now_ns: int) -> None:
        """Note what a mask is made of, and which sensors were in use."""
        self._matching.served(frames, active, now_ns)

    def note(self, note: TransportNote, now_ns: int) -> None:
        """Take in what the middleware tells besides the messages."""
        self._advance(now_ns)
        if isinstance(note, ClockPaused):
            self._self_monitor.pause(now_ns)
        elif isinstance(note, HeldUp):
            self._self_monitor.hold(note.since_ns, now_ns)
            if now_ns - note.since_ns >= _LOSING_NS:
                self._forget_steps()
        else:
            lost = self._topics[note.modality].lost
            self._topics[note.modality].update(note)
            history = self._histories.get(note.modality)
            if history and isinstance(note, PublisherCount):
                history.published(note, now_ns)
            elif history and isinstance(note, PassedOver):
                self.passed_over += 1
                stamp_ns = self._config.inputs[note.modality].stamp_ns(
                    note.stamp_ns, note.arrival_ns
                )
                history.came(stamp_ns, note.arrival_ns, lost)
                self._attended(history)

    def _forget_steps(self) -> None:
        """Count missing images anew: those of a time in which we could not read are our loss."""
        for history in self._histories.values():
            history.stamps.forget_steps()

    def _attended(self, history: SensorHistory) -> None:
        """Note that a message was read: what held us up before it explains no later silence."""
        history.handling_ns = self._self_monitor.handling_ns
        history.held_ns = self._self_monitor.held_ns

    def jumped(self, now_ns: int) -> bool:
        """Tell whether the clock jumped or a bag began anew; true until ``reset``.

        That is: time went back, or forward by more than a second since the last call, or the
        stamps of two sensors went back, or those of the only one that speaks, for good.
        """
        self._advance(now_ns)
        if not self._has_jumped and (self._self_monitor.has_jumped or self._has_looped(now_ns)):
            self._has_jumped = True
            self.clock_jumps += 1
        return self._has_jumped

    def _has_looped(self, now_ns: int) -> bool:
        """Tell whether the stamps went back for good while the clock went on."""

        def is_recent(time_ns: int | None) -> bool:
            return time_ns is not None and now_ns - time_ns <= _LOOP_WINDOW_NS

        living = [h.stamps for h in self._histories.values() if is_recent(h.arrivals.last_ns)]
        looped = [stamps for stamps in living if is_recent(stamps.went_back_ns)]
        if len(living) == 1 and looped:
            return looped[0].frames_since_back >= _LOOPED_FRAMES_OF_THE_ONLY_SENSOR
        return sum(stamps.frames_since_back >= _LOOPED_FRAMES for stamps in looped) > 1

    def assess(self, now_ns: int) -> HealthReport:
        """Return the verdicts on all sensors."""
        self._advance(now_ns)
        if self._self_monitor.quiet(self._are_quiet_at_once(now_ns), now_ns):
            self._forget_steps()
        for modality, state in self._states.items():
            topic, history = self._topics[modality], self._histories[modality]
            silence_s = self._silence_s(modality, now_ns)
            is_out = not state.health.usable
            finding = absence(modality, history, topic, silence_s, is_out, self._config)
            if finding:
                history.ended()
                state.fail(finding, now_ns)
        latencies_s = {m: h.stamps.median_age_s for m, h in self._histories.items()}
        taking_part = self._matching.taking_part(latencies_s, now_ns)
        return HealthReport(now_ns, {m: self._verdict(m, now_ns) for m in Modality}, taking_part)

    def _silence_s(self, modality: Modality, now_ns: int) -> float:
        """Return how long no message of a sensor came, as far as that is its own doing."""
        history, heard_ns = self._histories[modality], self._topics[modality].heard_ns
        held_ns = self._self_monitor.held_since_ns(history.held_ns)
        silence_s = self._self_monitor.monitored_s(
            history.arrivals.silence_s(now_ns, held_ns), history.handling_ns
        )
        return silence_s if heard_ns is None else min(silence_s, (now_ns - heard_ns) * 1e-9)

    def _are_quiet_at_once(self, now_ns: int) -> bool:
        """Tell whether the next message of every sensor in use, of several, is overdue.

        Not if the middleware says of one why nothing comes.
        """
        used = [m for m, state in self._states.items() if state.health.usable]
        is_explained = any(self._topics[m].is_cut_off for m in used)
        return (
            len(used) > 1
            and not is_explained
            and all(
                self._silence_s(m, now_ns) * self._histories[m].nominal.hz > _OVERDUE_PERIODS
                for m in used
            )
        )

    def _verdict(self, modality: Modality, now_ns: int) -> SensorHealth:
        if modality in self._states:
            health = self._states[modality].health
            damage = self._damage.told(modality)
            return replace(health, damage=damage) if damage else health
        return SensorHealth(
            modality, HealthLevel.OK, Reason.DISABLED, False, 'not enabled', now_ns
        )

    def _is_at_rest(self, frame: Frame, digest: int) -> bool:
        """Note an image; tell whether those of its sensor stay the same as the scene does."""
        history, limits = self._histories[frame.modality], self._config.monitor[frame.modality]
        age_s = min(max(history.age_s, 0.0), limits.max_age_s)
        images = history.images
        images.add(digest, frame.arrival_ns - round(age_s * 1e9), limits)
        seeing = READABLE | {Reason.RECOVERING}
        others = (
            self._histories[m].images
            for m, state in self._states.items()
            if m is not frame.modality and (state.health.usable or state.health.reason in seeing)
        )
        return images.is_long(limits) and images.is_of_scene(limits, others)

    def _skew_s(self, modality: Modality) -> float | None:
        """Return how far a sensor's stamps lie behind those of the others; None if unknown."""
        age_s = self._histories[modality].stamps.median_age_s
        ages_s = {
            m: other_age_s
            for m in self._config.sync.reference_order
            if m in self._states
            and (m is modality or self._states[m].health.usable)
            and (other_age_s := self._histories[m].stamps.median_age_s) is not None
        }
        skewed = {m for m in ages_s if self._states[m].health.reason is Reason.SKEW}
        common_s = common_age_s(ages_s, skewed)
        return None if age_s is None or common_s is None else age_s - common_s

    def _advance(self, now_ns: int) -> None:
        """Discount the time since the last call as far as it was not monitored, or paused."""
        gap_ns, was_paused = self._self_monitor.advance(now_ns)
        for modality, history in self._histories.items():
            half_ns = round(timeout_s(modality, history, self._config) * 0.5e9)
            counted_ns = 0 if was_paused else max(half_ns, _SHORTEST_GAP_NS)
            if gap_ns > counted_ns:
                history.discount(counted_ns, gap_ns, now_ns)
