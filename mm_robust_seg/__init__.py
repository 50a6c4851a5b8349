# Copyright 2026 mm_robust_seg maintainers
# SPDX-License-Identifier: Apache-2.0

"""Semantic segmentation from RGB, thermal and depth that keeps working when a camera fails.

Nothing is reported to anybody. Runtimes would: at their import ONNX Runtime (1.32) and OpenVINO
(2026) write an identity into the home folder, start a thread and call their maker's host. Python
imports this package before any module of it, so this is the place that comes before them all. A
process that the package starts inherits the variable; a choice that the user has made stands.

The same holds for what OpenCV may unpack: it reads its limit when it is imported.
"""

import os
import sys

__version__ = '0.1.0'

os.environ.setdefault('ORT_DISABLE_TELEMETRY', '1')
os.environ.setdefault('OPENCV_IO_MAX_IMAGE_PIXELS', '200000000')
# OpenVINO has no such variable: it goes on without what it cannot import.
sys.modules.setdefault('openvino_telemetry', None)  # type: ignore[arg-type]
