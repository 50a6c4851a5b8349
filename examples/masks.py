# Copyright 2026 mm_robust_seg maintainers
# SPDX-License-Identifier: Apache-2.0

"""Make a mask from three images: ``masks.py RGB.png THERMAL.png DEPTH.png MASK.png``.

Thermal and depth are 16-bit, in the raw steps of the configuration (0.01 K and 1 mm).
"""

import sys

import cv2

from mm_robust_seg.api import build_pipeline, Config, find_bundle, load_bundle, Modality, RawImage

*sources, target = sys.argv[1:]
pipeline, engine = build_pipeline(Config(), load_bundle(find_bundle('sim')), now_ns=0)
for modality, source in zip(Modality, sources, strict=True):
    image = cv2.imread(source, cv2.IMREAD_UNCHANGED)
    encoding = 'bgr8' if image.ndim == 3 else '16UC1'
    pipeline.offer(
        RawImage(modality, 0, *image.shape[:2], encoding, image.strides[0], image.tobytes()), 0
    )
mask = pipeline.step(now_ns=0)
cv2.imwrite(target, mask.labels)
engine.close()
