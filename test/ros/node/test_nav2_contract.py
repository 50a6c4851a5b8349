# Copyright 2026 mm_robust_seg maintainers
# SPDX-License-Identifier: Apache-2.0

"""A subscriber that reads the outputs as nav2's semantic segmentation layer reads them.

The layer subscribes to mask, confidence and an organised point cloud as sensor data, pairs them
by equal stamps, indexes both images by row x width + column, without their step, and looks the
ids up in a label message that it may subscribe to long after it was published.
"""

from __future__ import annotations

import json

import numpy as np
import pytest

pytest.importorskip('rclpy', reason='rclpy is not installed')

from lifecycle_msgs.msg import Transition
from rclpy.qos import DurabilityPolicy, HistoryPolicy, QoSProfile, ReliabilityPolicy
from robot import active
from sensor_msgs.msg import Image, PointCloud2, PointField
from std_msgs.msg import String

from mm_robust_seg.dataflow import UNLABELED
from mm_robust_seg.modality import Modality
from mm_robust_seg.ros.node import qos
from mm_robust_seg.ros.node.conversions import stamp_ns

try:
    from vision_msgs.msg import LabelInfo
except ImportError:
    LabelInfo = None

pytestmark = pytest.mark.ros

LATE_LABELS = QoSProfile(
    reliability=ReliabilityPolicy.RELIABLE,
    durability=DurabilityPolicy.TRANSIENT_LOCAL,
    history=HistoryPolicy.KEEP_ALL,
)
COSTS = {'person': 254, 'car': 200}


class SemanticLayer:
    """Marks cells from points whose class has a cost; refuses what the layer refuses."""

    def __init__(self, node):
        self.costs, self.marked, self.refused = {}, [], []
        self._waiting = {}
        for name, kind, topic in (
            ('mask', Image, 'segmentation/mask'),
            ('confidence', Image, 'segmentation/confidence'),
            ('cloud', PointCloud2, 'points'),
        ):
            node.create_subscription(kind, topic, self._collector(name), qos.SENSOR)
        if LabelInfo is not None:
            node.create_subscription(
                LabelInfo, 'segmentation/label_info', self._on_label_info, LATE_LABELS
            )
        else:
            node.create_subscription(String, 'segmentation/labels', self._on_labels, LATE_LABELS)

    def _on_label_info(self, message):
        names = {item.class_name: item.class_id for item in message.class_map}
        self.costs = {names[name]: cost for name, cost in COSTS.items()}

    def _on_labels(self, message):
        names = {item['name']: int(number) for number, item in json.loads(message.data).items()}
        self.costs = {names[name]: cost for name, cost in COSTS.items()}

    def _collector(self, name):
        def collect(message):
            parts = self._waiting.setdefault(stamp_ns(message.header.stamp), {})
            parts[name] = message
            if len(parts) == 3:
                self._buffer(**parts)

        return collect

    def _buffer(self, mask, confidence, cloud):
        if not self.costs:
            self.refused.append('no labels yet')
            return
        for image in (mask, confidence):
            if image.width * image.height != cloud.width * cloud.height:
                self.refused.append('another size than the cloud')
                return
            if len(image.data) < image.width * image.height:
                self.refused.append('too few bytes')
                return
        pixels = [(v, u) for v in range(cloud.height) for u in range(cloud.width)]
        ids = [mask.data[v * mask.width + u] for v, u in pixels]
        sure = [confidence.data[v * mask.width + u] for v, u in pixels]
        self.marked.append((mask, [self.costs.get(i) for i in ids], sure))


def _cloud(robot, stamp):
    height_px, width_px = robot.size
    fields = [
        PointField(name=n, offset=4 * i, datatype=PointField.FLOAT32, count=1)
        for i, n in enumerate('xyz')
    ]
    cloud = PointCloud2(
        height=height_px, width=width_px, fields=fields, point_step=12, row_step=12 * width_px
    )
    cloud.header.stamp = stamp
    return cloud


def test_the_layer_marks_cells_from_masks_of_every_combination(robot, process):
    assert robot.transition(Transition.TRANSITION_CONFIGURE)
    assert robot.transition(Transition.TRANSITION_ACTIVATE)
    robot.until(lambda: active(robot) == 'rgb+thermal+depth')
    points = robot.node.create_publisher(PointCloud2, 'points', qos.SENSOR)

    def register(message):
        """A cloud of the size of the reference camera comes with its every image."""
        points.publish(_cloud(robot, message.header.stamp))

    robot.alter[Modality.RGB] = register
    layer = SemanticLayer(robot.node)
    robot.until(lambda: len(layer.marked) >= 5)
    robot.live.discard(Modality.THERMAL)
    robot.until(lambda: active(robot) == 'rgb+depth')
    count = len(layer.marked)
    robot.until(lambda: len(layer.marked) >= count + 5)
    assert set(layer.refused) <= {'no labels yet'}
    for mask, costs, sure in layer.marked:
        assert (mask.encoding, mask.step, mask.is_bigendian) == ('mono8', mask.width, 0)
        known = [cost for cost in costs if cost is not None]
        assert set(known) <= set(COSTS.values()) and len(sure) == mask.width * mask.height
        assert UNLABELED not in layer.costs
    assert any(set(costs) - {None} for _, costs, _ in layer.marked), 'something was marked'
    ids = np.frombuffer(layer.marked[-1][0].data, np.uint8)
    assert set(ids) <= {*range(5), UNLABELED}
