# Copyright 2026 mm_robust_seg maintainers
# SPDX-License-Identifier: Apache-2.0

"""From a configuration and a bundle to a running pipeline; the only file that names engines."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from pkgutil import resolve_name
from typing import cast

from mm_robust_seg import plugins
from mm_robust_seg.bundle import Bundle
from mm_robust_seg.bundle_files import verify_files
from mm_robust_seg.config import Config, EngineConfig
from mm_robust_seg.engine.base import Engine, IsCancelled, MakeEngine, never
from mm_robust_seg.engine.golden import check_golden, check_labels, golden_inputs
from mm_robust_seg.engine.patience import loaded_within
from mm_robust_seg.errors import BundleError, ConfigError, EngineError, EngineUnavailableError
from mm_robust_seg.modalities.input_spec import InputSpec
from mm_robust_seg.modality import all_combinations, COMPLETE, ModalitySet
from mm_robust_seg.pipeline import Pipeline

Note = Callable[[str], None]
"""Is told, one sentence at a time, which engine was chosen and why another was not."""

ENGINES: Mapping[str, str] = {
    'tensorrt': 'mm_robust_seg.engine.tensorrt.availability:open_engine',
    'onnxruntime_cuda': 'mm_robust_seg.engine.onnxruntime_cuda:OnnxRuntimeCudaEngine',
    'openvino': 'mm_robust_seg.engine.openvino:OpenVinoEngine',
    'onnxruntime': 'mm_robust_seg.engine.onnxruntime:OnnxRuntimeEngine',
}
"""Every ``engine.backend`` of ours and what makes it, as ``auto`` tries them: the fastest first.

