# Copyright 2026 mm_robust_seg maintainers
# SPDX-License-Identifier: Apache-2.0

"""A GPU made of NumPy arrays, behind the names of pycuda, cuda.bindings and libcuda.

It is strict where real hardware fails silently: every use must be on one thread with the context
current, every address must lie in living memory of the right kind, and what is put on a stream
happens only when somebody waits for it.
"""

import ctypes
import threading
from types import ModuleType, SimpleNamespace

import numpy as np

OUT_OF_MEMORY = 2
NAMES = {2: b'CUDA_ERROR_OUT_OF_MEMORY', 900: b'CUDA_ERROR_STREAM_CAPTURE_UNSUPPORTED'}


class CudaError(Exception):
    def __init__(self, code):
        super().__init__(code)
        self.code = code


class FakeGpu:
    """A GPU with ``room`` bytes.

    Attributes:
        failing: driver functions with their error codes.
        has_died: what was on it cannot be freed in order any more.
    """

    def __init__(
        self,
        room=1 << 30,
        is_integrated=False,
        count=1,
        name='Fake GPU',
        multiprocessors=16,
    ):
        self.room, self.is_integrated, self.count, self.name = room, is_integrated, count, name
        self.multiprocessors = multiprocessors
        self.failing, self.has_died = {}, False
        self.memory = {}
        self.stack, self.retained = [], 0
        self.objects, self.numbers = {}, iter(range(1000, 1 << 30))
        self.recording = None
        self.launches = self.copied_bytes = 0
        self.thread = None
        self.log = []

    # Context

    def enter(self, name):
        self.log.append(name)
        if name in self.failing:
            raise CudaError(self.failing[name])

    def require_current(self):
        assert self.stack, 'no context is current'
        assert self.thread == threading.get_ident(), 'the context is of another thread'

    def retain(self):
        self.enter('retain')
        self.retained += 1
        self.thread = threading.get_ident()

    def push(self):
        self.enter('push')
        assert self.retained, 'the context was released'
        self.stack.append(threading.get_ident())
        self.require_current()

    def pop(self):
        self.require_current()
        self.stack.pop()
        self.enter('pop')

    def release(self):
        self.retained -= 1
        self.enter('release')

    # Memory

    @property
    def used(self):
        return sum(array.nbytes for kind, array in self.memory.values() if kind == 'device')

    def allocate(self, size, kind):
        self.require_current()
        self.enter(f'allocate_{kind}')
        if kind == 'device' and self.used + size > self.room:
            raise CudaError(OUT_OF_MEMORY)
        array = np.full(size, 0xA5, np.uint8)
        self.memory[array.ctypes.data] = (kind, array)
        return array.ctypes.data

    def free(self, address, kind):
        self.require_current()
        assert self.memory.pop(address)[0] == kind

    def view(self, address, size, kinds=('device',)):
        """Return living memory; the GPU itself may use device and mapped host memory."""
        for start, (kind, array) in self.memory.items():
            if kind in kinds and start <= address and address + size <= start + array.nbytes:
                return array[address - start : address - start + size]
        raise AssertionError(f'{size} bytes at {address:#x} are not in living memory of {kinds}')

    # The stream

    def create(self, thing):
        self.require_current()
        number = next(self.numbers)
        self.objects[number] = thing
        return number

    def destroy(self, number):
        self.require_current()
        del self.objects[number]

    def put(self, stream, action):
        self.require_current()
        queue = self.objects[stream]
        (queue if self.recording is None else self.recording).append(action)

    def wait(self, stream):
        self.require_current()
        self.enter('wait')
        assert self.recording is None, 'a stream that records cannot be waited for'
        queue = self.objects[stream]
        while queue:
            queue.pop(0)()

    def upload(self, address, source, stream):
        source = self.view(source.ctypes.data, source.nbytes, ('host',))
        target = self.view(address, source.nbytes)
        self.put(stream, lambda: self._copy(target, source))

    def download(self, target, address, stream):
        target = self.view(target.ctypes.data, target.nbytes, ('host',))
        source = self.view(address, target.nbytes)
        self.put(stream, lambda: self._copy(target, source))

    def _copy(self, target, source):
        self.copied_bytes += source.nbytes
        target[:] = source

    @property
    def leaks(self):
        return {'memory': len(self.memory), 'objects': len(self.objects), 'stack': self.stack}


