# Copyright 2026 mm_robust_seg maintainers
# SPDX-License-Identifier: Apache-2.0

"""NVIDIA's driver, as far as the TensorRT engine needs it, through pycuda or cuda.bindings.

Neither package is asked to initialise anything (no ``pycuda.autoinit``): the device's primary
context, which TensorRT uses too, is retained, and current only between ``push`` and ``pop``.
What neither needs, or pycuda lacks (it cannot capture CUDA graphs), is called in the driver's
library itself. Addresses, streams and graphs are plain numbers.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
import ctypes
from functools import lru_cache
from importlib import import_module
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from mm_robust_seg.errors import EngineError

LIBRARY = 'libcuda.so.1'
_OUT_OF_MEMORY = 2
_BLOCKING_SYNC, _DISABLE_TIMING = 1, 2
_HOST_DEVICEMAP = 2
_CAPTURE_THREAD_LOCAL = 1

Bytes = NDArray[np.uint8]


class DeviceMemoryError(EngineError):
    """The GPU has no memory left for what was asked."""


class Driver(Protocol):
    """Context, memory and one stream of a device; used from one thread."""

    def push(self) -> None:
        """Make the device's primary context current."""

    def pop(self) -> None:
        """Make the context current that was before."""

    def release(self) -> None:
        """Let go of the primary context; it is not current."""

    def allocate(self, size: int) -> tuple[Any, int]:
        """Return a handle to free and the address of ``size`` bytes on the device."""

    def allocate_host(self, size: int) -> tuple[Any, Bytes, int]:
        """Return a handle to free, page-locked host memory, and its address on the device."""

    def free(self, handle: Any) -> None:
        """Free device memory."""

    def free_host(self, handle: Any) -> None:
        """Free page-locked host memory; its arrays must not be used any more."""

    def open_stream(self) -> int:
        """Create the one stream of this driver; return its number."""

    def close_stream(self) -> None:
        """Destroy the stream."""

    def upload(self, address: int, source: Bytes) -> None:
        """Copy to the device, on the stream."""

    def download(self, target: Bytes, address: int) -> None:
        """Copy from the device, on the stream."""

    def wait(self) -> None:
        """Sleep until the stream has done all that was put on it."""


class _PyCuda:
    """The driver through pycuda."""

    def __init__(self, device_id: int) -> None:
        import pycuda.driver as cuda  # noqa: PLC0415

        self._cuda = cuda
        with self._errors('the primary context'):
            cuda.init()
            self._context = cuda.Device(device_id).retain_primary_context()

    def push(self) -> None:
        with self._errors('the context'):
            self._context.push()

    def pop(self) -> None:
        with self._errors('the context'):
            self._cuda.Context.pop()

    def release(self) -> None:
        with self._errors('the primary context'):
            self._context.detach()  # which makes it current
        call('cuCtxPopCurrent_v2', ctypes.byref(ctypes.c_void_p()))

    def allocate(self, size: int) -> tuple[Any, int]:
        with self._errors(f'{size} bytes of device memory'):
            handle = self._cuda.mem_alloc(size)
            return handle, int(handle)

    def allocate_host(self, size: int) -> tuple[Any, Bytes, int]:
        with self._errors(f'{size} bytes of page-locked memory'):
            flags = self._cuda.host_alloc_flags.DEVICEMAP
            array = self._cuda.pagelocked_empty(size, np.uint8, mem_flags=flags)
            return array.base, array, int(array.base.get_device_pointer())

    def free(self, handle: Any) -> None:
        with self._errors('freeing memory'):
            handle.free()

    free_host = free

    def open_stream(self) -> int:
        with self._errors('a stream'):
            self._stream = self._cuda.Stream()
            flags = self._cuda.event_flags
            self._done = self._cuda.Event(flags.BLOCKING_SYNC | flags.DISABLE_TIMING)
            return int(self._stream.handle)

    def close_stream(self) -> None:
        del self._stream, self._done

    def upload(self, address: int, source: Bytes) -> None:
        with self._errors('a copy to the device'):
            self._cuda.memcpy_htod_async(address, source, self._stream)

    def download(self, target: Bytes, address: int) -> None:
        with self._errors('a copy from the device'):
            self._cuda.memcpy_dtoh_async(target, address, self._stream)

    def wait(self) -> None:
        with self._errors('work on the GPU'):
            self._done.record(self._stream).synchronize()

    @contextmanager
    def _errors(self, what: str) -> Iterator[None]:
        try:
            yield
        except self._cuda.MemoryError as error:
            raise _out_of_memory(what) from error
        except self._cuda.Error as error:
            raise EngineError(f'CUDA failed at {what}: {error}') from error


