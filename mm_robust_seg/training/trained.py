# Copyright 2026 mm_robust_seg maintainers
# SPDX-License-Identifier: Apache-2.0

"""A trained network and the input it was trained for, from a run or a bundle."""

from __future__ import annotations

from pathlib import Path

from mm_robust_seg.bundle import find_bundle, load_bundle
from mm_robust_seg.modalities.input_spec import InputSpec
from mm_robust_seg.network.segmenter import Segmenter
from mm_robust_seg.training.base_network import load_base
from mm_robust_seg.training.run_folder import read_run, recipe_of, RUN


def load_trained(place: Path) -> tuple[Segmenter, InputSpec]:
    """Load the complete-input network, frozen and in eval mode.

    Args:
        place: folder of a run or bundle, or the name of a bundle that comes with the package.

    Raises:
        TrainingError, BundleError: if there is none, or it is of another architecture.
    """
    if (place / RUN).is_file():
        inputs = recipe_of(read_run(place)).input_spec
    else:
        inputs = load_bundle(find_bundle(str(place))).inputs
    return load_base(place).requires_grad_(False), inputs
