# Copyright 2026 mm_robust_seg maintainers
# SPDX-License-Identifier: Apache-2.0

"""TensorRT as a module that runs plans with ONNX Runtime on the memory of a FakeGpu.

A plan names its ONNX file. The rules that real TensorRT leaves to the caller are asserted: scratch
memory aligned, large enough and alive, every tensor with an address, a stream of one's own.
"""

from contextlib import contextmanager
import json
import sys
from types import ModuleType, SimpleNamespace
import weakref

from fake_cuda import cuda_bindings, FakeGpu, libcuda, pycuda
import numpy as np
import onnx
import onnxruntime as ort

SCRATCH_BYTES = 1000
ENGINE_MODULES = ('engine', 'log', 'plan_builder')
KINDS = {'tensor(float)': 'FLOAT', 'tensor(uint8)': 'UINT8'}
SIZES = {'FLOAT': np.float32, 'UINT8': np.uint8}


def tensorrt(gpu, version='10.13.3.9'):
    trt = ModuleType('tensorrt')
    trt.__version__ = version
    trt.DataType = SimpleNamespace(
        **{name: name for name in ('FLOAT', 'HALF', 'INT32', 'INT64', 'UINT8')}
    )
    trt.LayerType = SimpleNamespace(CAST='CAST')
    trt.TensorIOMode = SimpleNamespace(INPUT='INPUT', OUTPUT='OUTPUT')
    trt.ExecutionContextAllocationStrategy = SimpleNamespace(USER_MANAGED='USER_MANAGED')
    trt.NetworkDefinitionCreationFlag = SimpleNamespace(STRONGLY_TYPED=1)
    trt.BuilderFlag = SimpleNamespace(TF32='TF32')
    trt.built, trt.failing, trt.steps, trt.builders = [], set(), 3, 0
    trt.weight_bytes = 10_000
    alive = trt.alive = weakref.WeakSet()

    class ILogger:
        INTERNAL_ERROR, ERROR, WARNING = 0, 1, 2
        Severity = int

    class IProgressMonitor:
        pass

    def start(log):
        """Refuse as the bindings do where the driver is too old for this TensorRT."""
        gpu.require_current()
        if 'start' in trt.failing:
            log.log(ILogger.ERROR, 'Error Code 6: CUDA initialization failure with error: 35')
            raise TypeError('pybind11::init(): factory function returned nullptr')

    class Runtime:
        def __init__(self, log):
            start(log)
            self.log = log

        def deserialize_cuda_engine(self, plan):
            gpu.require_current()
            if 'deserialize' in trt.failing:
                self.log.log(ILogger.ERROR, 'Error Code 1: Serialization (magic tag mismatch)')
                return None
            if gpu.used + trt.weight_bytes > gpu.room:
                said = f'Requested amount of GPU memory ({trt.weight_bytes} bytes) could not be '
                self.log.log(ILogger.ERROR, said + 'allocated.')
                return None
            return Engine(json.loads(plan)['onnx'], self.log)

    class Engine:
        device_memory_size_v2 = SCRATCH_BYTES

        def __init__(self, path, log):
            self.log = log
            options = ort.SessionOptions()
            options.intra_op_num_threads = 1
            self.session = ort.InferenceSession(path, options, ['CPUExecutionProvider'])
            self.ports = {p.name: p for p in self.session.get_inputs()}
            self.input_names = list(self.ports)
            self.ports |= {p.name: p for p in self.session.get_outputs()}
            self.num_io_tensors = len(self.ports)
            self.weights = gpu.allocate(trt.weight_bytes, 'device')
            alive.add(self)

        def __del__(self):
            if not gpu.has_died:
                gpu.require_current()
            gpu.memory.pop(self.weights)

        def get_tensor_name(self, index):
            return list(self.ports)[index]

        def get_tensor_mode(self, name):
            return 'INPUT' if name in self.input_names else 'OUTPUT'

        def get_tensor_dtype(self, name):
            return KINDS[self.ports[name].type]

        def get_tensor_shape(self, name):
            return [d if isinstance(d, int) else -1 for d in self.ports[name].shape]

        def create_execution_context(self, strategy):
            assert strategy == 'USER_MANAGED'
            gpu.require_current()
            if 'context' in trt.failing:
                return None
            return Context(self)

    class Context:
        def __init__(self, engine):
            self.engine, self.addresses = engine, {}
            alive.add(self)

        def __del__(self):
            if not gpu.has_died:
                gpu.require_current()

        def set_device_memory(self, address, size):
            assert address % 256 == 0
            assert size >= SCRATCH_BYTES
            self.scratch = gpu.view(address, size)

        def set_tensor_address(self, name, address):
            assert name in self.engine.ports
            self.addresses[name] = address
            return True

        def execute_async_v3(self, stream):
            assert self.addresses.keys() == self.engine.ports.keys()
            recorded = gpu.recording is not None
            if 'execute' in trt.failing or (recorded and 'record' in trt.failing):
                self.engine.log.log(ILogger.ERROR, 'Error Code 1: Cuda Runtime (an illegal memory')
                return False
            gpu.put(stream, self.compute)
            return True

        def compute(self):
            self.scratch[:] = 0xEE
            names = self.engine.input_names
            results = self.engine.session.run(None, {n: self.tensor(n) for n in names})
            for port, result in zip(self.engine.session.get_outputs(), results, strict=True):
                self.tensor(port.name)[:] = result

        def tensor(self, name):
            port = self.engine.ports[name]
            dtype = SIZES[KINDS[port.type]]
            size = int(np.prod(port.shape)) * np.dtype(dtype).itemsize
            kinds = ('host',) if gpu.is_integrated else ('device',)
            memory = gpu.view(self.addresses[name], size, kinds)
            return memory.view(dtype).reshape(port.shape)

    class Builder:
        def __init__(self, log):
            start(log)
            self.log = log
            trt.builders += 1

        def __del__(self):
            if hasattr(self, 'log') and not gpu.has_died:
                gpu.require_current()

        def create_network(self, flags):
            assert flags == 1 << 1, 'the network is not strongly typed'
            return Network(self)

        def create_builder_config(self):
            return Config()

        def build_serialized_network(self, network, config):
            assert config.cleared == {'TF32'}
            assert config.max_aux_streams == 0
            for layer in network.layers:
                types = layer.type, layer.output.dtype
                if types == ('CAST', 'UINT8'):
                    assert layer.input.dtype in ('FLOAT', 'HALF'), 'no such cast is promised'
            if 'build' in trt.failing:
                self.log.log(ILogger.ERROR, 'Error Code 10: no implementation for node /head')
                return None
            monitor = config.progress_monitor
            monitor.phase_start('Building Engine', None, trt.steps)
            for step in range(trt.steps):
                monitor.phase_start('Tactics', 'Building Engine', 1)
                monitor.phase_finish('Tactics')
                if not monitor.step_complete('Building Engine', step):
                    return None
            monitor.phase_finish('Building Engine')
            trt.built.append(network.path)
            config.cache.content += b'+'
            return json.dumps({'onnx': network.path}).encode()

    class Layer:
        def __init__(self, kind, given, made):
            self.type, self.input, self.output = kind, given, made

        def get_input(self, index):
            return self.input

        def get_output(self, index):
            return self.output

        def set_input(self, index, given):
            self.input = given

    class Network:
        def __init__(self, builder):
            self.builder, self.path, self.layers = builder, '', []
            self.num_inputs = self.num_outputs = 0

        @property
        def num_layers(self):
            return len(self.layers)

        def get_layer(self, index):
            return self.layers[index]

        def add_cast(self, given, kind):
            self.layers.append(Layer('CAST', given, SimpleNamespace(dtype=kind)))
            return self.layers[-1]

    class Config:
        def __init__(self):
            self.cleared, self.max_aux_streams, self.progress_monitor = set(), None, None

        def clear_flag(self, flag):
            self.cleared.add(flag)

        def create_timing_cache(self, content):
            return None if content.startswith(b'damaged') else SimpleNamespace(content=content)

        def set_timing_cache(self, cache, ignore_mismatch):
            assert ignore_mismatch is False
            if cache is None:
                raise TypeError('set_timing_cache(): incompatible function arguments')
            self.cache = cache
            return not cache.content.startswith(b'foreign')

        def get_timing_cache(self):
            return SimpleNamespace(serialize=lambda: self.cache.content)

    class OnnxParser:
        def __init__(self, network, log):
            self.network, self.errors = network, []

        @property
        def num_errors(self):
            return len(self.errors)

        def get_error(self, index):
            return self.errors[index]

        def parse_from_file(self, path):
            try:
                model = onnx.load(path, load_external_data=False)
            except Exception:
                model = None
            if model is None:
                self.errors.append(error('', '', 'Failed to parse ONNX model'))
                return False
            for node in model.graph.node:
                if not onnx.defs.has(node.op_type):
                    self.errors.append(error(node.op_type, node.name, 'No importer registered'))
            fill(self.network, model.graph, path)
            return not self.errors

    def error(operator, node, text):
        return SimpleNamespace(
            node_operator=lambda: operator, node_name=lambda: node, desc=lambda: text
        )

    def fill(network, graph, path):
        network.path = path
        for node in graph.node:
            from_integers = node.op_type == 'Cast' and made_by(graph, node.input[0]) == 'ArgMax'
            given = SimpleNamespace(dtype='INT64' if from_integers else 'FLOAT')
            made = SimpleNamespace(dtype='UINT8' if node.op_type == 'Cast' else 'FLOAT')
            network.layers.append(Layer(node.op_type.upper(), given, made))
        network.num_inputs, network.num_outputs = len(graph.input), len(graph.output)
        network.get_input = lambda index: tensor(graph.input[index])
        network.get_output = lambda index: tensor(graph.output[index])

    def made_by(graph, name):
        return next((node.op_type for node in graph.node if name in node.output), '')

    def tensor(port):
        sizes = port.type.tensor_type.shape.dim
        shape = [d.dim_value if d.HasField('dim_value') else -1 for d in sizes]
        return SimpleNamespace(name=port.name, shape=shape)

    for item in (ILogger, IProgressMonitor, Runtime, Builder, OnnxParser):
        setattr(trt, item.__name__, item)
    return trt


