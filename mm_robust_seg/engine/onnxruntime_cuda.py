# Copyright 2026 mm_robust_seg maintainers
# SPDX-License-Identifier: Apache-2.0

"""Inference with ONNX Runtime's CUDA provider, where TensorRT is not at hand."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import numpy as np
import onnxruntime as ort

from mm_robust_seg.bundle import Bundle
from mm_robust_seg.config import EngineConfig
from mm_robust_seg.engine.base import CONFIDENCE, IsCancelled, LABELS, never
from mm_robust_seg.engine.graphs import Float, GraphEngine, Labels
from mm_robust_seg.engine.onnxruntime import FATAL_ONLY, port_of
from mm_robust_seg.engine.shared_graph import sharing
from mm_robust_seg.errors import EngineError, EngineUnavailableError

_PROVIDER = 'CUDAExecutionProvider'
_DEVICE = 'cuda'


class OnnxRuntimeCudaEngine(GraphEngine):
    """One session per combination on one GPU; a session runs on its one CUDA stream."""

    def __init__(
        self, bundle: Bundle, config: EngineConfig, is_cancelled: IsCancelled = never
    ) -> None:
        """Open and warm every graph; see ``engine.base.MakeEngine``.

        Raises:
            EngineUnavailableError: if this ONNX Runtime has no CUDA provider, or it or a graph
                cannot be used on this GPU.
        """
        if _PROVIDER not in ort.get_available_providers():
            raise EngineUnavailableError(
                f'the installed ONNX Runtime {ort.__version__} has no CUDA provider: '
                'pip uninstall onnxruntime, then pip install onnxruntime-gpu'
            )
        if hasattr(ort, 'preload_dlls'):
            ort.preload_dlls()  # CUDA and cuDNN where pip has put them
        options, device_id = ort.SessionOptions(), config.device_id
        options.log_severity_level = FATAL_ONLY
        try:
            super().__init__(
                f'ONNX Runtime {ort.__version__} on CUDA device {device_id}, {bundle.precision}',
                sharing(lambda path: _BoundGraph(path, options, device_id)),
                bundle,
                config.warmup_iterations,
                is_cancelled,
            )
        except EngineError as error:
            raise EngineUnavailableError(str(error)) from error


class _BoundGraph:
    """A session whose inputs have their places in GPU memory."""

    def __init__(self, path: Path, options: ort.SessionOptions, device_id: int) -> None:
        settings = {'device_id': device_id} if _DEVICE == 'cuda' else {}
        self._session = ort.InferenceSession(path, options, providers=[(_PROVIDER, settings)])
        if _PROVIDER not in self._session.get_providers():
            raise EngineUnavailableError(
                f'the CUDA provider of ONNX Runtime {ort.__version__} does not start on device '
                f'{device_id}: install the driver, CUDA and cuDNN that this version asks for'
            )
        self.inputs = {port.name: port_of(port) for port in self._session.get_inputs()}
        self.outputs = {port.name: port_of(port) for port in self._session.get_outputs()}
        self._binding = self._session.io_binding()
        self._places = {}
        for name, port in self.inputs.items():
            place = ort.OrtValue.ortvalue_from_shape_and_type(
                port.shape, np.dtype(port.dtype), _DEVICE, device_id
            )
            self._places[name] = place
            self._binding.bind_ortvalue_input(name, place)
        for name in (LABELS, CONFIDENCE):
            self._binding.bind_output(name)

    def run(self, inputs: Mapping[str, Float]) -> tuple[Labels, Labels]:
        """Copy the inputs to the GPU; the outputs are new arrays."""
        for name, place in self._places.items():
            place.update_inplace(inputs[name])
        self._session.run_with_iobinding(self._binding)
        labels, confidence = self._binding.copy_outputs_to_cpu()
        return labels, confidence
