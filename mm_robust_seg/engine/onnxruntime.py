# Copyright 2026 mm_robust_seg maintainers
# SPDX-License-Identifier: Apache-2.0

"""Inference with ONNX Runtime on the CPU."""

from __future__ import annotations

from collections.abc import Mapping
from functools import lru_cache
from pathlib import Path
from typing import Any

import onnxruntime as ort

from mm_robust_seg.bundle import Bundle
from mm_robust_seg.config import EngineConfig
from mm_robust_seg.engine.base import CONFIDENCE, IsCancelled, LABELS, never
from mm_robust_seg.engine.graphs import Float, GraphEngine, Labels, Port
from mm_robust_seg.engine.shared_graph import sharing

_DTYPES = {'tensor(float)': 'float32', 'tensor(uint8)': 'uint8'}
FATAL_ONLY = 4
"""Severity from which ONNX Runtime writes to the terminal; what it raises, it need not write."""


class OnnxRuntimeEngine(GraphEngine):
    """One session per combination; idle sessions neither spin nor keep an arena of their own."""

    def __init__(
        self, bundle: Bundle, config: EngineConfig, is_cancelled: IsCancelled = never
    ) -> None:
        """Open and warm every graph; see ``engine.base.MakeEngine``."""
        _share_one_arena()
        options = ort.SessionOptions()
        options.intra_op_num_threads = config.threads
        options.log_severity_level = FATAL_ONLY
        # Own threads that sleep when idle. ONNX Runtime's global pool always spins, which takes
        # the cores from everybody else, and refuses sessions that do not use it.
        options.add_session_config_entry('session.intra_op.allow_spinning', '0')
        options.add_session_config_entry('session.use_env_allocators', '1')
        count = f'{config.threads} threads' if config.threads else 'threads on all cores'
        super().__init__(
            f'ONNX Runtime {ort.__version__} on CPU, {bundle.precision}, {count}',
            sharing(lambda path: _SessionGraph(path, options)),
            bundle,
            config.warmup_iterations,
            is_cancelled,
        )


class _SessionGraph:
    """A session that returns two of its outputs."""

    def __init__(self, path: Path, options: ort.SessionOptions) -> None:
        # By path, not by bytes: large weights are references into a file beside it.
        self._session = ort.InferenceSession(path, options, providers=['CPUExecutionProvider'])
        self.inputs = {port.name: port_of(port) for port in self._session.get_inputs()}
        self.outputs = {port.name: port_of(port) for port in self._session.get_outputs()}

    def run(self, inputs: Mapping[str, Float]) -> tuple[Labels, Labels]:
        """Read the inputs in place; the outputs are new arrays."""
        labels, confidence = self._session.run([LABELS, CONFIDENCE], inputs)
        return labels, confidence


@lru_cache(maxsize=1)
def _share_one_arena() -> None:
    """Register the process's one CPU arena; otherwise every session keeps its own."""
    memory = ort.OrtMemoryInfo(
        'Cpu', ort.OrtAllocatorType.ORT_ARENA_ALLOCATOR, 0, ort.OrtMemType.DEFAULT
    )
    ort.create_and_register_allocator(memory, None)


def port_of(port: Any) -> Port:
    """Return what a session declares of an input or output."""
    shape = tuple(d if isinstance(d, int) else -1 for d in port.shape)
    return Port(shape, _DTYPES.get(port.type, port.type))