def libcuda(gpu):
    """libcuda: functions return a code, and write through what ctypes.byref points to."""

    def number(argument):
        return getattr(argument, 'value', argument)

    def function(body):
        def called(*arguments):
            try:
                gpu.enter(body.__name__)
                return body(*arguments) or 0
            except CudaError as failure:
                if body is cuStreamEndCapture:
                    gpu.recording = None
                return failure.code

        return called

    def cuInit(flags): ...

    def cuDeviceGetCount(count):
        count._obj.value = gpu.count

    def cuDeviceGet(device, ordinal):
        device._obj.value = ordinal

    def cuDeviceGetName(buffer, size, device):
        buffer.value = gpu.name.encode()

    def cuDeviceGetAttribute(value, attribute, device):
        value._obj.value = {75: 8, 76: 7, 16: gpu.multiprocessors, 18: int(gpu.is_integrated)}[
            attribute
        ]

    def cuDriverGetVersion(version):
        version._obj.value = 12060

    def cuGetErrorName(code, text):
        text._obj.value = NAMES.get(code, b'CUDA_ERROR_UNKNOWN')

    def cuMemGetInfo_v2(free, total):
        free._obj.value, total._obj.value = gpu.room - gpu.used, gpu.room

    def cuCtxPopCurrent_v2(context):
        gpu.stack.pop()

    def cuStreamBeginCapture_v2(stream, mode):
        assert mode == 1
        assert not gpu.objects[number(stream)], 'capture before the stream was done'
        gpu.recording = []

    def cuStreamEndCapture(stream, graph):
        actions, gpu.recording = gpu.recording, None
        graph._obj.value = gpu.create(actions)

    def cuGraphInstantiateWithFlags(executable, graph, flags):
        executable._obj.value = gpu.create(gpu.objects[number(graph)])

    def cuGraphDestroy(graph):
        gpu.destroy(number(graph))

    def cuGraphExecDestroy(graph):
        gpu.destroy(number(graph))

    def cuGraphLaunch(graph, stream):
        gpu.launches += 1
        for action in gpu.objects[number(graph)]:
            gpu.put(number(stream), action)

    found = dict(locals())
    return SimpleNamespace(**{n: function(f) for n, f in found.items() if n.startswith('cu')})