A module imports its runtime, so only the one in use must be installed.
"""
CPU_BACKENDS = ('openvino', 'onnxruntime')
_PACKAGES = {'onnxruntime_cuda': 'onnxruntime-gpu'}


def find_engine(name: str) -> MakeEngine:
    """Import what makes the engines of a backend, which may be a plug-in.

    Raises:
        ImportError: if its runtime is not installed.
        PluginError: if there is no such backend, or two, or its package cannot be imported.
    """
    plugin = plugins.ENGINES.find(name, ENGINES)
    return cast(MakeEngine, plugin or resolve_name(ENGINES[name]))


def build_engine(
    config: EngineConfig,
    bundle: Bundle,
    sensors: ModalitySet = COMPLETE,
    note: Note = lambda _: None,
    is_cancelled: IsCancelled = never,
) -> Engine:
    """Load the graphs of every combination of ``sensors`` that the bundle serves, and try them.

    ``auto`` takes the first backend that can be used. A GPU backend asked for by name gives way
    to the CPU only where ``on_mismatch`` is cpu.

    Raises:
        PluginError: if the package that should bring the backend cannot be used.
        EngineError: if no backend can be used, saying why of each; or a graph cannot be loaded
            or run, does not fit the manifest, or computes something else than the bundle's
            golden label maps; or it is cancelled.
        ConfigError: if combinations take images of different sizes.
    """
    _require_one_size(bundle)
    served = {c: path for c, path in bundle.graphs.items() if c <= sensors}
    bundle = replace(bundle, graphs=served)
    names = _candidates(config)
    reasons: dict[str, str] = {}
    for name in names:
        try:
            engine = _loaded(name, bundle, config, is_cancelled)
        except (ImportError, EngineError) as error:
            if not _gives_way(name, error, config):
                raise
            reasons[name] = _reason(name, error)
        else:
            for skipped, reason in reasons.items():
                note(f'{skipped} is not used: {reason}')
            why = f', the first usable of {", ".join(names)}' if len(names) > 1 else ''
            note(f'{name} is used{why}: {engine.description}')
            return engine
    named = [f'{name}: {reason}' for name, reason in reasons.items()]
    causes = '; '.join(named if len(names) > 1 else reasons.values())
    raise EngineError(
        f'engine.backend {config.backend} cannot be used: {causes}; mend this, or choose another '
        'engine.backend'
    )


def _loaded(name: str, bundle: Bundle, config: EngineConfig, is_cancelled: IsCancelled) -> Engine:
    """Load and try one backend; see that the files are still those that were verified.

    Whoever changes a graph between its check and its loading is found out afterwards. On a GPU,
    all is done on this thread, to which its context belongs, for as long as it takes.
    """

    def load() -> Engine:
        engine = find_engine(name)(bundle, config, is_cancelled)
        return _rehearsed(engine, bundle, _arithmetic(name, config, bundle))

    on_cpu = name in CPU_BACKENDS
    engine = loaded_within(config.load_limit_s, load, is_cancelled) if on_cpu else load()
    try:
        verify_files(bundle.path, bundle.checksums, ())
    except BundleError as error:
        engine.close()
        raise EngineError(f'while it was loaded, the bundle changed: {error}') from error
    except BaseException:
        engine.close()
        raise
    return engine


def _candidates(config: EngineConfig) -> tuple[str, ...]:
    """List the backends to try in turn."""
    if config.backend == 'auto':
        return tuple(ENGINES)
    if config.on_mismatch == 'cpu' and config.backend not in CPU_BACKENDS:
        return (config.backend, *CPU_BACKENDS)
    return (config.backend,)


def _gives_way(name: str, error: Exception, config: EngineConfig) -> bool:
    """Say whether the next backend may be tried after ``error``."""
    if isinstance(error, (ImportError, EngineUnavailableError)):
        return True
    return name not in CPU_BACKENDS and config.on_mismatch == 'cpu'


def _reason(name: str, error: Exception) -> str:
    if isinstance(error, ImportError) and name in ENGINES:
        return f'{error}: pip install {_PACKAGES.get(name, name)}'
    return str(error)


def _spec(config: Config, bundle: Bundle) -> InputSpec:
    """Return how the images of these inputs become those of the network."""
    normalizations = {
        m: config.inputs[m].network(numbers) for m, numbers in bundle.inputs.normalizations.items()
    }
    return replace(bundle.inputs, normalizations=normalizations)


def build_pipeline(
    config: Config,
    bundle: Bundle,
    now_ns: int,
    note: Note = lambda _: None,
    is_cancelled: IsCancelled = never,
) -> tuple[Pipeline, Engine]:
    """Return a pipeline that is ready to run, and its engine, which the caller closes.

    Args:
        note: is told which engine was chosen, and why another was not.

    Raises:
        ConfigError: if the bundle cannot serve what the enabled inputs can lead to.
        EngineError: if no engine can be built and pass its rehearsal, or it is cancelled.
    """
    _require_graphs(config, bundle)
    engine = build_engine(config.engine, bundle, config.inputs.enabled, note, is_cancelled)
    try:
        return Pipeline(config, _spec(config, bundle), engine, now_ns), engine
    except BaseException:
        engine.close()
        raise


def _require_one_size(bundle: Bundle) -> None:
    """Refuse combinations whose images are of another size than those of the others."""
    usual = bundle.inputs.height_px, bundle.inputs.width_px
    others = [str(c) for c, facts in bundle.facts.items() if (facts.size_px or usual) != usual]
    if others:
        raise ConfigError(
            f'bundle {bundle.name} takes images of {", ".join(others)} in a size of their own: '
            f'expected {usual[1]} x {usual[0]} px for all; export the bundle in one size'
        )


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


def _rehearsed(engine: Engine, bundle: Bundle, arithmetic: str) -> Engine:
    """Run every combination on the golden input of the manifest's size; end with the largest."""
    try:
        for combination in reversed(engine.combinations):
            engine.activate(combination)
            prediction = engine.infer(golden_inputs(bundle.inputs, combination))
            check_labels(bundle, combination, prediction)
            if combination in bundle.golden:
                check_golden(bundle, combination, prediction, arithmetic)
    except BaseException:
        engine.close()
        raise
    return engine


def _arithmetic(name: str, config: EngineConfig, bundle: Bundle) -> str:
    """Return the coarsest arithmetic that a backend uses for ``bundle``."""
    if name == 'openvino' and bundle.precision != 'int8' and config.precision == 'bf16':
        return 'bf16'
    return bundle.precision
