"""From a configuration and a bundle to a running pipeline; the only file that names engines."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path

import numpy as np

from mm_robust_seg.bundle import Bundle, CHANNELS, InputSpec
from mm_robust_seg.config import Config, EngineConfig
from mm_robust_seg.engine.base import Engine
from mm_robust_seg.errors import ConfigError, EngineError
from mm_robust_seg.modality import all_combinations, COMPLETE, ModalitySet
from mm_robust_seg.pipeline import Pipeline

Graphs = Mapping[ModalitySet, Path]


def _openvino(config: EngineConfig, graphs: Graphs) -> Engine:
    from mm_robust_seg.engine.openvino import OpenVinoEngine  # noqa: PLC0415

    return OpenVinoEngine(graphs, config.threads, config.precision, config.warmup_iterations)


def _onnxruntime(config: EngineConfig, graphs: Graphs) -> Engine:
    from mm_robust_seg.engine.onnxruntime import OnnxRuntimeEngine  # noqa: PLC0415

    return OnnxRuntimeEngine(graphs, config.threads, config.warmup_iterations)


_BACKENDS: Mapping[str, Callable[[EngineConfig, Graphs], Engine]] = {
    'openvino': _openvino,
    'onnxruntime': _onnxruntime,
}
"""Every ``engine.backend``, in the order in which ``auto`` tries them: the fastest first.

A function imports its runtime when it is called, so only the one in use must be installed.
"""


def build_engine(config: EngineConfig, bundle: Bundle, sensors: ModalitySet = COMPLETE) -> Engine:
    """Load the graphs of every combination of ``sensors`` that the bundle serves.

    Raises:
        EngineError: if no runtime is installed, or a graph cannot be loaded or run.
    """
    graphs = {c: path for c, path in bundle.graphs.items() if c <= sensors}
    names = tuple(_BACKENDS) if config.backend == 'auto' else (config.backend,)
    missing = []
    for name in names:
        try:
            return _BACKENDS[name](config, graphs)
        except ImportError as error:
            missing.append(str(error))
    raise EngineError(
        f'engine.backend {config.backend} cannot be imported: {"; ".join(missing)}. Install '
        f'{" or ".join(names)} with pip, or choose another engine.backend'
    )


def build_pipeline(config: Config, bundle: Bundle, now_ns: int) -> tuple[Pipeline, Engine]:
    """Return a pipeline that is ready to run, and its engine, which the caller closes.

    Raises:
        ConfigError: if the bundle cannot serve what the enabled inputs can lead to.
        EngineError: if the engine cannot be built, or its graphs do not fit the manifest.
    """
    _require_graphs(config, bundle)
    engine = build_engine(config.engine, bundle, config.inputs.enabled)
    try:
        _rehearse(engine, bundle.inputs)
        return Pipeline(config, bundle.inputs, engine, now_ns), engine
    except BaseException:
        engine.close()
        raise


def _require_graphs(config: Config, bundle: Bundle) -> None:
    """Compare the combinations that sensor failures can lead to with those of the bundle."""
    enabled, required = config.inputs.enabled, config.inputs.required
    possible = [c for c in all_combinations(enabled) if c >= required]
    missing = [str(c) for c in possible if c not in bundle.graphs]
    if missing:
        raise ConfigError(
            f'bundle {bundle.name} cannot serve {", ".join(missing)}, to which the enabled inputs '
            f'{enabled} can shrink; it serves {", ".join(map(str, bundle.graphs))}: enable other '
            'inputs, mark some as required, or export the bundle with these combinations'
        )


def _rehearse(engine: Engine, spec: InputSpec) -> None:
    """Run every combination with inputs of the size the manifest says; end with the largest."""
    size = (spec.height_px, spec.width_px)
    for combination in reversed(engine.combinations):
        engine.activate(combination)
        engine.infer({m: np.zeros((1, CHANNELS[m], *size), np.float32) for m in combination})
