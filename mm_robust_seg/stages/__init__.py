# Copyright 2026 mm_robust_seg maintainers
# SPDX-License-Identifier: Apache-2.0

"""The steps of the pipeline, which alone knows their order."""

from typing import Protocol

from mm_robust_seg.config import Config


class Stage(Protocol):
    """A step that remembers something."""

    def reset(self, now_ns: int) -> None:
        """Begin anew, as after a jump of the clock; counters go on."""

    def reconfigure(self, config: Config) -> None:
        """Follow other live parameters from now on.

        Raises:
            ConfigError: if they cannot be followed; then nothing changes.
        """
