# Copyright 2026 mm_robust_seg maintainers
# SPDX-License-Identifier: Apache-2.0

"""Views: brightness by value, colours by class, captions."""

import numpy as np
import pytest

from mm_robust_seg.bundle import SegmentationClass
from mm_robust_seg.dataflow import HealthLevel, HealthReport, Reason, SensorHealth, UNLABELED
from mm_robust_seg.modality import COMPLETE, Modality, ModalitySet
from mm_robust_seg.report import views

CLASSES = (
    SegmentationClass('road', (128, 64, 128)),
    SegmentationClass('person', (220, 20, 60)),
)


def image(modality, value, shape=(60, 80)):
    if modality is Modality.RGB:
        return np.full((*shape, 3), value, np.uint8)
    return np.full(shape, value, np.float32)


def test_colours_are_those_of_the_classes_and_black_elsewhere():
    colors = views.colorize(np.array([[0, 1, 2, UNLABELED]], np.uint8), CLASSES)
    assert colors.dtype == np.uint8
    assert colors.tolist() == [[[128, 64, 128], [220, 20, 60], [0, 0, 0], [0, 0, 0]]]


def test_palettes_of_two_bundles_are_not_confused():
    labels = np.zeros((1, 1), np.uint8)
    views.colorize(labels, CLASSES)
    assert views.colorize(labels, CLASSES[::-1]).tolist() == [[[220, 20, 60]]]


@pytest.mark.parametrize(
    ('modality', 'darker', 'brighter'),
    [(Modality.THERMAL, 280.0, 300.0), (Modality.DEPTH, 15.0, 3.0), (Modality.RGB, 10, 20)],
)
def test_views_order_values_by_brightness(modality, darker, brighter):
    made = [views.camera_view(modality, image(modality, v)) for v in (darker, brighter)]
    assert made[0].shape == (60, 80, 3) and made[0].dtype == np.uint8
    assert 0 < made[0].max() < made[1].min()


@pytest.mark.parametrize(('modality', 'extreme'), [(Modality.THERMAL, 1.0), (Modality.DEPTH, 1e4)])
def test_views_show_invalid_pixels_black_and_extreme_ones_visible(modality, extreme):
    view = views.camera_view(modality, np.array([[0, extreme]], np.float32))
    assert view[0, 0].tolist() == [0, 0, 0]
    assert view[0, 1].min() > 0


def test_one_value_has_one_brightness_whatever_surrounds_it():
    alone = views.camera_view(Modality.THERMAL, image(Modality.THERMAL, 295.0))
    beside = views.camera_view(Modality.THERMAL, np.array([[295.0, 250.0, 400.0]], np.float32))
    assert alone[0, 0].tolist() == beside[0, 0].tolist()


def false_colors(modality, given):
    span = views.span_of(modality, [given])
    return views.false_color_view(modality, given, span), views.span_name(modality, span)


@pytest.mark.parametrize(('modality', 'unit'), [(Modality.THERMAL, 'K'), (Modality.DEPTH, 'm')])
def test_false_colours_are_spread_over_what_there_is_and_say_its_span(modality, unit):
    ramp = np.linspace(5.0, 6.0, 300, dtype=np.float32).reshape(3, 100)
    ramp[0, 0] = 0
    view, text = false_colors(modality, ramp)
    assert view.shape == (3, 100, 3) and view.dtype == np.uint8
    assert view[0, 0].tolist() == [0, 0, 0] and (view.reshape(-1, 3)[1:].max(1) > 0).all()
    light = view.reshape(-1, 3)[[3, -3]].astype(int).sum(1)
    assert abs(light[0] - light[1]) > 250, 'one percent of the span is enough for all colours'
    assert text == f'{modality} 5.01 to 5.99 {unit}'


def test_near_and_warm_are_bright_in_false_colours_too():
    ramp = np.linspace(5.0, 6.0, 300, dtype=np.float32).reshape(3, 100)
    warm, _ = false_colors(Modality.THERMAL, ramp)
    near, _ = false_colors(Modality.DEPTH, ramp)
    assert warm[2, 90].sum() > warm[0, 10].sum()
    assert near[2, 90].sum() < near[0, 10].sum()


