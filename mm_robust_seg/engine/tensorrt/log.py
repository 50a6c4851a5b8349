# Copyright 2026 mm_robust_seg maintainers
# SPDX-License-Identifier: Apache-2.0

"""What TensorRT says, kept for the errors that follow from it."""

from __future__ import annotations

from collections.abc import Callable
import re
from typing import TypeVar

import tensorrt as trt

from mm_robust_seg.engine.tensorrt.cuda_driver import DeviceMemoryError
from mm_robust_seg.errors import EngineError

_OUT_OF_MEMORY = re.compile(r'out ?of ?memory|memory .*could not be allocated', re.IGNORECASE)
_KEPT = 3

T = TypeVar('T')


class TensorRtLog(trt.ILogger):  # type: ignore[misc]
    """A logger that is silent and remembers errors, since TensorRT's calls only return None."""

    def __init__(self) -> None:
        trt.ILogger.__init__(self)
        self._errors: list[str] = []

    def log(self, severity: trt.ILogger.Severity, msg: str) -> None:
        """Take in one message; any thread of TensorRT's calls this."""
        if severity in (trt.ILogger.ERROR, trt.ILogger.INTERNAL_ERROR):
            self._errors.append(msg)

    def start(self, kind: Callable[[TensorRtLog], T]) -> T:
        """Make TensorRT's ``Builder`` or ``Runtime``.

        Raises:
            EngineError: if TensorRT refuses, as with a driver or GPU that it does not serve; its
                bindings report that as a TypeError.
        """
        try:
            return kind(self)
        except TypeError as error:
            raise self.error(
                f'TensorRT {trt.__version__} does not start with this driver and GPU'
            ) from error

    def error(self, what: str) -> EngineError:
        """Return ``what`` with the latest errors as an exception, and forget them."""
        said = '; '.join(self._errors[-_KEPT:]) or 'TensorRT gives no reason'
        is_memory = any(map(_OUT_OF_MEMORY.search, self._errors))
        self._errors.clear()
        return (DeviceMemoryError if is_memory else EngineError)(f'{what}: {said}')
