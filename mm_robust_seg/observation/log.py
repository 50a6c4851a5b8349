"""What was observed while a scenario ran, and the recorder that collects it.

The recorder has no clock and no ROS: whoever listens to the topics tells it what came and when.
Stamps and arrivals are nanoseconds on one clock.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from itertools import islice
from typing import Any, TypeAlias

from numpy.typing import NDArray

from mm_robust_seg.bundle import SegmentationClass
from mm_robust_seg.errors import DataError
from mm_robust_seg.modality import COMPLETE, Modality, ModalitySet
from mm_robust_seg.scores.metrics import ConfusionMatrix
from mm_robust_seg.simulation.faults import Fault

Image: TypeAlias = NDArray[Any]

_SAMPLE_AT = 0.7
_SETTLE_NS = 500_000_000
_RECENT = 24


@dataclass(frozen=True)
class PhaseRecord:
    """A phase as it was played; ``start_ns`` is the stamp of its first capture."""

    name: str
    start_ns: int
    end_ns: int
    faults: Mapping[Modality, Fault]

    @property
    def live(self) -> ModalitySet:
        """The sensors that truly worked."""
        return COMPLETE - ModalitySet(self.faults)


@dataclass(frozen=True)
class FrameRecord:
    """One reference frame: a moment at which the rig captured.

    Attributes:
        arrival_ns: when its mask arrived; None if none came.
        combination: the sensors its mask was made from; None if not known.
        confusion: the mask against the truth; None without a mask.
    """

    stamp_ns: int
    arrival_ns: int | None = None
    combination: ModalitySet | None = None
    confusion: ConfusionMatrix | None = None


@dataclass(frozen=True)
class StateRecord:
    """What the node said about its sensors; reasons are those of ``dataflow.Reason``."""

    arrival_ns: int
    active: ModalitySet
    reasons: Mapping[Modality, str]


@dataclass(frozen=True)
class Sample:
    """The images of one reference frame: rgb8, 0.01 K, mm, class ids; missing ones never came."""

    stamp_ns: int
    images: Mapping[Modality, Image]
    truth: Image
    mask: Image | None


@dataclass(frozen=True)
class DemoLog:
    """Everything observed during one scenario.

    Attributes:
        frames: by stamp, without gaps: one for each capture whose truth was received.
        samples: one per phase, by the phase's index.
        late_frames: captures that the rig sent late, skipped ones that it did not send in time.
    """

    classes: Sequence[SegmentationClass]
    phases: Sequence[PhaseRecord]
    frames: Sequence[FrameRecord]
    states: Sequence[StateRecord]
    samples: Mapping[int, Sample]
    late_frames: int = 0
    skipped_frames: int = 0

    def frames_of(self, phase: PhaseRecord) -> list[FrameRecord]:
        """Return the reference frames captured in ``phase``."""
        return [f for f in self.frames if phase.start_ns <= f.stamp_ns < phase.end_ns]


@dataclass
class _Recent:
    """The newest images of one topic, by stamp."""

    images: dict[int, Image] = field(default_factory=dict)

    def keep(self, stamp_ns: int, image: Image) -> None:
        self.images[stamp_ns] = image
        for old in list(islice(self.images, max(0, len(self.images) - _RECENT))):
            del self.images[old]


class DemoRecorder:
    """Collects observations in any order of arrival and pairs them by stamp."""

    def __init__(self, classes: Sequence[SegmentationClass]) -> None:
        self.phases: list[PhaseRecord] = []
        self.states: list[StateRecord] = []
        self.problem: str | None = None
        self._classes = tuple(classes)
        self._frames: dict[int, FrameRecord] = {}
        self._unmatched: dict[int, FrameRecord] = {}
        self._truth, self._masks = _Recent(), _Recent()
        self._cameras = {modality: _Recent() for modality in Modality}
        self._sample_stamps: dict[int, int] = {}
        self._samples: dict[int, Sample] = {}

    def phase(self, record: PhaseRecord) -> None:
        """Note that a phase begins; one that is told again replaces itself."""
        self.phases = [p for p in self.phases if p.start_ns != record.start_ns]
        self.phases = sorted([*self.phases, record], key=lambda p: p.start_ns)

    def state(self, record: StateRecord) -> None:
        """Note what the node said about its sensors."""
        self.states.append(record)

    def image(self, modality: Modality, stamp_ns: int, image: Image) -> None:
        """Note a camera image."""
        self._cameras[modality].keep(stamp_ns, image)

    def used(self, stamp_ns: int, combination: ModalitySet) -> None:
        """Note which sensors the mask with this stamp was made from."""
        self._update(stamp_ns, combination=combination)

    def mask(self, stamp_ns: int, arrival_ns: int, labels: Image) -> None:
        """Note a mask."""
        self._masks.keep(stamp_ns, labels)
        self._update(stamp_ns, arrival_ns=arrival_ns)
        self._score(stamp_ns)

    def truth(self, stamp_ns: int, labels: Image) -> None:
        """Note the true labels of a capture: a reference frame."""
        self._truth.keep(stamp_ns, labels)
        self._frames[stamp_ns] = self._unmatched.pop(stamp_ns, FrameRecord(stamp_ns))
        self._score(stamp_ns)
        self._choose_sample(stamp_ns)

    @property
    def newest(self) -> list[FrameRecord]:
        """The frames of about the last two seconds, by stamp."""
        stamps = sorted(self._frames)[-_RECENT - _RECENT // 2 :]
        return [self._frames[stamp] for stamp in stamps]

    def log(self, late_frames: int = 0, skipped_frames: int = 0) -> DemoLog:
        """Return what was observed so far."""
        for index in list(self._sample_stamps):
            self._take_sample(index)
        return DemoLog(
            self._classes,
            tuple(self.phases),
            tuple(self._frames[stamp] for stamp in sorted(self._frames)),
            tuple(sorted(self.states, key=lambda state: state.arrival_ns)),
            dict(self._samples),
            late_frames,
            skipped_frames,
        )

    def _update(self, stamp_ns: int, **changes: Any) -> None:
        store = self._frames if stamp_ns in self._frames else self._unmatched
        store[stamp_ns] = replace(store.get(stamp_ns, FrameRecord(stamp_ns)), **changes)

    def _score(self, stamp_ns: int) -> None:
        truth, mask = self._truth.images.get(stamp_ns), self._masks.images.get(stamp_ns)
        if truth is None or mask is None:
            return
        confusion = ConfusionMatrix(len(self._classes))
        try:
            confusion.add(mask, truth)
        except DataError as error:
            self.problem = str(error)
        else:
            self._update(stamp_ns, confusion=confusion)

    def _choose_sample(self, stamp_ns: int) -> None:
        for index, phase in enumerate(self.phases):
            due_ns = phase.start_ns + int(_SAMPLE_AT * (phase.end_ns - phase.start_ns))
            if index not in self._sample_stamps and due_ns <= stamp_ns < phase.end_ns:
                self._sample_stamps[index] = stamp_ns
        for index, chosen_ns in self._sample_stamps.items():
            if stamp_ns >= chosen_ns + _SETTLE_NS:
                self._take_sample(index)

    def _take_sample(self, index: int) -> None:
        stamp_ns = self._sample_stamps[index]
        truth = self._truth.images.get(stamp_ns)
        if index in self._samples or truth is None:
            return
        images = {
            modality: recent.images[stamp_ns]
            for modality, recent in self._cameras.items()
            if stamp_ns in recent.images
        }
        self._samples[index] = Sample(stamp_ns, images, truth, self._masks.images.get(stamp_ns))
