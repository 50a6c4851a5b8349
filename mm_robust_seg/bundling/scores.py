"""mIoU of a bundle as it is, through the engine of a robot; needs no torch."""

from __future__ import annotations

import numpy as np

from mm_robust_seg.build import build_engine
from mm_robust_seg.bundle import Bundle
from mm_robust_seg.config import EngineConfig
from mm_robust_seg.datasets.samples import Dataset
from mm_robust_seg.modality import ModalitySet
from mm_robust_seg.scores.metrics import ConfusionMatrix
from mm_robust_seg.stages.mask import to_reference
from mm_robust_seg.stages.preprocess import network_input


def miou_by_combination(bundle: Bundle, dataset: Dataset) -> dict[ModalitySet, float]:
    """Measure every combination with OpenVINO at the size of the labels.

    Raises:
        EngineError: if a graph cannot be loaded or run.
    """
    config = EngineConfig(backend='openvino', cache='off', warmup_iterations=0)
    engine = build_engine(config, bundle)
    matrices = {c: ConfusionMatrix(len(bundle.classes)) for c in engine.combinations}
    try:
        for index in range(len(dataset)):
            sample = dataset[index]
            inputs = {
                m: network_input(m, sample.images[m], bundle.inputs)[np.newaxis]
                for m in engine.combinations[0]
            }
            for combination, matrix in matrices.items():
                engine.activate(combination)
                prediction = engine.infer({m: inputs[m] for m in combination})
                labels, _ = to_reference(prediction, *sample.labels.shape)
                matrix.add(labels, sample.labels)
    finally:
        engine.close()
    return {combination: matrix.miou() for combination, matrix in matrices.items()}