def pycuda(gpu):
    """The modules pycuda and pycuda.driver."""
    driver = ModuleType('pycuda.driver')
    driver.Error = type('Error', (Exception,), {})
    driver.MemoryError = type('MemoryError', (driver.Error,), {})

    def translated(function):
        def called(*arguments, **named):
            try:
                return function(*arguments, **named)
            except CudaError as failure:
                kind = driver.MemoryError if failure.code == OUT_OF_MEMORY else driver.Error
                raise kind(f'cu{function.__name__} failed') from failure

        return called

    class Context:
        push = staticmethod(translated(gpu.push))
        pop = staticmethod(translated(gpu.pop))

        def detach(self):
            translated(gpu.push)()
            translated(gpu.release)()

    class Device:
        def __init__(self, device_id):
            assert device_id < gpu.count

        def retain_primary_context(self):
            gpu.retain()
            return Context()

    class DeviceMemory:
        def __init__(self, size):
            self.address = gpu.allocate(size, 'device')

        def __int__(self):
            return self.address

        def free(self):
            gpu.free(self.address, 'device')

    class HostMemory:
        def __init__(self, size):
            self.address = gpu.allocate(size, 'host')
            view = gpu.memory[self.address][1]
            self.__array_interface__ = view.__array_interface__

        def get_device_pointer(self):
            return self.address

        def free(self):
            gpu.free(self.address, 'host')

    class Stream:
        def __init__(self):
            self.handle = gpu.create([])

        def __del__(self):
            gpu.objects.pop(self.handle)

    class Event:
        def __init__(self, flags):
            assert flags == 3

        def record(self, stream):
            self.stream = stream.handle
            return self

        def synchronize(self):
            translated(gpu.wait)(self.stream)

    def pagelocked_empty(size, dtype, mem_flags):
        assert mem_flags == driver.host_alloc_flags.DEVICEMAP
        assert dtype is np.uint8
        return np.asarray(HostMemory(size))

    driver.init = lambda: None
    driver.Device, driver.Context = Device, Context
    driver.mem_alloc = translated(DeviceMemory)
    driver.pagelocked_empty = translated(pagelocked_empty)
    driver.host_alloc_flags = SimpleNamespace(DEVICEMAP=2)
    driver.event_flags = SimpleNamespace(BLOCKING_SYNC=1, DISABLE_TIMING=2)
    driver.Stream, driver.Event = Stream, Event
    driver.memcpy_htod_async = lambda to, source, stream: gpu.upload(to, source, stream.handle)
    driver.memcpy_dtoh_async = lambda to, source, stream: gpu.download(to, source, stream.handle)
    package = ModuleType('pycuda')
    package.driver = driver
    return {'pycuda': package, 'pycuda.driver': driver}


def cuda_bindings(gpu):
    """The modules cuda, cuda.bindings and cuda.bindings.driver: errors are returned as values."""
    driver = ModuleType('cuda.bindings.driver')

    def bytes_at(address, size):
        return np.ctypeslib.as_array((ctypes.c_uint8 * size).from_address(address))

    functions = {
        'cuInit': lambda flags: None,
        'cuDeviceGet': lambda ordinal: ordinal,
        'cuDevicePrimaryCtxRetain': lambda device: gpu.retain() or 'context',
        'cuDevicePrimaryCtxRelease': lambda device: gpu.release(),
        'cuCtxPushCurrent': lambda context: gpu.push(),
        'cuCtxPopCurrent': lambda: gpu.pop() or 'context',
        'cuMemAlloc': lambda size: gpu.allocate(size, 'device'),
        'cuMemFree': lambda address: gpu.free(address, 'device'),
        'cuMemHostAlloc': lambda size, flags: gpu.allocate(size, 'host'),
        'cuMemFreeHost': lambda address: gpu.free(address, 'host'),
        'cuMemHostGetDevicePointer': lambda address, flags: address,
        'cuStreamCreate': lambda flags: gpu.create([]),
        'cuStreamDestroy': gpu.destroy,
        'cuEventCreate': lambda flags: gpu.create({}),
        'cuEventDestroy': gpu.destroy,
        'cuEventRecord': lambda event, stream: gpu.objects[event].update(stream=stream),
        'cuEventSynchronize': lambda event: gpu.wait(gpu.objects[event]['stream']),
        'cuMemcpyHtoDAsync': lambda to, source, size, stream: gpu.upload(
            to, bytes_at(source, size), stream
        ),
        'cuMemcpyDtoHAsync': lambda to, source, size, stream: gpu.download(
            bytes_at(to, size), source, stream
        ),
    }

    def returning(function):
        def called(*arguments):
            try:
                result = function(*arguments)
            except CudaError as failure:
                return (failure.code,)
            return (0,) if result is None else (0, result)

        return called

    for name, function in functions.items():
        setattr(driver, name, returning(function))
    modules = {name: ModuleType(name) for name in ('cuda', 'cuda.bindings')}
    modules['cuda.bindings'].driver = driver
    return {**modules, 'cuda.bindings.driver': driver}
