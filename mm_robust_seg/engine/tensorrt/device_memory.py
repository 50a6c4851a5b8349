# Copyright 2026 mm_robust_seg maintainers
# SPDX-License-Identifier: Apache-2.0

"""One GPU as the TensorRT engine uses it: its memory, its stream, its CUDA graphs.

On a desktop, host buffers are page-locked and copied to and from device memory. On a Jetson, CPU
and GPU share their memory: the GPU reads and writes the host buffers, and nothing is copied.
"""

from __future__ import annotations

from collections.abc import Callable
from contextlib import ExitStack, suppress
import ctypes
from dataclasses import dataclass
from functools import partial
from pathlib import Path
import re
import threading
from traceback import clear_frames
from typing import Any

import numpy as np
from numpy.typing import NDArray

from mm_robust_seg.engine.tensorrt import cuda_driver
from mm_robust_seg.engine.tensorrt.cuda_driver import call, DeviceMemoryError
from mm_robust_seg.errors import EngineError

ALIGNMENT = 256
_CAPABILITY_MAJOR, _CAPABILITY_MINOR, _INTEGRATED, _MULTIPROCESSORS = 75, 76, 18, 16
_DRIVER_VERSION = Path('/proc/driver/nvidia/version')

__all__ = ['Buffer', 'Device', 'DeviceFacts', 'DeviceMemoryError', 'find_device']


@dataclass(frozen=True)
class DeviceFacts:
    """What identifies a GPU and its driver.

    Attributes:
        multiprocessors: how many are switched on; every Jetson Orin has the same name, and its
            power mode decides too.
        cuda: newest CUDA version that the driver serves.
        driver: version of the kernel driver.
        is_integrated: CPU and GPU share their memory, as on a Jetson.
    """

    device_id: int
    name: str
    compute_capability: str
    multiprocessors: int
    driver: str
    cuda: str
    is_integrated: bool


def find_device(device_id: int) -> DeviceFacts:
    """Ask the driver for a device; makes no context and needs no package.

    Raises:
        EngineError: if there is no driver, no device, or none of this number.
    """
    count, device, version = ctypes.c_int(), ctypes.c_int(), ctypes.c_int()
    call('cuInit', 0)
    call('cuDeviceGetCount', ctypes.byref(count))
    if not device_id < count.value:
        raise EngineError(
            f'there is no GPU number {device_id}: CUDA finds {count.value}, counted from 0; set '
            'engine.device_id'
        )
    name = ctypes.create_string_buffer(256)
    call('cuDeviceGet', ctypes.byref(device), device_id)
    call('cuDeviceGetName', name, len(name), device)
    call('cuDriverGetVersion', ctypes.byref(version))
    major, minor, multiprocessors, is_integrated = (
        _attribute(number, device)
        for number in (_CAPABILITY_MAJOR, _CAPABILITY_MINOR, _MULTIPROCESSORS, _INTEGRATED)
    )
    return DeviceFacts(
        device_id=device_id,
        name=name.value.decode(errors='replace'),
        compute_capability=f'{major}.{minor}',
        multiprocessors=multiprocessors,
        driver=_kernel_driver(),
        cuda=f'{version.value // 1000}.{version.value % 1000 // 10}',
        is_integrated=bool(is_integrated),
    )


def _attribute(number: int, device: ctypes.c_int) -> int:
    value = ctypes.c_int()
    call('cuDeviceGetAttribute', ctypes.byref(value), number, device)
    return value.value


def _kernel_driver() -> str:
    try:
        text = _DRIVER_VERSION.read_text(errors='replace')
    except OSError:
        return 'unknown'
    found = re.search(r'\b\d+\.\d+(\.\d+)?\b', text)
    return found.group() if found else 'unknown'


@dataclass(frozen=True)
class Buffer:
    """An array that the CPU sees, and the address at which the GPU sees it."""

    array: NDArray[Any]
    address: int
    is_shared: bool

    @property
    def bytes(self) -> NDArray[np.uint8]:
        """The array as flat bytes."""
        return self.array.reshape(-1).view(np.uint8)