class _CudaBindings:
    """The driver through cuda.bindings (the package cuda-python)."""

    def __init__(self, device_id: int) -> None:
        from cuda.bindings import driver as cuda  # noqa: PLC0415

        self._cuda = cuda
        self._do('cuInit', 0)
        self._device = self._do('cuDeviceGet', device_id)
        self._context = self._do('cuDevicePrimaryCtxRetain', self._device)

    def push(self) -> None:
        self._do('cuCtxPushCurrent', self._context)

    def pop(self) -> None:
        self._do('cuCtxPopCurrent')

    def release(self) -> None:
        self._do('cuDevicePrimaryCtxRelease', self._device)

    def allocate(self, size: int) -> tuple[Any, int]:
        handle = self._do('cuMemAlloc', size)
        return handle, int(handle)

    def allocate_host(self, size: int) -> tuple[Any, Bytes, int]:
        pointer = self._do('cuMemHostAlloc', size, _HOST_DEVICEMAP)
        memory = (ctypes.c_uint8 * size).from_address(int(pointer))
        address = int(self._do('cuMemHostGetDevicePointer', pointer, 0))
        return pointer, np.ctypeslib.as_array(memory), address

    def free(self, handle: Any) -> None:
        self._do('cuMemFree', handle)

    def free_host(self, handle: Any) -> None:
        self._do('cuMemFreeHost', handle)

    def open_stream(self) -> int:
        self._stream = self._do('cuStreamCreate', 0)
        self._done = self._do('cuEventCreate', _BLOCKING_SYNC | _DISABLE_TIMING)
        return int(self._stream)

    def close_stream(self) -> None:
        self._do('cuEventDestroy', self._done)
        self._do('cuStreamDestroy', self._stream)

    def upload(self, address: int, source: Bytes) -> None:
        self._do('cuMemcpyHtoDAsync', address, source.ctypes.data, source.nbytes, self._stream)

    def download(self, target: Bytes, address: int) -> None:
        self._do('cuMemcpyDtoHAsync', target.ctypes.data, address, target.nbytes, self._stream)

    def wait(self) -> None:
        self._do('cuEventRecord', self._done, self._stream)
        self._do('cuEventSynchronize', self._done)

    def _do(self, name: str, *arguments: Any) -> Any:
        code, *results = getattr(self._cuda, name)(*arguments)
        _check(int(code), name)
        return results[0] if results else None


def open_driver(device_id: int) -> Driver:
    """Retain the primary context of a device, through the first package that is installed.

    Raises:
        EngineError: if neither is, or CUDA refuses.
    """
    return require_package()(device_id)


def require_package() -> type[_PyCuda] | type[_CudaBindings]:
    """Return the class for the first package that can be imported.

    Raises:
        EngineError: if neither can.
    """
    reasons = []
    for name, package in (('pycuda.driver', _PyCuda), ('cuda.bindings.driver', _CudaBindings)):
        try:
            import_module(name)
        except ImportError as error:
            reasons.append(str(error))
        else:
            return package
    raise EngineError(
        f'neither pycuda nor cuda.bindings can be imported ({"; ".join(reasons)}): pip install '
        'pycuda, or pip install cuda-python'
    )


def capture_begin(stream: int) -> None:
    """Record what is put on ``stream`` from now on instead of running it."""
    call('cuStreamBeginCapture_v2', ctypes.c_void_p(stream), _CAPTURE_THREAD_LOCAL)


def capture_end(stream: int) -> int:
    """End the recording; return the executable CUDA graph, for :func:`launch`."""
    graph, executable = ctypes.c_void_p(), ctypes.c_void_p()
    call('cuStreamEndCapture', ctypes.c_void_p(stream), ctypes.byref(graph))
    try:
        no_flags = ctypes.c_ulonglong(0)
        call('cuGraphInstantiateWithFlags', ctypes.byref(executable), graph, no_flags)
    finally:
        call('cuGraphDestroy', graph)
    return executable.value or 0


def launch(graph: int, stream: int) -> None:
    """Run a recorded graph on ``stream``."""
    call('cuGraphLaunch', ctypes.c_void_p(graph), ctypes.c_void_p(stream))


def destroy_graph(graph: int) -> None:
    """Free a recorded graph."""
    call('cuGraphExecDestroy', ctypes.c_void_p(graph))


def call(name: str, *arguments: Any) -> None:
    """Call a function of the driver's library.

    Raises:
        EngineError: if there is no driver, or it reports an error.
    """
    try:
        function = getattr(libcuda(), name)
    except OSError as error:
        raise EngineError(f'there is no NVIDIA driver: {error}') from error
    _check(function(*arguments), name)


@lru_cache(maxsize=1)
def libcuda() -> Any:
    """Load the driver's library; it stays loaded."""
    return ctypes.CDLL(LIBRARY)


def _check(code: int, what: str) -> None:
    if code == _OUT_OF_MEMORY:
        raise _out_of_memory(what)
    if code != 0:
        text = ctypes.c_char_p()
        libcuda().cuGetErrorName(code, ctypes.byref(text))
        name = (text.value or b'unknown error').decode()
        raise EngineError(f'CUDA failed at {what}: {name} ({code})')


def _out_of_memory(what: str) -> DeviceMemoryError:
    return DeviceMemoryError(f'the GPU is out of memory ({what})')
