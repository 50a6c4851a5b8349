# Copyright 2026 mm_robust_seg maintainers
# SPDX-License-Identifier: Apache-2.0

"""Encoders of one modality; their names are here, where they cost no import of torch."""

BACKBONES = (
    'mobilenetv2',
    'efficientnet_lite0',
    'efficientnet_lite1',
    'efficientnet_lite2',
    'mit_b0',
    'mit_b1',
    'mit_b2',
)
