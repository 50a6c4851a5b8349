# Copyright 2026 mm_robust_seg maintainers
# SPDX-License-Identifier: Apache-2.0

"""What a training tells: progress, log.txt, curves for TensorBoard."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from mm_robust_seg.report.progress import Progress, SILENT


class TrainingLog:
    """Everything is said once; a process that does not lead keeps silent.

    Attributes:
        progress: where bars are shown.
    """

    def __init__(self, folder: Path, progress: Progress, is_main: bool = True) -> None:
        self._folder, self._is_main = folder, is_main
        self.progress = progress if is_main else SILENT
        self._writers: dict[str, Any] = {}

    def __enter__(self) -> TrainingLog:
        return self

    def __exit__(self, *_exception: object) -> None:
        for writer in self._writers.values():
            if writer is not None:
                writer.close()

    def say(self, line: str) -> None:
        """Tell a line and keep it in log.txt."""
        self.progress.say(line)
        if self._is_main:
            with (self._folder / 'log.txt').open('a', encoding='utf-8') as log:
                log.write(line + '\n')

    def scalars(self, task: str, step: int, values: Mapping[str, float]) -> None:
        """Add a point to each curve of a task."""
        if writer := self._writer(task, step):
            for name, value in values.items():
                writer.add_scalar(name, value, step)

    def picture(self, task: str, step: int, picture: NDArray[np.uint8]) -> None:
        """Show an (H, W, 3) picture of how far a task has come."""
        if writer := self._writer(task, step):
            writer.add_image('samples', picture, step, dataformats='HWC')

    def _writer(self, task: str, step: int) -> Any:
        """Return the writer of a task; points from ``step`` on are replaced after a resume."""
        if self._is_main and task not in self._writers:
            self._writers[task] = _summary_writer(self._folder / 'tensorboard' / task, step)
            if self._writers[task] is None and len(self._writers) == 1:
                self.say('no curves for TensorBoard: pip install tensorboard')
        return self._writers.get(task)


def _summary_writer(folder: Path, step: int) -> Any:
    try:
        from torch.utils.tensorboard import SummaryWriter  # noqa: PLC0415
    except ImportError:
        return None
    return SummaryWriter(str(folder), purge_step=step)
