# Copyright 2026 mm_robust_seg maintainers
# SPDX-License-Identifier: Apache-2.0

"""Inference with TensorRT on an NVIDIA GPU.

Every plan is deserialised when the engine is built. The execution contexts share one scratch
buffer, since only one of them runs at a time, and all run on one stream. Copies and inference of
a combination are recorded as one CUDA graph, so that a frame is one launch; only the label map
and the confidence, one byte a pixel each, come back.

The same calls serve TensorRT 10.3 to 11: a test holds every name against four versions.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import tensorrt as trt

from mm_robust_seg.bundle import Bundle
from mm_robust_seg.config import EngineConfig
from mm_robust_seg.dataflow import Prediction
from mm_robust_seg.engine.base import CONFIDENCE, IsCancelled, LABELS, never
from mm_robust_seg.engine.graphs import Float, GraphEngine, Labels, Port
from mm_robust_seg.engine.shared_graph import sharing
from mm_robust_seg.engine.tensorrt.cuda_driver import DeviceMemoryError
from mm_robust_seg.engine.tensorrt.device_memory import Buffer, Device, DeviceFacts, find_device
from mm_robust_seg.engine.tensorrt.log import TensorRtLog
from mm_robust_seg.engine.tensorrt.plan_builder import build_plans
from mm_robust_seg.engine.tensorrt.plans import onnx_files, PlanFolder, Target
from mm_robust_seg.errors import EngineError, EngineUnavailableError
from mm_robust_seg.modality import Modality, ModalitySet

_DTYPES = {trt.DataType.FLOAT: 'float32', trt.DataType.UINT8: 'uint8'}
_IN_USERS_MEMORY = trt.ExecutionContextAllocationStrategy.USER_MANAGED


class TensorRtEngine(GraphEngine):
    """One plan per combination, all loaded; built, used and closed on one thread."""

    def __init__(
        self, bundle: Bundle, config: EngineConfig, is_cancelled: IsCancelled = never
    ) -> None:
        """Load and warm the plan of every graph; see ``engine.base.MakeEngine``.

        Where the GPU has no room for all, the complete combination and the single sensors are
        tried, and then the single sensors: whatever fails, something can run.

        Raises:
            EngineUnavailableError: if the GPU has no room even for single sensors, or a plan does
                not fit and ``on_mismatch`` is cpu.
            EngineError: if there is no GPU, a plan does not fit, is damaged or fails to run, or
                building plans is cancelled.
        """
        graphs = bundle.graphs
        if not graphs:
            raise EngineError('the engine got no graph: expected one for each combination')
        facts = find_device(config.device_id)
        folder = PlanFolder(bundle, config.plans)
        target = Target.on(facts, trt.__version__, folder.precision)
        _settle(folder, target, config, is_cancelled)
        for kept in _ever_fewer(graphs):
            served = replace(bundle, graphs=kept)
            shortage = self._open(served, facts, folder, config.warmup_iterations, is_cancelled)
            if not shortage:
                break
        else:
            raise EngineUnavailableError(
                f'{facts.name} has no room for the combinations {", ".join(map(str, kept))}: '
                f'{shortage}; free GPU memory or choose a smaller bundle'
            )
        self._description = _describe(facts, folder.precision, graphs, kept, self._plain_runs)

    def infer(self, inputs: Mapping[Modality, Float]) -> Prediction:
        """Run the active combination on (1, C, h, w) float32 inputs.

        Raises:
            EngineError: if the inputs are not exactly those of the active combination in the
                declared shapes, the GPU fails, the engine is closed or another thread calls.
        """
        self._require_open()
        with self._device:
            return super().infer(inputs)

    def close(self) -> None:
        """Free contexts, engines and memory in their order; harmless when repeated.

        Raises:
            EngineError: if another thread than that of the engine calls.
        """
        self._device.close()
        super().close()

    def _open(
        self,
        bundle: Bundle,
        facts: DeviceFacts,
        folder: PlanFolder,
        warmup_iterations: int,
        is_cancelled: IsCancelled,
    ) -> str:
        """Load, check, attach and warm some combinations; return what memory lacked, if any."""
        try:
            self._device = Device(facts)
        except DeviceMemoryError as error:
            return str(error)
        try:
            with self._device:
                plans = _load_plans(onnx_files(bundle.graphs.values()), folder, self._device)
                load = sharing(plans.__getitem__)
                super().__init__('TensorRT', load, bundle, 0, is_cancelled)
                _attach(plans.values(), self._device)
            self._plain_runs = next((p.plain_runs for p in plans.values() if p.plain_runs), '')
            self._warm(warmup_iterations)
        except DeviceMemoryError as error:
            self._device.close(error)
            return str(error)
        except BaseException as error:
            self._device.close(error)
            raise
        return ''

    def _warm(self, iterations: int) -> None:
        for combination, shapes in reversed(self._shapes.items()):
            self.activate(combination)
            for _ in range(iterations):
                self.infer({m: np.zeros(shape, np.float32) for m, shape in shapes.items()})


class _PlanGraph:
    """A deserialised plan, and once it is attached, its context and CUDA graph.

    Attributes:
        scratch_bytes: device memory that it needs while it runs.
        plain_runs: why there is no CUDA graph; empty if there is one.
    """

    def __init__(self, plan: bytes, runtime: trt.Runtime, log: TensorRtLog, name: str) -> None:
        engine = runtime.deserialize_cuda_engine(plan)
        if engine is None:
            raise log.error(f'TensorRT refuses the plan of {name}')
        self._engine, self._log, self._name = engine, log, name
        names = [engine.get_tensor_name(i) for i in range(engine.num_io_tensors)]
        ports = {n: _port(engine, n) for n in names}
        is_input = {n: engine.get_tensor_mode(n) == trt.TensorIOMode.INPUT for n in names}
        self.inputs = {n: port for n, port in ports.items() if is_input[n]}
        self.outputs = {n: port for n, port in ports.items() if not is_input[n]}
        self.scratch_bytes = int(engine.device_memory_size_v2)
        self.plain_runs = ''

    def attach(
        self, device: Device, scratch: tuple[int, int], buffers: dict[tuple[str, Port], Buffer]
    ) -> None:
        """Give it memory, run it once, and record the CUDA graph.

        Args:
            device: current.
            scratch: address and size of the memory that all plans share.
            buffers: inputs and outputs by name; what is missing is added.
        """
        self._device = device
        self._context = self._engine.create_execution_context(_IN_USERS_MEMORY)
        if self._context is None:
            raise self._log.error(f'TensorRT cannot run the plan of {self._name}')
        device.at_close(self._free_context)
        self._context.set_device_memory(*scratch)
        self._buffers: dict[str, Buffer] = {}
        for name, port in {**self.inputs, **self.outputs}.items():
            if (name, port) not in buffers:
                buffers[name, port] = device.buffer(port.shape, port.dtype)
            self._buffers[name] = buffers[name, port]
            self._context.set_tensor_address(name, buffers[name, port].address)
        self._launch: Callable[[], None] = self._enqueue
        self._enqueue()
        device.wait()
        try:
            self._launch = device.capture(self._enqueue)
        except DeviceMemoryError:
            raise
        except EngineError as error:
            self.plain_runs = str(error)

    def run(self, inputs: Mapping[str, Float]) -> tuple[Labels, Labels]:
        """Copy the inputs to where the GPU finds them, run, and copy the outputs."""
        for name in self.inputs:
            np.copyto(self._buffers[name].array, inputs[name])
        self._launch()
        self._device.wait()
        labels, confidence = (self._buffers[n].array.copy() for n in (LABELS, CONFIDENCE))
        return labels, confidence

    def free_engine(self) -> None:
        """Let TensorRT free the weights; the context is gone already."""
        self._engine = None

    def _free_context(self) -> None:
        self._context = None

    def _enqueue(self) -> None:
        for name in self.inputs:
            self._device.upload(self._buffers[name])
        if not self._context.execute_async_v3(self._device.stream):
            raise self._log.error(f'TensorRT cannot run {self._name}')
        for name in self.outputs:
            self._device.download(self._buffers[name])


def _settle(
    folder: PlanFolder, target: Target, config: EngineConfig, is_cancelled: IsCancelled
) -> None:
    """See to it that every plan fits, as ``on_mismatch`` says."""
    misfits = folder.misfits(target)
    if not misfits:
        return
    if config.on_mismatch == 'rebuild':
        build_plans(folder, target, config.device_id, is_cancelled=is_cancelled)
        return
    kind = EngineUnavailableError if config.on_mismatch == 'cpu' else EngineError
    raise kind(folder.complaint(misfits))


def _load_plans(
    sources: Iterable[Path], folder: PlanFolder, device: Device
) -> dict[Path, _PlanGraph]:
    """Deserialise every plan; the bytes come from a checked file and go again."""
    log = TensorRtLog()
    runtime = log.start(trt.Runtime)
    plans = {}
    for source in sources:
        plans[source] = _PlanGraph(folder.read(source), runtime, log, source.stem)
        device.at_close(plans[source].free_engine)
    return plans


def _attach(plans: Iterable[_PlanGraph], device: Device) -> None:
    """Attach all plans to one scratch buffer, as large as the largest asks."""
    plans = tuple(plans)
    size = max(plan.scratch_bytes for plan in plans)
    scratch = device.scratch(size), size
    buffers: dict[tuple[str, Port], Buffer] = {}
    for plan in plans:
        plan.attach(device, scratch, buffers)


def _ever_fewer(
    graphs: Mapping[ModalitySet, Path],
) -> Iterator[Mapping[ModalitySet, Path]]:
    """Yield all; those inside or around no other; those around no other.

    The last still serve any failure that can be served; the one before adds what runs while
    nothing fails.
    """
    smallest = [c for c in graphs if not any(other < c for other in graphs)]
    outermost = [c for c in graphs if not any(c < other for other in graphs)]
    before = 0
    for chosen in (set(graphs), {*smallest, *outermost}, set(smallest)):
        if len(chosen) != before:
            yield {c: path for c, path in graphs.items() if c in chosen}
        before = len(chosen)


def _describe(
    facts: DeviceFacts,
    precision: str,
    wanted: Iterable[ModalitySet],
    kept: Mapping[ModalitySet, Path],
    plain_runs: str,
) -> str:
    text = f'TensorRT {trt.__version__} on {facts.name} ({facts.compute_capability}), {precision}'
    text += f', without CUDA graphs ({plain_runs})' if plain_runs else ', CUDA graphs'
    dropped = [str(combination) for combination in wanted if combination not in kept]
    return text + (f', no GPU memory for {", ".join(dropped)}' if dropped else '')


def _port(engine: Any, name: str) -> Port:
    dtype = engine.get_tensor_dtype(name)
    return Port(tuple(engine.get_tensor_shape(name)), _DTYPES.get(dtype, str(dtype)))
