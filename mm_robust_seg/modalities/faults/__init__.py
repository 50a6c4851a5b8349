# Copyright 2026 mm_robust_seg maintainers
# SPDX-License-Identifier: Apache-2.0

"""How the images of a sensor look that is damaged, not dead; one file per place of the damage."""