@contextmanager
def machine(package='pycuda', version='10.13.3.9', **properties):
    """Put a GPU and TensorRT into this process; yields (gpu, tensorrt)."""
    gpu = FakeGpu(**properties)
    trt = tensorrt(gpu, version)
    packages = {'pycuda': pycuda, 'cuda.bindings': cuda_bindings}
    absent = dict.fromkeys(('pycuda', 'pycuda.driver', 'cuda', 'cuda.bindings', 'tensorrt'))
    from mm_robust_seg.engine.tensorrt import cuda_driver

    modules = {**absent, **(packages[package](gpu) if package else {}), 'tensorrt': trt}
    names = [f'mm_robust_seg.engine.tensorrt.{name}' for name in ENGINE_MODULES]
    before = {name: sys.modules.pop(name, None) for name in [*modules, *names]}
    real, fake = cuda_driver.libcuda, libcuda(gpu)
    cuda_driver.libcuda = lambda: fake
    sys.modules.update(modules)
    try:
        yield gpu, trt
    finally:
        gpu.has_died = True  # what an exception or a module still holds goes whenever it likes
        cuda_driver.libcuda = real
        for name, module in before.items():
            sys.modules.pop(name, None)
            if module is not None:
                sys.modules[name] = module


def build_engine(bundle, root, **settings):
    """Build the plans that are missing into ``root``, and the engine."""
    from mm_robust_seg.config import EngineConfig

    return build_and_open(bundle, EngineConfig(plans=str(root), **settings))


def build_and_open(bundle, config, *is_cancelled):
    """Build the plans that are missing, as the command does, and the engine."""
    from mm_robust_seg.engine.tensorrt.engine import TensorRtEngine
    from mm_robust_seg.engine.tensorrt.plan_builder import build_plans
    from mm_robust_seg.engine.tensorrt.plans import PlanFolder

    if bundle.graphs:
        build_plans(PlanFolder(bundle, config.plans), target(bundle), 0)
    return TensorRtEngine(bundle, config, *is_cancelled)


def target(bundle):
    from mm_robust_seg.engine.tensorrt.device_memory import find_device
    from mm_robust_seg.engine.tensorrt.plans import Target

    return Target.on(find_device(0), sys.modules['tensorrt'].__version__, bundle.precision)
