# Copyright 2026 mm_robust_seg maintainers
# SPDX-License-Identifier: Apache-2.0

"""From ONNX files to TensorRT plans: parsed strongly typed, timed on this GPU, written at once.

Types come from the ONNX file alone, so one path serves f32, fp16 and int8 graphs and every
TensorRT from 10.3. A build takes minutes on a small GPU: it shares what it measures with later
ones (the timing cache), goes on where it was interrupted, and stops within a step at Ctrl-C or
when it is cancelled.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
import fcntl
import os
from pathlib import Path
import threading

import tensorrt as trt

from mm_robust_seg.engine.base import IsCancelled, never
from mm_robust_seg.engine.tensorrt.device_memory import Device, DeviceFacts, find_device
from mm_robust_seg.engine.tensorrt.log import TensorRtLog
from mm_robust_seg.engine.tensorrt.plans import onnx_digests, PlanFolder, Target
from mm_robust_seg.errors import EngineError
from mm_robust_seg.files import write_bytes

Report = Callable[[Path, str, float], None]
"""Is told the ONNX file, what the builder does, and the share of the build that is done."""

_LOCK = '.lock'
_WHOLE = (trt.DataType.INT32, trt.DataType.INT64)


def build_plans(
    folder: PlanFolder,
    target: Target,
    device_id: int,
    report: Report = lambda source, phase, share: None,
    is_forced: bool = False,
    is_cancelled: IsCancelled = never,
) -> tuple[Path, ...]:
    """Build the plans that do not fit, or all; each is usable as soon as it is written.

    Args:
        folder: where to, and from which ONNX files.
        target: this machine.
        device_id: the GPU to time on.
        report: told of progress, from any thread.
        is_forced: build those that fit as well.
        is_cancelled: asked again and again; once it is true, the build ends.

    Returns:
        The ONNX files that were built.

    Raises:
        EngineError: if another process builds, an ONNX file cannot be used, or a build fails or
            is cancelled.
    """
    with _alone(folder.root):
        digests = onnx_digests(folder.sources)
        chosen = tuple(folder.sources if is_forced else folder.misfits(target))
        cache = folder.root / f'timing-{target.tensorrt}-{target.compute_capability}.cache'
        facts = find_device(device_id)

        def build_all(stop: threading.Event) -> None:
            with _opened(facts):
                for source in chosen:
                    if stop.is_set():
                        return
                    plan = _build(source, cache, _Monitor(source, report, stop))
                    folder.write(source, target, digests[source], plan)
                    report(source, 'done', 1.0)

        if chosen:
            _on_own_thread(build_all, is_cancelled)
    return chosen


@contextmanager
def _alone(root: Path) -> Iterator[None]:
    """Hold the lock of a folder: builds side by side would spoil each other's timings."""
    try:
        root.mkdir(parents=True, exist_ok=True)
        lock = (root / _LOCK).open('a+', encoding='utf-8')
    except OSError as error:
        raise EngineError(
            f'{root} cannot be written: {error.strerror}; choose another folder with '
            'engine.plans or --plans'
        ) from error
    with lock as stream:
        try:
            fcntl.flock(stream, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            stream.seek(0)
            raise EngineError(
                f'process {stream.read().strip() or "(unknown)"} is building TensorRT engines in '
                f'{root}: wait until it is done, or stop it'
            ) from error
        stream.truncate(0)
        stream.write(str(os.getpid()))
        stream.flush()
        yield
        stream.truncate(0)


def _on_own_thread(build: Callable[[threading.Event], None], is_cancelled: IsCancelled) -> None:
    """Build on another thread, so that Ctrl-C reaches this one at once and stops that one.

    Where this is not the main thread, which alone hears Ctrl-C, ``is_cancelled`` does the same.
    Ctrl-C may come while the thread is being started, hence ``go``; and a thread is not waited
    for with ``join``, which takes it for dead when it is interrupted.
    """
    go, stop, finished = threading.Event(), threading.Event(), threading.Event()
    failures: list[BaseException] = []

    def work() -> None:
        go.wait()
        try:
            if not stop.is_set():
                build(stop)
        except BaseException as error:
            failures.append(error)
        finally:
            finished.set()

    try:
        threading.Thread(target=work, name='plan-builder').start()
        go.set()
        while not finished.wait(0.1):
            if is_cancelled():
                raise EngineError(
                    'cancelled while TensorRT engines were being built; those that are done are '
                    'kept'
                )
    except BaseException:
        stop.set()
        if go.is_set():
            finished.wait()
        go.set()
        raise
    if failures:
        raise failures[0]


@contextmanager
def _opened(facts: DeviceFacts) -> Iterator[None]:
    """Keep the GPU's context for all builds: TensorRT need not start anew for each."""
    device = Device(facts)
    try:
        with device:
            yield
    except BaseException as error:
        device.close(error)
        raise
    device.close()


def _build(source: Path, cache: Path, monitor: _Monitor) -> bytes:
    """Parse and build one graph; add what was measured to the timing cache."""
    log = TensorRtLog()
    builder = log.start(trt.Builder)
    strongly_typed = int(trt.NetworkDefinitionCreationFlag.STRONGLY_TYPED)
    network = builder.create_network(1 << strongly_typed)
    parser = trt.OnnxParser(network, log)
    if not source.is_file():
        raise EngineError(f'{source} cannot be loaded: there is no such file')
    if not parser.parse_from_file(str(source)):
        raise EngineError(f'{source} cannot be loaded: {_refusal(parser)}')
    if not network.num_inputs or not network.num_outputs:
        raise EngineError(f'{source} cannot be loaded: it holds no graph')
    _require_fixed_sizes(source, network)
    _cast_by_float(network)
    config = builder.create_builder_config()
    config.clear_flag(trt.BuilderFlag.TF32)
    config.max_aux_streams = 0
    config.progress_monitor = monitor
    known = cache.read_bytes() if cache.is_file() else b''
    timings = config.create_timing_cache(known)  # must outlive the build
    if timings is None or not config.set_timing_cache(timings, False):
        timings = config.create_timing_cache(b'')
        config.set_timing_cache(timings, False)
    plan = builder.build_serialized_network(network, config)
    if plan is None:
        raise log.error(f'TensorRT cannot build {source}')
    timings = config.get_timing_cache()
    with suppress(OSError):  # it only saves time
        write_bytes(cache, bytes(timings.serialize()))
    return bytes(plan)


def _refusal(parser: trt.OnnxParser) -> str:
    """Name the operators and nodes that the parser stumbled over."""
    errors = [parser.get_error(index) for index in range(parser.num_errors)]
    said = [
        f'operator {e.node_operator()} of node {e.node_name()!r}: {e.desc()}'
        if e.node_operator()
        else str(e.desc())
        for e in errors
    ]
    return '; '.join(said) or 'the parser gives no reason'


def _require_fixed_sizes(source: Path, network: trt.INetworkDefinition) -> None:
    tensors = [network.get_input(index) for index in range(network.num_inputs)]
    tensors += [network.get_output(index) for index in range(network.num_outputs)]
    for tensor in tensors:
        if any(size < 1 for size in tensor.shape):
            raise EngineError(
                f'{source} has {tensor.name} of shape {tuple(tensor.shape)}: expected one fixed '
                'size; export the bundle again'
            )


def _cast_by_float(network: trt.INetworkDefinition) -> None:
    """Put a cast to float before every cast from whole numbers to uint8.

    TensorRT promises casts to uint8 from float types only (``DataType::kUINT8`` in its
    NvInferRuntimeBase.h), though newer versions take others too.
    """
    for index in range(network.num_layers):
        layer = network.get_layer(index)
        if layer.type != trt.LayerType.CAST:
            continue
        given, made = layer.get_input(0), layer.get_output(0)
        if made.dtype == trt.DataType.UINT8 and given.dtype in _WHOLE:
            cast = network.add_cast(given, trt.DataType.FLOAT)
            layer.set_input(0, cast.get_output(0))


class _Monitor(trt.IProgressMonitor):  # type: ignore[misc]
    """Passes the builder's progress on, and asks it to stop.

    The builder's outermost phase counts; the names of inner ones say what is being done. Nothing
    may be raised through the builder, so a report that fails ends the build.
    """

    def __init__(self, source: Path, report: Report, stop: threading.Event) -> None:
        trt.IProgressMonitor.__init__(self)
        self._source, self._report, self._stop = source, report, stop
        self._outermost = ''
        self._steps, self._done = 1, 0

    def phase_start(self, phase_name: str, parent_phase: str | None, num_steps: int) -> None:
        """Take note of a phase."""
        if parent_phase is None:
            self._outermost, self._steps, self._done = phase_name, max(num_steps, 1), 0
        self._tell(phase_name)

    def step_complete(self, phase_name: str, step: int) -> bool:
        """Take note of a step; return whether to go on."""
        if phase_name == self._outermost:
            self._done = step + 1
        self._tell(phase_name)
        return not self._stop.is_set()

    def phase_finish(self, phase_name: str) -> None:
        """Take note of the end of a phase."""
        self._tell(phase_name)

    def _tell(self, phase: str) -> None:
        try:
            self._report(self._source, phase, min(self._done / self._steps, 1.0))
        except Exception:
            self._stop.set()
