# Copyright 2026 mm_robust_seg maintainers
# SPDX-License-Identifier: Apache-2.0

"""Which topics are taken for which sensors when nobody names them."""

from __future__ import annotations

from pathlib import Path

from bag_making import ENCODINGS, header, picture, START_NS, write_messages
import cv2
import numpy as np
import pytest

from mm_robust_seg.config import Config
from mm_robust_seg.errors import DataError
from mm_robust_seg.modality import Modality
from mm_robust_seg.recordings.bag import open_bag
from mm_robust_seg.recordings.topics import COMPRESSED, IMAGE
from mm_robust_seg.schema import with_values

RGB, THERMAL, DEPTH = Modality


def raw(topic, image, encoding, count=1):
    fields = {
        'header': header(START_NS),
        'height': image.shape[0],
        'width': image.shape[1],
        'encoding': encoding,
        'is_bigendian': 0,
        'step': image.nbytes // image.shape[0],
        'data': np.ascontiguousarray(image).reshape(-1).view(np.uint8),
    }
    return (topic, IMAGE, START_NS, fields if count else None)


def of(modality, topic, count=1):
    """An image as the sensor sends it."""
    return raw(topic, picture(modality, 0), ENCODINGS[modality], count)


def grey(topic, brightness=120):
    image = np.random.default_rng(0).integers(0, 2 * brightness, (36, 48), np.uint8)
    return raw(topic, image, 'mono8')


def guessed(path: Path, messages, settings=None, **options):
    config = with_values(Config(), settings or {})
    with open_bag(write_messages(path / 'bag', messages), config=config, **options) as bag:
        assert len(list(bag.images())) == len(bag.topics)
        return dict(bag.topics), bag.notes


REALSENSE = [
    of(RGB, '/camera/color/image_raw'),
    of(DEPTH, '/camera/depth/image_rect_raw'),
    of(DEPTH, '/camera/aligned_depth_to_color/image_raw'),
    grey('/camera/infra1/image_rect_raw'),
    of(THERMAL, '/flir/image_raw'),
]


def test_topics_of_drivers_are_found_by_name_and_said_in_one_line(tmp_path):
    topics, notes = guessed(tmp_path, REALSENSE)
    assert topics == {
        RGB: '/camera/color/image_raw',
        THERMAL: '/flir/image_raw',
        DEPTH: '/camera/aligned_depth_to_color/image_raw',
    }
    assert notes[0] == (
        'using /camera/color/image_raw as rgb, /flir/image_raw as thermal, '
        '/camera/aligned_depth_to_color/image_raw as depth (there is '
        '/camera/depth/image_rect_raw too); name others with --rgb-topic and so on'
    )
    assert notes[1].startswith(
        '/camera/infra1/image_rect_raw may be thermal by its name, but median is'
    )
    assert '--thermal-topic' in notes[1]


def test_where_names_say_nothing_the_values_do(tmp_path):
    sensors = {RGB: '/c', THERMAL: '/a', DEPTH: '/b'}
    topics, _ = guessed(tmp_path, [of(m, topic) for m, topic in sensors.items()])
    assert topics == sensors


def test_a_grey_image_of_16_bit_is_taken_for_thermal_rather_than_for_colour(tmp_path):
    topics, _ = guessed(tmp_path, [of(THERMAL, '/image_raw')])
    assert topics == {THERMAL: '/image_raw'}


def test_a_topic_that_is_given_is_taken_for_no_other_sensor(tmp_path):
    given = {RGB: 'image_raw'}
    topics, _ = guessed(tmp_path, [of(THERMAL, '/image_raw'), of(DEPTH, '/b')], topics=given)
    assert topics == {RGB: '/image_raw', DEPTH: '/b'}


def test_values_that_fit_no_sensor_are_taken_for_none(tmp_path):
    far = np.full((36, 48), 60_000, np.uint16)
    topics, _ = guessed(tmp_path, [of(RGB, '/c'), raw('/a', far, '16UC1')])
    assert topics == {RGB: '/c'}


def test_colour_is_likelier_than_grey_and_a_name_than_both(tmp_path):
    topics, _ = guessed(tmp_path, [grey('/a'), of(RGB, '/zed')])
    assert topics == {RGB: '/zed'}
    topics, _ = guessed(tmp_path / 'more', [of(RGB, '/a'), grey('/left/image')])
    assert topics == {RGB: '/left/image'}


def test_units_of_the_settings_count(tmp_path):
    coarse = raw('/boson', picture(THERMAL, 0) // 4, 'mono16')
    topics, notes = guessed(tmp_path, [of(RGB, '/c'), coarse])
    assert topics == {RGB: '/c'}
    assert 'inputs.thermal.scale_k to 0.04' in notes[1]
    settings = {'inputs.thermal.scale_k': 0.04}
    topics, _ = guessed(tmp_path / 'set', [of(RGB, '/c'), coarse], settings)
    assert topics == {RGB: '/c', THERMAL: '/boson'}


def test_what_a_node_makes_and_true_labels_are_never_guessed(tmp_path):
    made = [
        '/segmentation/mask',
        '/my_node/overlay',
        '/front/segmentation/thermal_view',
        '/rig/truth',
        '/x/color_mask',
    ]
    messages = [of(DEPTH, '/rig/truth_depth'), *(of(RGB, topic) for topic in made)]
    with pytest.raises(DataError, match='none of the topics'):
        guessed(tmp_path, messages)


def test_usual_and_given_names_come_first(tmp_path):
    messages = [of(RGB, '/rgb/image'), of(RGB, '/camera/color/image_raw')]
    assert guessed(tmp_path, messages) == ({RGB: '/rgb/image'}, ())
    given = {RGB: '/camera/color/image_raw'}
    assert guessed(tmp_path / 'given', messages, topics=given) == (given, ())


def test_sensors_that_are_disabled_are_not_guessed(tmp_path):
    topics, _ = guessed(tmp_path, REALSENSE, {'inputs.depth.enabled': False})
    assert topics.keys() == {RGB, THERMAL}


def test_only_topics_of_the_namespace_and_with_messages_are_guessed(tmp_path):
    png = cv2.imencode('.png', picture(RGB, 0))[1].reshape(-1)
    packed = {'header': header(START_NS), 'format': 'rgb8; png', 'data': png}
    messages = [
        of(RGB, '/rear/color/image_raw'),
        of(RGB, '/front/color/image_raw', count=0),
        ('/front/color/image_raw/compressed', COMPRESSED, START_NS, packed),
        of(DEPTH, '/front/depth/image_raw', count=0),
    ]
    topics, notes = guessed(tmp_path, messages, namespace='front')
    assert topics == {RGB: '/front/color/image_raw/compressed'}
    assert '/front/depth/image_raw' not in notes[0]


def test_without_a_configuration_nothing_is_guessed(tmp_path):
    path = write_messages(tmp_path / 'bag', REALSENSE)
    with pytest.raises(DataError, match='none of the topics'), open_bag(path):
        pass
