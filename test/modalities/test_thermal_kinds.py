# Copyright 2026 mm_robust_seg maintainers
# SPDX-License-Identifier: Apache-2.0

"""Thermal cameras without a temperature: what is made of their images, and what a network gets."""

from __future__ import annotations

import cv2
from hypothesis import given
from hypothesis import strategies as st
import numpy as np
import pytest
from scripted_engine import ScriptedEngine
from tiny_bundle import TINY_INPUTS

from mm_robust_seg import build
from mm_robust_seg.build import build_pipeline
from mm_robust_seg.bundle import load_bundle
from mm_robust_seg.config import Config
from mm_robust_seg.dataflow import Frame, RawImage, Reason, Rejection
from mm_robust_seg.modalities import KINDS
from mm_robust_seg.modalities.input_spec import InputSpec
from mm_robust_seg.modalities.thermal_units import ThermalUnits
from mm_robust_seg.modality import Modality
from mm_robust_seg.schema import with_values
from mm_robust_seg.stages.health.frame_statistics import measure
from mm_robust_seg.stages.sensors import decode

RGB, THERMAL, DEPTH = Modality
RELATIVE = with_values(Config(), {'inputs.thermal.kind': 'relative'})
UNITS = ThermalUnits(kind='relative')
SCENE = np.random.default_rng(0).normal(0, 150, (48, 64)) + np.linspace(-900, 900, 64)
"""Counts about nothing in particular: a gradient with noise."""


def message(values: np.ndarray, encoding: str) -> RawImage:
    height, width = values.shape[:2]
    step = values.nbytes // height
    return RawImage(THERMAL, 0, height, width, encoding, step, values.tobytes())


def seen(values: np.ndarray, encoding: str = 'mono16', config: Config = RELATIVE) -> Frame:
    frame = decode(message(values, encoding), config.inputs, 0)
    assert isinstance(frame, Frame), frame
    return frame


def finding(frame: Frame, config: Config):
    kind, (_, statistics) = KINDS[frame.modality], measure(frame)
    sections = config.inputs[frame.modality], config.monitor[frame.modality]
    found = (check(statistics, *sections) for check in kind.checks)
    return next((item for item in found if item), None)


@given(gain=st.floats(0.5, 20.0), shift=st.integers(-9000, 15000))
def test_gain_and_level_of_the_camera_make_no_difference(gain: float, shift: int) -> None:
    scene = np.linspace(-1, 1, 48 * 64).reshape(48, 64) * 1000
    one = UNITS.image(np.rint(scene + 20000).astype(np.uint16))
    other = UNITS.image(np.rint(gain * scene + 30000 + shift).astype(np.uint16))
    np.testing.assert_allclose(one, other, atol=0.05)


def test_contrast_is_ten_kelvin_about_three_hundred() -> None:
    image = UNITS.image((SCENE + 21800).astype(np.uint16))
    low, middle, high = np.percentile(image, (2, 50, 98))
    assert (middle, high - low) == (pytest.approx(300, abs=0.01), pytest.approx(10, abs=0.1))


def test_the_noise_of_a_wall_does_not_become_contrast() -> None:
    wall = 21800 + np.rint(np.random.default_rng(0).normal(0, 1, (48, 64)))
    assert UNITS.image(wall.astype(np.uint16)).std() == pytest.approx(0.5, rel=0.1)


def test_black_is_a_value_of_eight_bit_and_a_dead_pixel_of_sixteen() -> None:
    grey = np.array([[0, 100, 200]], np.uint8)
    assert (UNITS.image(grey) > 0).all()
    assert UNITS.image(grey.astype(np.uint16)).tolist()[0][0] == 0
    assert not UNITS.image(np.full((4, 4), np.nan, np.float32)).any()


@pytest.mark.parametrize(
    ('values', 'encoding'),
    [
        ((SCENE + 21800).astype(np.uint16), 'mono16'),
        ((SCENE / 10 + 8000).astype(np.uint16), '16UC1'),
        (((SCENE + 1500) / 12).clip(0, 255).astype(np.uint8), 'mono8'),
        ((SCENE / 100 + 20).astype(np.float32), '32FC1'),
    ],
)
def test_cameras_without_radiometry_are_as_they_should_be(values, encoding) -> None:
    assert finding(seen(values, encoding), RELATIVE) is None
    assert finding(seen(values, encoding, Config()), Config()).reason is Reason.UNITS
    constant = seen(np.full_like(values, 77), encoding)
    assert finding(constant, RELATIVE).reason is Reason.FLAT


def test_jpeg_and_equal_channels_are_contrast() -> None:
    grey = ((SCENE + 1500) / 12).clip(0, 255).astype(np.uint8)
    jpeg = cv2.imencode('.jpg', cv2.cvtColor(grey, cv2.COLOR_GRAY2BGR))[1].tobytes()
    packed = RawImage(THERMAL, 0, 0, 0, 'compressed bgr8; jpeg compressed bgr8', 0, jpeg)
    frame = decode(packed, RELATIVE.inputs, 0)
    assert isinstance(frame, Frame)
    assert np.abs(frame.image - seen(grey, 'mono8').image).mean() < 0.3
    refused = decode(packed, Config().inputs, 0)
    assert isinstance(refused, Rejection)
    assert 'JPEG alters thermal values' in refused.detail
    assert 'inputs.thermal.kind relative' in refused.detail


