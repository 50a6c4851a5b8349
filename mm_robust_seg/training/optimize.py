"""One optimisation, from the first step to the last, through any number of interruptions."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
import math
from pathlib import Path

from rich.progress import Progress
import torch
from torch import nn, Tensor
from torch.nn import functional

from mm_robust_seg.dataflow import UNLABELED
from mm_robust_seg.datasets.samples import Dataset
from mm_robust_seg.errors import TrainingError
from mm_robust_seg.modality import Modality, ModalitySet
from mm_robust_seg.training import checkpoint
from mm_robust_seg.training.batches import training_batches
from mm_robust_seg.training.recipe import Recipe, StageRecipe

_AVERAGE = 0.995
_WARMUP = 0.1


@dataclass(frozen=True)
class Task:
    """What is optimised.

    Attributes:
        trained: the module whose parameters change.
        logits: maps network inputs to (N, classes, h / 4, w / 4) with ``trained`` in place.
        set_mode: puts every layer in its mode for training.
    """

    name: str
    combination: ModalitySet
    trained: nn.Module
    logits: Callable[[dict[Modality, Tensor]], Tensor]
    set_mode: Callable[[], object]
    stage: StageRecipe


def optimize(
    task: Task,
    dataset: Dataset,
    recipe: Recipe,
    weights: Tensor,
    folder: Path,
    progress: Progress,
    report: Callable[[str], None],
) -> None:
    """Train ``task``, leaving the averaged weights in ``task.trained``.

    A checkpoint is written after every epoch and picked up again; since batches depend on
    (seed, epoch, index) alone, an interrupted run ends with the result of an uninterrupted one.

    Args:
        weights: (classes,) float32 weight of each class in the loss.
        folder: where ``<task>.safetensors`` is kept.

    Raises:
        TrainingError: if the checkpoint is of another run, or the loss is not finite.
    """
    path = folder / f'{task.name}.safetensors'
    steps = len(dataset) // min(recipe.batch_size, len(dataset))
    optimizer = _optimizer(task)
    average = {k: v.detach().clone() for k, v in task.trained.state_dict().items()}
    start = _restore(path, task, optimizer, average) if path.is_file() else 0
    step, last = start * steps, task.stage.epochs * steps
    bar = progress.add_task(task.name, total=last, completed=step)
    for epoch in range(start, task.stage.epochs):
        task.set_mode()
        total = 0.0
        for images, labels in training_batches(dataset, recipe, epoch, task.combination):
            with torch.autocast('cpu', torch.bfloat16, enabled=recipe.bfloat16):
                logits = task.logits(_channels_last(images))
            loss = segmentation_loss(logits.float(), labels, weights)
            if not torch.isfinite(loss):
                raise TrainingError(
                    f'{task.name}: the loss became {loss.item()} in epoch {epoch}; lower '
                    'learning_rate, or look at the data'
                )
            for group in optimizer.param_groups:
                group['lr'] = group['peak'] * rate_factor(step / last)
            optimizer.zero_grad(set_to_none=True)
            loss.backward()
            nn.utils.clip_grad_norm_(task.trained.parameters(), 5.0)
            optimizer.step()
            step += 1
            _update(average, task.trained, _AVERAGE if epoch else 0.0)
            total += loss.item()
            progress.advance(bar)
        _save(path, task, optimizer, average, epoch + 1)
        report(f'{task.name}: epoch {epoch + 1}/{task.stage.epochs}, loss {total / steps:.4f}')
    task.trained.load_state_dict(average)


def rate_factor(done: float) -> float:
    """Return the share of the peak learning rate: linear warm-up, then half a cosine."""
    return (
        done / _WARMUP
        if done < _WARMUP
        else 0.5 + 0.5 * math.cos(math.pi * (done - _WARMUP) / (1 - _WARMUP))
    )


def segmentation_loss(logits: Tensor, labels: Tensor, weights: Tensor) -> Tensor:
    """Weighted cross-entropy at half the input's resolution, where it costs a quarter.

    Args:
        logits: (N, classes, h / 4, w / 4) float32.
        labels: (N, h, w) uint8, 255 ignored.
        weights: (classes,) float32.
    """
    target = labels[:, ::2, ::2].long()
    enlarged = functional.interpolate(logits, target.shape[-2:], mode='bilinear')
    return functional.cross_entropy(enlarged, target, weights, ignore_index=UNLABELED)


def _channels_last(images: dict[Modality, Tensor]) -> dict[Modality, Tensor]:
    return {m: x.contiguous(memory_format=torch.channels_last) for m, x in images.items()}


def _optimizer(task: Task) -> torch.optim.AdamW:
    named = [(k, p) for k, p in task.trained.named_parameters() if p.requires_grad]
    encoders = [p for k, p in named if k.startswith('encoders.')]
    others = [p for k, p in named if not k.startswith('encoders.')]
    peak = task.stage.learning_rate
    return torch.optim.AdamW(
        [
            {'params': encoders, 'peak': peak * task.stage.encoder_ratio},
            {'params': others, 'peak': peak},
        ],
        lr=peak,
        weight_decay=task.stage.weight_decay,
    )


def _update(average: dict[str, Tensor], module: nn.Module, keep: float) -> None:
    with torch.no_grad():
        for name, value in module.state_dict().items():
            if value.is_floating_point():
                average[name].lerp_(value, 1 - keep)
            else:
                average[name].copy_(value)


def _save(
    path: Path,
    task: Task,
    optimizer: torch.optim.Optimizer,
    average: dict[str, Tensor],
    epoch: int,
) -> None:
    tensors = {f'trained/{k}': v for k, v in task.trained.state_dict().items()}
    tensors |= {f'average/{k}': v for k, v in average.items()}
    for index, state in optimizer.state_dict()['state'].items():
        tensors |= {f'optimizer/{index}/{key}': value for key, value in state.items()}
    checkpoint.save(path, tensors, {'task': task.name, 'epoch': epoch})


def _restore(
    path: Path, task: Task, optimizer: torch.optim.Optimizer, average: dict[str, Tensor]
) -> int:
    tensors, facts = checkpoint.load(path)
    parts: dict[str, dict[str, Tensor]] = {'trained': {}, 'average': {}}
    moments: dict[int, dict[str, Tensor]] = {}
    for key, value in tensors.items():
        part, _, rest = key.partition('/')
        if part == 'optimizer':
            index, _, field = rest.partition('/')
            moments.setdefault(int(index), {})[field] = value
        else:
            parts[part][rest] = value
    try:
        task.trained.load_state_dict(parts['trained'])
    except RuntimeError as error:
        raise TrainingError(
            f'{path} belongs to another network: {error}; give another output folder'
        ) from error
    average.update(parts['average'])
    optimizer.load_state_dict({'state': moments, **_groups(optimizer)})
    return int(facts['epoch'])


def _groups(optimizer: torch.optim.Optimizer) -> dict[str, object]:
    return {'param_groups': optimizer.state_dict()['param_groups']}
