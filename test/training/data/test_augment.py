# Copyright 2026 mm_robust_seg maintainers
# SPDX-License-Identifier: Apache-2.0

"""Augmentation and batches: joint, of any subset of sensors, a function of seed and index."""

from dataclasses import replace
import multiprocessing
import os
import signal
import time

import numpy as np
import pytest

torch = pytest.importorskip('torch', reason='needs PyTorch')

from mm_robust_seg.datasets.folder import FolderSplit  # noqa: E402
from mm_robust_seg.datasets.samples import Sample  # noqa: E402
from mm_robust_seg.modality import all_combinations, Modality, ModalitySet  # noqa: E402
from mm_robust_seg.training.data.augment import augmented, class_weights, plain  # noqa: E402
from mm_robust_seg.training.data.batches import batch_count, training_batches  # noqa: E402
from mm_robust_seg.training.loop.process_group import ProcessGroup  # noqa: E402

pytestmark = pytest.mark.torch


def test_all_images_move_together(scenes, recipe):
    sample = FolderSplit(scenes, 'train')[0]
    seen = 0
    for seed in range(8):
        inputs, labels = augmented(
            sample, recipe.input_spec, (64, 64), (1.0, 1.5), np.random.default_rng(seed)
        )
        assert labels.shape == (64, 64)
        if len(np.unique(labels)) < 2:
            continue
        seen += 1
        near = inputs[Modality.DEPTH][1]
        for image in (inputs[Modality.RGB][0], inputs[Modality.THERMAL][0], near):
            assert image[labels > 0].mean() > image[labels == 0].mean()
    assert seen > 3


@pytest.mark.parametrize('combination', all_combinations(), ids=str)
def test_a_data_set_may_have_any_sensors(scenes, recipe, combination):
    whole = FolderSplit(scenes, 'train')[0]
    sample = Sample(whole.name, {m: whole.images[m] for m in combination}, whole.labels)
    rng = np.random.default_rng(0)
    inputs, _ = augmented(sample, recipe.input_spec, (64, 64), (1.0, 1.5), rng)
    assert ModalitySet(inputs) == combination
    assert ModalitySet(plain(sample, recipe.input_spec)[0]) == combination


def test_invalid_pixels_stay_invalid(scenes, recipe):
    whole = FolderSplit(scenes, 'train')[0]
    images = {m: np.zeros_like(image) for m, image in whole.images.items()}
    for image in images.values():
        image[:, 64:] = 250
    images[Modality.DEPTH][:, 64:] = 2
    sample = Sample(whole.name, images, whole.labels)
    for seed in range(4):
        rng = np.random.default_rng(seed)
        inputs, _ = augmented(sample, recipe.input_spec, (64, 96), (1.0, 1.0), rng)
        for modality in (Modality.THERMAL, Modality.DEPTH):
            blank = (inputs[modality] == 0).all(0)
            assert 0.4 < blank.mean() < 0.6


def test_class_weights_favour_the_rare_and_skip_the_absent():
    weights = class_weights(np.array([900, 100, 0]))
    assert weights[1] > weights[0] > 0 == weights[2]


def test_batches_depend_on_seed_epoch_and_index_alone(scenes, recipe):
    dataset = FolderSplit(scenes, 'train')

    def labels(epoch, changed=recipe):
        return torch.cat([labels for _, labels in training_batches(dataset, changed, epoch)])

    assert torch.equal(labels(0), labels(0))
    assert torch.equal(labels(0), labels(0, replace(recipe, workers=1)))
    assert not torch.equal(labels(0), labels(1))
    assert not torch.equal(labels(0), labels(0, replace(recipe, seed=1)))


@pytest.mark.parametrize('number', [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_workers_leave_a_signal_to_the_group_to_their_parent(scenes, recipe, number):
    """PyTorch would report their end in sixty lines, in place of ours."""
    dataset = FolderSplit(scenes, 'train')
    blocked = signal.pthread_sigmask(signal.SIG_BLOCK, ())
    before = set(multiprocessing.active_children())
    batches = training_batches(dataset, replace(recipe, workers=2), 0)
    workers = set(multiprocessing.active_children()) - before
    assert len(workers) == 2
    for worker in workers:
        os.kill(worker.pid, number)
    time.sleep(0.3)
    assert len(list(batches)) == batch_count(dataset, recipe)
    assert signal.pthread_sigmask(signal.SIG_BLOCK, ()) == blocked


def test_processes_share_each_batch(scenes, recipe):
    dataset = FolderSplit(scenes, 'train')
    whole = [labels for _, labels in training_batches(dataset, recipe, 0)]
    parts = [
        [labels for _, labels in training_batches(dataset, recipe, 0, ProcessGroup(rank, 2))]
        for rank in range(2)
    ]
    assert len(whole) == batch_count(dataset, recipe) == 2
    for batch, first, second in zip(whole, *parts, strict=True):
        assert torch.equal(batch, torch.cat([first, second]))


def test_a_split_smaller_than_a_batch_is_one_batch(scenes, recipe):
    dataset = FolderSplit(scenes, 'val')
    large = replace(recipe, batch_size=50)
    assert [len(labels) for _, labels in training_batches(dataset, large, 0)] == [2]
