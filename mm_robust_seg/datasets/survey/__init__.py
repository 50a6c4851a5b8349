# Copyright 2026 mm_robust_seg maintainers
# SPDX-License-Identifier: Apache-2.0

"""What a data set holds, and what is wrong with it, before the first training step."""

from mm_robust_seg.datasets.survey.data_set import lines, Survey, survey

__all__ = ['lines', 'Survey', 'survey']
