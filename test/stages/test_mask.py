import numpy as np
import pytest

from mm_robust_seg.bundle import SegmentationClass
from mm_robust_seg.dataflow import (
    Frame,
    HealthLevel,
    HealthReport,
    Prediction,
    Reason,
    SensorHealth,
    UNLABELED,
)
from mm_robust_seg.modality import COMPLETE, Modality, ModalitySet
from mm_robust_seg.stages import mask

CLASSES = (
    SegmentationClass('road', (128, 64, 128)),
    SegmentationClass('person', (220, 20, 60)),
)


def prediction(labels, confidence=None):
    labels = np.asarray(labels, np.uint8)
    confidence = np.full_like(labels, 200) if confidence is None else confidence
    return Prediction(labels, np.asarray(confidence, np.uint8), 0.01)


def frame(modality, value, shape=(60, 80)):
    if modality is Modality.RGB:
        return Frame(modality, 0, 0, np.full((*shape, 3), value, np.uint8))
    return Frame(modality, 0, 0, np.full(shape, value, np.float32))


def test_equal_size_hands_the_prediction_through_without_copy():
    given = prediction(np.zeros((4, 5)))
    labels, confidence = mask.to_reference(given, 4, 5)
    assert labels is given.labels and confidence is given.confidence


@pytest.mark.parametrize('factor', [2, 3])
def test_enlarging_repeats_labels(factor):
    labels = np.random.default_rng(0).integers(0, 5, (6, 8), np.uint8)
    out, _ = mask.to_reference(prediction(labels), 6 * factor, 8 * factor)
    np.testing.assert_array_equal(out, labels.repeat(factor, 0).repeat(factor, 1))


@pytest.mark.parametrize('size', [(7, 9), (120, 161), (3, 400), (1, 1)])
def test_labels_are_never_mixed_and_confidence_stays_in_range(size):
    rng = np.random.default_rng(1)
    given = prediction(rng.choice([0, 4, UNLABELED], (30, 40)), rng.integers(60, 90, (30, 40)))
    labels, confidence = mask.to_reference(given, *size)
    assert labels.shape == confidence.shape == size
    assert labels.dtype == confidence.dtype == np.uint8
    assert set(np.unique(labels)) <= {0, 4, UNLABELED}
    assert confidence.min() >= 60 and confidence.max() < 90


def test_confidence_is_interpolated_where_labels_are_not():
    given = prediction([[0, 4]], [[0, 200]])
    _, confidence = mask.to_reference(given, 1, 8)
    assert np.all(np.diff(confidence[0].astype(int)) >= 0)
    assert len(np.unique(confidence)) > 2


def test_unlabeled_is_all_255_without_confidence():
    labels, confidence = mask.unlabeled(3, 4)
    assert labels.shape == confidence.shape == (3, 4)
    assert (labels == 255).all() and not confidence.any()


def test_colours_are_those_of_the_classes_and_black_elsewhere():
    colors = mask.colorize(np.array([[0, 1, 2, UNLABELED]], np.uint8), CLASSES)
    assert colors.dtype == np.uint8
    assert colors.tolist() == [[[128, 64, 128], [220, 20, 60], [0, 0, 0], [0, 0, 0]]]


def test_palettes_of_two_bundles_are_not_confused():
    labels = np.zeros((1, 1), np.uint8)
    mask.colorize(labels, CLASSES)
    assert mask.colorize(labels, CLASSES[::-1]).tolist() == [[[220, 20, 60]]]


@pytest.mark.parametrize(
    ('modality', 'darker', 'brighter'),
    [(Modality.THERMAL, 280.0, 300.0), (Modality.DEPTH, 15.0, 3.0), (Modality.RGB, 10, 20)],
)
def test_views_order_values_by_brightness(modality, darker, brighter):
    views = [mask.frame_view(frame(modality, v)) for v in (darker, brighter)]
    assert views[0].shape == (60, 80, 3) and views[0].dtype == np.uint8
    assert 0 < views[0].max() < views[1].min()


@pytest.mark.parametrize(('modality', 'extreme'), [(Modality.THERMAL, 1.0), (Modality.DEPTH, 1e4)])
def test_views_show_invalid_pixels_black_and_extreme_ones_visible(modality, extreme):
    image = np.array([[0, extreme]], np.float32)
    view = mask.frame_view(Frame(modality, 0, 0, image))
    assert view[0, 0].tolist() == [0, 0, 0]
    assert view[0, 1].min() > 0


def test_one_value_has_one_brightness_whatever_surrounds_it():
    alone = mask.frame_view(frame(Modality.THERMAL, 295.0))
    image = np.array([[295.0, 250.0, 400.0]], np.float32)
    beside = mask.frame_view(Frame(Modality.THERMAL, 0, 0, image))
    assert alone[0, 0].tolist() == beside[0, 0].tolist()


def bar_height(picture, plain):
    return int(np.flatnonzero((picture != plain).any((1, 2))).max()) + 1


@pytest.mark.parametrize('modality', list(Modality))
def test_overlay_blends_classes_and_leaves_unlabeled_pixels(modality):
    source = frame(
        modality, {Modality.RGB: 100, Modality.THERMAL: 300, Modality.DEPTH: 5}[modality]
    )
    labels = np.full((60, 80), UNLABELED, np.uint8)
    labels[:, 40:] = 1
    view = mask.frame_view(source)
    picture = mask.overlay(source, labels, CLASSES, 'RGB+D')
    np.testing.assert_array_equal(picture[20:, :40], view[20:, :40])
    expected = 0.45 * view[30, 60].astype(float) + 0.55 * np.array(CLASSES[1].color)
    assert np.abs(picture[20:, 40:] - expected).max() <= 1
    assert not picture.flags.writeable or picture.base is not source.image


@pytest.mark.parametrize('size', [(480, 640), (240, 320), (120, 160)])
@pytest.mark.parametrize('text', ['RGB+D, thermal: SILENT', 'no sensor' + 3 * ', thermal: SILENT'])
def test_the_caption_is_legible_and_inside_its_bar(size, text):
    source = frame(Modality.RGB, 120, size)
    labels = np.full(size, UNLABELED, np.uint8)
    picture = mask.overlay(source, labels, CLASSES, text)
    bar = bar_height(picture, source.image)
    assert bar == max(size[0] // 16, 15)
    assert picture[:bar].max() > 150, 'bright letters'
    assert np.median(picture[:bar]) < 60, 'on a dark bar'
    assert (picture[:bar, -1] < 60).all(), 'that end before the edge'


def test_overlay_does_not_write_to_its_frame():
    source = frame(Modality.RGB, 90)
    mask.overlay(source, np.zeros((60, 80), np.uint8), CLASSES, 'x')
    assert (source.image == 90).all()


def report(**reasons):
    return HealthReport(
        0,
        {
            m: SensorHealth(m, HealthLevel.OK, reasons.get(m.value, Reason.OK), True, '', 0)
            for m in Modality
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
    ],
)
def test_captions(combination, reasons, expected):
    assert mask.caption(combination, report(**reasons)) == expected
