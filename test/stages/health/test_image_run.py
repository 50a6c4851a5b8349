# Copyright 2026 mm_robust_seg maintainers
# SPDX-License-Identifier: Apache-2.0

"""Whether equal images are those of a frozen camera or of a scene at rest, for any streams."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from hypothesis import given, settings
from hypothesis import strategies as st

from mm_robust_seg.config import RgbMonitorConfig
from mm_robust_seg.stages.health.image_run import ImageRun
from mm_robust_seg.stages.health.nominal_rate import NominalRate

LIMITS = RgbMonitorConfig()
S = 1_000_000_000
REST_S, DRIVE_S, END_S = 3.0, 8.0, 11.0


@dataclass(frozen=True)
class Camera:
    rate_hz: float
    phase: float
    latency_s: float

    def images(self) -> Iterator[tuple[float, float]]:
        """Yield when each image comes and was taken, in seconds."""
        for number in range(int(END_S * self.rate_hz)):
            taken_s = (number + self.phase) / self.rate_hz
            yield taken_s + self.latency_s, taken_s


CAMERAS = st.builds(
    Camera,
    st.sampled_from([5.0, 9.0, 15.0, 30.0, 60.0]),
    st.floats(0, 1),
    st.sampled_from([0.0, 0.02, 0.1, 0.4]),
)


def judged(
    cameras: Sequence[Camera], frozen: int | None = None
) -> Iterator[tuple[int, float, bool | None]]:
    """Yield of each image its camera, arrival and whether it is of a scene at rest; None: changes.

    The scene rests from ``REST_S`` to ``DRIVE_S``. A camera that freezes does so at ``REST_S``,
    for good, and then the scene never rests.
    """
    runs = [ImageRun(0, NominalRate(camera.rate_hz)) for camera in cameras]
    events = sorted(
        (arrival_s, taken_s, place)
        for place, camera in enumerate(cameras)
        for arrival_s, taken_s in camera.images()
    )
    for number, (arrival_s, taken_s, place) in enumerate(events):
        is_still = taken_s >= REST_S and (
            place == frozen if frozen is not None else taken_s < DRIVE_S
        )
        run = runs[place]
        run.add(-1 - place if is_still else number, round(taken_s * S), LIMITS)
        others = [other for other in runs if other is not run]
        is_long = run.is_long(LIMITS)
        yield place, arrival_s, run.is_of_scene(LIMITS, others) if is_long else None


@settings(max_examples=60, deadline=None)
@given(st.lists(CAMERAS, min_size=2, max_size=3))
def test_no_camera_is_blamed_for_a_scene_at_rest(cameras: list[Camera]) -> None:
    verdicts = [verdict for _, _, verdict in judged(cameras)]
    assert False not in verdicts
    assert True in verdicts


@settings(max_examples=60, deadline=None)
@given(st.lists(CAMERAS, min_size=2, max_size=3))
def test_a_frozen_camera_is_told_from_it_soon(cameras: list[Camera]) -> None:
    """Within the time and frames that mean frozen, and what the fastest other takes to tell."""
    own, others = cameras[0], cameras[1:]
    found_s = min(at for place, at, verdict in judged(cameras, 0) if verdict is False)
    quick_s = min(3 / camera.rate_hz + camera.latency_s for camera in others)
    usual_s = max(LIMITS.frozen_s, (LIMITS.frozen_frames - 1) / own.rate_hz)
    assert found_s - REST_S <= usual_s + 2 / own.rate_hz + own.latency_s + quick_s
    innocent = [v for place, _, v in judged(cameras, 0) if place]
    assert set(innocent) == {None}