class Witness(ScriptedEngine):
    """Keeps what it is given."""

    def infer(self, inputs):
        self.inputs = {m: array.copy() for m, array in inputs.items()}
        return super().infer(inputs)


@pytest.mark.parametrize('kind', ['radiometric', 'relative'])
def test_a_network_gets_no_temperature_where_there_is_none(tiny_bundle, monkeypatch, kind) -> None:
    witness = Witness()
    monkeypatch.setattr(build, 'build_engine', lambda *_: witness)
    only = {f'inputs.{m}.enabled': m is THERMAL for m in Modality}
    config = with_values(Config(), {**only, 'inputs.thermal.kind': kind})
    pipeline, _ = build_pipeline(config, load_bundle(tiny_bundle), 0)
    for number in range(1, 20):
        values = (SCENE + 29500 + number).astype(np.uint16)
        raw = message(values, 'mono16')
        stamp_ns = number * 33_333_333
        raw = RawImage(**{**vars(raw), 'stamp_ns': stamp_ns})
        pipeline.offer(raw, stamp_ns)
        pipeline.step(stamp_ns)
    absolute, relative = witness.inputs[THERMAL][0]
    assert absolute.any() == (kind == 'radiometric')
    assert relative.std() > 0.5


def test_the_numbers_of_a_bundle_stay_what_they_are() -> None:
    spec = InputSpec.parse(TINY_INPUTS)
    changed = InputSpec(48, 64, {THERMAL: UNITS.network(spec[THERMAL])})
    assert vars(changed[THERMAL]) == vars(spec[THERMAL])


UNIFORM = np.random.default_rng(1).normal(0, 1, (48, 64))


@pytest.mark.parametrize('step_k', [0.01, 0.1])
@pytest.mark.parametrize('noise_steps', [0.6, 1.0, 5.0])
@pytest.mark.parametrize('level_k', [240.0, 295.0])
def test_a_uniform_wall_or_sky_is_no_fault(step_k: float, noise_steps: float, level_k) -> None:
    config = with_values(Config(), {'inputs.thermal.scale_k': step_k})
    values = np.rint(level_k / step_k + noise_steps * UNIFORM).astype(np.uint16)
    assert finding(seen(values, 'mono16', config), config) is None
    constant = seen(np.full_like(values, values[0, 0]), 'mono16', config)
    assert finding(constant, config).reason is Reason.FLAT


def test_a_clear_sky_over_a_strip_of_ground_is_no_wrong_unit() -> None:
    values = np.full((50, 64), 21000.0)
    values[45:] = 28000
    values += 5 * np.resize(UNIFORM, values.shape)
    assert finding(seen(values.astype(np.uint16), 'mono16', Config()), Config()) is None


@pytest.mark.parametrize(
    ('values', 'encoding', 'words'),
    [
        (21800 + SCENE / 20, 'mono16', ' of 21798); expected 233.15 to 473.15: counts'),
        (8000 + SCENE / 20, 'mono16', 'steps of 0.04 K, which make it 320 K?'),
        (8000 + SCENE / 20, 'mono16', 'or counts of a camera without radiometry? Then set inputs'),
        (2950 + SCENE / 20, '16UC1', 'steps of 0.1 K, which make it 295 K? Then set inputs'),
        (21 + SCENE / 500, '32FC1', 'degrees Celsius? Then set inputs.thermal.offset_k to 273.15'),
        (5000 + SCENE, '32FC1', 'counts of a camera'),
        (120 + SCENE / 20, 'mono8', '8 bit hold contrast'),
    ],
)
def test_wrong_units_come_with_what_they_may_be(values, encoding, words) -> None:
    dtype = {'mono16': 'u2', '16UC1': 'u2', '32FC1': 'f4', 'mono8': 'u1'}[encoding]
    found = finding(seen(values.astype(dtype), encoding, Config()), Config())
    assert found.reason is Reason.UNITS
    assert words in found.detail


def depth_finding(values: np.ndarray, encoding: str, **settings):
    config = with_values(Config(), {f'inputs.depth.{k}': v for k, v in settings.items()})
    height, width = values.shape
    raw = RawImage(DEPTH, 0, height, width, encoding, values.nbytes // height, values.tobytes())
    frame = decode(raw, config.inputs, 0)
    assert isinstance(frame, Frame)
    return finding(frame, config)


def test_depth_in_millimetres_of_floating_point_is_asked_about() -> None:
    values = (3400 + SCENE).astype(np.float32)
    found = depth_finding(values, '32FC1')
    assert found.reason is Reason.UNITS
    assert 'are these millimetres? Then set inputs.depth.scale_m to 0.001' in found.detail
    assert depth_finding(values, '32FC1', scale_m=0.001) is None


def test_depth_out_of_range_says_what_the_values_would_be() -> None:
    found = depth_finding(np.full((48, 64), 35000, np.uint16), '16UC1')
    assert found.reason is Reason.NO_RETURN
    assert 'raw values is 35000, or 35 m at 0.001 m a step, and the range is 0.2' in found.detail


@pytest.mark.parametrize('far', [45.0, 1e10, np.inf])
def test_an_open_field_is_no_wrong_unit(far: float) -> None:
    found = depth_finding(np.full((48, 64), far, np.float32), '32FC1')
    assert found.reason is Reason.NO_RETURN


def test_stray_values_in_an_empty_image_are_no_wrong_unit() -> None:
    values = np.full((48, 64), np.nan, np.float32)
    values[0, ::2] = 3000
    assert depth_finding(values, '32FC1').reason is Reason.NO_RETURN
