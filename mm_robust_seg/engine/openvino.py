# Copyright 2026 mm_robust_seg maintainers
# SPDX-License-Identifier: Apache-2.0

"""Inference with OpenVINO on the CPU."""

from __future__ import annotations

from collections.abc import Mapping
from functools import lru_cache
from pathlib import Path
from typing import Any

import openvino as ov

from mm_robust_seg.bundle import Bundle
from mm_robust_seg.config import EngineConfig
from mm_robust_seg.engine.base import CONFIDENCE, IsCancelled, LABELS, never
from mm_robust_seg.engine.graphs import Float, GraphEngine, Labels, Port
from mm_robust_seg.engine.shared_graph import sharing
from mm_robust_seg.errors import EngineError
from mm_robust_seg.files import user_cache

NO_CACHE = 'off'


class OpenVinoEngine(GraphEngine):
    """One compiled model per combination, all on one core object and its threads."""

    def __init__(
        self, bundle: Bundle, config: EngineConfig, is_cancelled: IsCancelled = never
    ) -> None:
        """Compile and warm every graph; see ``engine.base.MakeEngine``.

        Raises:
            EngineError: if a graph cannot be used, or the CPU lacks ``config.precision``.
        """
        threads, precision = config.threads, config.precision
        if precision == 'bf16' and 'BF16' not in _core().get_property(
            'CPU', 'OPTIMIZATION_CAPABILITIES'
        ):
            raise EngineError('this CPU has no bf16 arithmetic: set engine.precision to f32')
        # Not pinned: a pinned thread waits for its core while another process uses it. The
        # precision is always set: left alone, OpenVINO takes bf16 wherever the CPU has it.
        options: dict[str, Any] = {
            'INFERENCE_PRECISION_HINT': precision,
            'INFERENCE_NUM_THREADS': threads,
            'PERFORMANCE_HINT': 'LATENCY',
            'ENABLE_CPU_PINNING': False,
        }
        count = f'{threads} threads' if threads else 'threads on all cores'
        given, cache = bundle.precision, _cache_folder(config.cache, bundle)
        kind = precision if given == 'f32' else f'{given} in {precision}'
        super().__init__(
            f'OpenVINO {ov.__version__.partition("-")[0]} on CPU, {kind}, {count}',
            sharing(lambda path: _CompiledGraph(_compiled(path, options, cache))),
            bundle,
            config.warmup_iterations,
            is_cancelled,
        )


class _CompiledGraph:
    """A compiled model and its only request."""

    def __init__(self, compiled: ov.CompiledModel) -> None:
        self.inputs = {port.any_name: _port(port) for port in compiled.inputs}
        self.outputs = {port.any_name: _port(port) for port in compiled.outputs}
        self._request = compiled.create_infer_request()

    def run(self, inputs: Mapping[str, Float]) -> tuple[Labels, Labels]:
        """Read the inputs in place; copy the outputs, which the next run overwrites."""
        self._request.infer(inputs, share_inputs=True, share_outputs=True)
        labels, confidence = (
            self._request.get_tensor(name).data.copy() for name in (LABELS, CONFIDENCE)
        )
        return labels, confidence


@lru_cache(maxsize=1)
def _core() -> ov.Core:
    """Return the process's one core: it owns the plug-ins and their thread pools."""
    return ov.Core()


def _cache_folder(root: str, bundle: Bundle) -> Path | None:
    """Return where this very bundle's compiled models are kept, if anywhere."""
    if root == NO_CACHE:
        return None
    folder = Path(root).expanduser() if root else user_cache() / 'openvino'
    return folder / f'{bundle.name}-{bundle.digest}'


def _compiled(path: Path, options: dict[str, Any], cache: Path | None) -> ov.CompiledModel:
    """Compile a graph, or take it from ``cache``; where that cannot be used, do without."""
    if cache is not None:
        try:
            return _core().compile_model(path, 'CPU', options | {'CACHE_DIR': str(cache)})
        except RuntimeError:
            return _core().compile_model(path, 'CPU', options)
    return _core().compile_model(path, 'CPU', options)


def _port(port: Any) -> Port:
    shape = tuple(d.get_length() if d.is_static else -1 for d in port.partial_shape)
    return Port(shape, port.element_type.to_dtype().name)
