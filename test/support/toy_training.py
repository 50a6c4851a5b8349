# Copyright 2026 mm_robust_seg maintainers
# SPDX-License-Identifier: Apache-2.0

"""A tiny context and batch for the tests of objectives."""

import copy
from dataclasses import replace
import functools
import io
import warnings

import numpy as np
import pytest
import torch

from mm_robust_seg.modalities import KINDS
from mm_robust_seg.modality import COMPLETE
from mm_robust_seg.network.segmenter import Segmenter, told_of_validity
from mm_robust_seg.training.methods import METHODS
from mm_robust_seg.training.objectives.base import MethodContext, SegmentationLoss, Step
from mm_robust_seg.training.recipe import Recipe, StageRecipe

CLASSES = 4


def make_context(modalities=COMPLETE, **options):
    """Make a context around a copy of a small network that was trained for a few steps."""
    stage = StageRecipe(epochs=2, weight_decay=0.0)
    recipe = replace(Recipe(), base=stage, adapters=stage, **options)
    return MethodContext(recipe, copy.deepcopy(_trained(modalities)), True, _criterion())


@functools.cache
def _trained(modalities):
    torch.manual_seed(5)
    segmenter = Segmenter(CLASSES, modalities, channels=24).train()
    optimizer = torch.optim.AdamW(segmenter.parameters(), 3e-3)
    for seed in range(12):
        step = make_step(modalities, seed)
        optimizer.zero_grad()
        _criterion()(segmenter(step.images), step.labels).backward()
        optimizer.step()
    for module in segmenter.modules():
        if isinstance(module, torch.nn.BatchNorm2d):
            module.reset_running_stats()
            module.momentum = None
    with torch.no_grad():
        for seed in range(4):
            segmenter(make_step(modalities, seed).images)
    return segmenter.eval()


def _criterion():
    return SegmentationLoss(torch.ones(CLASSES))


def make_step(modalities=COMPLETE, seed=0, epoch=0, epochs=2):
    """Make a batch of two samples whose labels show in every image, and its own rng."""
    rng = np.random.default_rng(seed)
    labels = np.zeros((2, 64, 96), np.uint8)
    for label in labels:
        for value in range(1, CLASSES):
            top, left = rng.integers(0, 32), rng.integers(0, 64)
            label[top : top + 32, left : left + 32] = value
    noise = {m: rng.normal(0, 0.3, (2, KINDS[m].channels, 64, 96)) for m in modalities}
    images = {
        m: torch.from_numpy((labels[:, None] - 1.5 + x).astype(np.float32))
        for m, x in noise.items()
    }
    return Step(images, torch.from_numpy(labels), np.random.default_rng(seed), epoch, epochs)


def told_context(**options):
    """Make a context whose network is told which pixels are valid."""
    context = make_context(**options)
    return replace(context, segmenter=told_of_validity(context.segmenter).eval())


def told(step, invalid=()):
    """Return a batch with validity: a corner is hidden, and all of the sensors ``invalid``."""
    images = {}
    for m, image in step.images.items():
        values = image[:, : KINDS[m].input_channels(True) - 1]
        valid = torch.ones_like(image[:, :1]) * (m not in invalid)
        valid[..., :16, :16] = 0
        images[m] = torch.cat([values * valid, valid], dim=1)
    return replace(step, images=images)


def descend(objective, steps, rate=1e-2):
    """Take optimiser steps on one fixed batch and return the losses, first and last."""
    objective.set_mode()
    parameters = [p for p in objective.trained.parameters() if p.requires_grad]
    optimizer = torch.optim.AdamW(parameters, rate, weight_decay=0.0)
    losses = []
    for step in steps:
        loss = objective.loss(step).mean()
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        losses.append(loss.item())
    return losses[0], losses[-1]


@functools.cache
def trained(name):
    """Return a method by name, its only task after a few steps on one batch, and the losses."""
    method = METHODS[name].make(make_context())
    (task,) = method.tasks()
    steps = [make_step(seed=1) for _ in range(5)]
    return method, task, descend(task.objective, steps, rate=2e-3)


def executed(network, inputs):
    """Return the names of the leaf modules that run on ``inputs``."""
    ran = set()
    hooks = [
        module.register_forward_hook(lambda *_, name=name: ran.add(name))
        for name, module in network.named_modules()
        if not list(module.children())
    ]
    with torch.no_grad():
        network(inputs)
    for hook in hooks:
        hook.remove()
    return ran


def exported_logits(network, combination, inputs):
    """Return what ONNX Runtime computes with the exported network, for one sample."""
    onnxruntime = pytest.importorskip('onnxruntime')
    pytest.importorskip('onnx')
    stream = io.BytesIO()
    images = tuple(inputs[m][:1] for m in combination)
    with warnings.catch_warnings():
        warnings.simplefilter('ignore')
        torch.onnx.export(
            _Positional(network, combination).eval(),
            images,
            stream,
            input_names=[m.value for m in combination],
            opset_version=17,
            dynamo=False,
        )
    session = onnxruntime.InferenceSession(stream.getvalue())
    (logits,) = session.run(None, {m.value: inputs[m][:1].numpy() for m in combination})
    return torch.from_numpy(logits)


class _Positional(torch.nn.Module):
    def __init__(self, network, combination):
        super().__init__()
        self.network, self.combination = network, combination

    def forward(self, *images):
        return self.network(dict(zip(self.combination, images, strict=True)))