class Device:
    """One GPU; everything on it is made, used and freed on one thread, inside ``with device``.

    What it hands out is freed by ``close``, the last first.
    """

    def __init__(self, facts: DeviceFacts) -> None:
        """Retain the primary context of a device, and open a stream.

        Raises:
            EngineError: if CUDA refuses, or no package for it is installed.
        """
        self._facts = facts
        self._thread = threading.get_ident()
        self._driver = cuda_driver.open_driver(facts.device_id)
        self._owned = ExitStack()
        self._is_open = True
        try:
            with self:
                self.stream = self._driver.open_stream()
                self._owned.callback(self._driver.close_stream)
        except EngineError:
            self.close()
            raise

    def __enter__(self) -> Device:
        self._require_thread()
        self._driver.push()
        return self

    def __exit__(self, *_exception: object) -> None:
        self._driver.pop()

    def scratch(self, size: int) -> int:
        """Return the address of at least ``size`` bytes, aligned to 256.

        Raises:
            DeviceMemoryError: if the GPU has no room.
        """
        handle, address = self._driver.allocate(max(size, 1) + ALIGNMENT)
        self._owned.callback(self._driver.free, handle)
        return -(-address // ALIGNMENT) * ALIGNMENT

    def buffer(self, shape: tuple[int, ...], dtype: str) -> Buffer:
        """Return an array that both CPU and GPU reach.

        Raises:
            DeviceMemoryError: if there is no room.
        """
        size = int(np.prod(shape)) * np.dtype(dtype).itemsize
        handle, memory, address = self._driver.allocate_host(size)
        self._owned.callback(self._driver.free_host, handle)
        if not self._facts.is_integrated:
            address = self.scratch(size)
        array = memory.view(dtype).reshape(shape)
        return Buffer(array, address, self._facts.is_integrated)

    def at_close(self, free: Callable[[], None]) -> None:
        """Have ``free`` called in its turn when the device is closed."""
        self._owned.callback(free)

    def upload(self, buffer: Buffer) -> None:
        """Let the GPU see what the CPU wrote, from here on the stream."""
        if not buffer.is_shared:
            self._driver.upload(buffer.address, buffer.bytes)

    def download(self, buffer: Buffer) -> None:
        """Let the CPU see what the GPU wrote, after :meth:`wait`."""
        if not buffer.is_shared:
            self._driver.download(buffer.bytes, buffer.address)

    def wait(self) -> None:
        """Sleep until the stream is done."""
        self._driver.wait()

    def capture(self, enqueue: Callable[[], None]) -> Callable[[], None]:
        """Record what ``enqueue`` puts on the stream; return what puts all of it there again.

        Raises:
            EngineError: if it cannot be recorded; the stream is usable as before.
        """
        cuda_driver.capture_begin(self.stream)
        try:
            enqueue()
        except BaseException:
            self._abandon_capture()
            raise
        graph = cuda_driver.capture_end(self.stream)
        self._owned.callback(cuda_driver.destroy_graph, graph)
        return partial(cuda_driver.launch, graph, self.stream)

    def free_bytes(self) -> int:
        """Return how much device memory nobody has."""
        free, total = ctypes.c_size_t(), ctypes.c_size_t()
        call('cuMemGetInfo_v2', ctypes.byref(free), ctypes.byref(total))
        return free.value

    def close(self, error: BaseException | None = None) -> None:
        """Free everything, the last first, and the context; harmless when repeated.

        A GPU that has failed refuses even this; its memory is free when the process ends.

        Args:
            error: what ended the use of the device. What its frames hold, such as a builder, is
                freed here too, since later there is no context.

        Raises:
            EngineError: if another thread than that of the device calls.
        """
        if not self._is_open:
            return
        self._require_thread()
        self._is_open = False
        with suppress(EngineError), self:
            if error is not None:
                clear_frames(error.__traceback__)
            self._owned.close()
        with suppress(EngineError):
            self._driver.release()

    def _require_thread(self) -> None:
        if threading.get_ident() != self._thread:
            raise EngineError(
                'the GPU is used by another thread than the one that opened it: build, run and '
                'close an engine on one thread'
            )

    def _abandon_capture(self) -> None:
        """End a recording that failed; what the driver says about that is of no use."""
        with suppress(EngineError):
            cuda_driver.destroy_graph(cuda_driver.capture_end(self.stream))