def test_a_clear_sky_leaves_the_colours_to_the_ground():
    scene = np.concatenate([np.full(400, 230.0), np.linspace(288.0, 294.0, 600)])
    low, high = views.span_of(Modality.THERMAL, [scene.astype(np.float32)])
    assert 270.0 < low < 288.0 and 293.0 < high < 295.0
    assert views.span_of(Modality.DEPTH, [scene.astype(np.float32)])[0] == pytest.approx(230.0)


def test_a_span_covers_several_images_and_none():
    images = [np.full((2, 2), value, np.float32) for value in (285.0, 290.0)]
    assert views.span_of(Modality.THERMAL, images) == pytest.approx((285.0, 290.0))
    assert views.span_of(Modality.THERMAL, []) == (0.0, 1.0)


@pytest.mark.parametrize('value', [0.0, 7.0])
def test_false_colours_of_an_image_without_contrast_or_valid_pixels(value):
    view, _ = false_colors(Modality.DEPTH, np.full((4, 4), value, np.float32))
    assert len(np.unique(view.reshape(-1, 3), axis=0)) == 1
    assert bool(view.any()) == bool(value)


def test_a_colour_image_is_shown_as_it_is():
    given = image(Modality.RGB, 9)
    view, text = false_colors(Modality.RGB, given)
    assert (view == given).all() and text == 'rgb'


def bar_height(picture, plain):
    return int(np.flatnonzero((picture != plain).any((1, 2))).max()) + 1


@pytest.mark.parametrize('modality', list(Modality))
def test_overlay_blends_classes_and_leaves_unlabeled_pixels(modality):
    source = image(
        modality, {Modality.RGB: 100, Modality.THERMAL: 300, Modality.DEPTH: 5}[modality]
    )
    labels = np.full((60, 80), UNLABELED, np.uint8)
    labels[:, 40:] = 1
    view = views.camera_view(modality, source)
    picture = views.overlay(view, labels, CLASSES, 'RGB+D')
    np.testing.assert_array_equal(picture[20:, :40], view[20:, :40])
    expected = 0.45 * view[30, 60].astype(float) + 0.55 * np.array(CLASSES[1].color)
    assert np.abs(picture[20:, 40:] - expected).max() <= 1
    assert not np.shares_memory(picture, source)


@pytest.mark.parametrize('size', [(480, 640), (240, 320), (120, 160)])
@pytest.mark.parametrize(
    'text',
    ['RGB+D, thermal: SILENT', 'no sensor' + 3 * ', thermal: SILENT', 'jumpy gang (q)'],
)
def test_the_caption_is_legible_and_inside_its_bar(size, text):
    source = image(Modality.RGB, 120, size)
    labels = np.full(size, UNLABELED, np.uint8)
    picture = views.overlay(source, labels, CLASSES, text)
    bar = bar_height(picture, source)
    assert bar == max(size[0] // 16, 15)
    assert picture[:bar].max() > 150, 'bright letters'
    assert np.median(picture[:bar]) < 60, 'on a dark bar'
    assert (picture[:bar, -1] < 60).all(), 'that end before the edge'


def test_overlay_does_not_write_to_its_view():
    source = image(Modality.RGB, 90)
    views.overlay(source, np.zeros((60, 80), np.uint8), CLASSES, 'x')
    assert (source == 90).all()


def report(**reasons):
    return HealthReport(
        0,
        {
            m: SensorHealth(m, HealthLevel.OK, reason, reason is Reason.OK, '', 0)
            for m in Modality
            for reason in [reasons.get(m.value, Reason.OK)]
        },
    )


@pytest.mark.parametrize(
    ('combination', 'reasons', 'expected'),
    [
        (COMPLETE, {}, 'RGB+T+D'),
        (ModalitySet.parse('rgb+depth'), {'thermal': Reason.SILENT}, 'RGB+D, thermal: SILENT'),
        (
            ModalitySet(),
            {'rgb': Reason.DARK, 'depth': Reason.FROZEN},
            'no sensor, rgb: DARK, depth: FROZEN',
        ),
        (ModalitySet.parse('rgb'), {'depth': Reason.DISABLED}, 'RGB'),
        (ModalitySet.parse('rgb'), {'rgb': Reason.SLOW}, 'RGB degraded, rgb: SLOW'),
        (ModalitySet.parse('rgb'), {'rgb': Reason.RECOVERING}, 'RGB, rgb: RECOVERING'),
    ],
)
def test_captions(combination, reasons, expected):
    assert views.caption(combination, report(**reasons)) == expected
