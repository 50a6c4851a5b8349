# Copyright 2026 mm_robust_seg maintainers
# SPDX-License-Identifier: Apache-2.0

"""A finished run as the method it trained, ready to be scored and exported."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from torch import Tensor

from mm_robust_seg.errors import TrainingError
from mm_robust_seg.modality import ModalitySet
from mm_robust_seg.network.segmenter import Segmenter
from mm_robust_seg.training.base_network import BASE, load_network, START
from mm_robust_seg.training.loop.task_state import best_path, last_path, load_weights
from mm_robust_seg.training.methods import find_method
from mm_robust_seg.training.objectives.base import Method, MethodContext
from mm_robust_seg.training.placement import from_json
from mm_robust_seg.training.run_folder import recipe_of


def restored_method(run: Path, facts: dict[str, Any], weights: str = 'last') -> Method:
    """Build the method of a run again and load what was trained, on the CPU.

    Args:
        facts: of ``run.json``.
        weights: ``last``, or ``best`` by validation during training.

    Raises:
        TrainingError: if the run is not finished, or a checkpoint is missing or of another
            network.
        PluginError: if the method, or the package that brought it, is not there.
    """
    if not facts['finished']:
        raise TrainingError(
            f'{run} is not finished: give the command that made it again, with --resume'
        )
    entry = find_method(facts['method'])
    start = run / (BASE if facts['command'] == 'adapt' else START)
    recipe = recipe_of(facts)
    segmenter = (
        load_network(start)
        if start.is_file()
        else Segmenter(
            len(facts['classes']),
            ModalitySet.parse(facts['modalities']),
            recipe.network.backbone,
            recipe.network.channels,
            recipe.inputs.validity,
        )
    )
    blocks = from_json(facts.get('blocks'))
    context = MethodContext(recipe, segmenter, start.is_file(), _not_training, blocks=blocks)
    method = entry.make(context)
    for task in method.tasks():
        path = (best_path if weights == 'best' else last_path)(run, task.name)
        load_weights(task.objective.trained, path)
        task.network.eval()
    return method


def _not_training(_logits: Tensor, _labels: Tensor) -> Tensor:
    raise TrainingError('a restored method is not trained: use train or adapt')
