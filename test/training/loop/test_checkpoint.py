# Copyright 2026 mm_robust_seg maintainers
# SPDX-License-Identifier: Apache-2.0

"""Checkpoints: whole or not at all, and named when they cannot be used."""

import pytest

torch = pytest.importorskip('torch', reason='needs PyTorch')

from mm_robust_seg.errors import TrainingError  # noqa: E402
from mm_robust_seg.training.loop import checkpoint  # noqa: E402

pytestmark = pytest.mark.torch


def test_tensors_and_facts_come_back(tmp_path):
    path = tmp_path / 'a.safetensors'
    weights = torch.randn(4, 3, 2, 2).to(memory_format=torch.channels_last)
    tensors = {'weights': weights, 'tied': weights, 'steps': torch.tensor(7)}
    checkpoint.save(path, tensors, {'epoch': 1})
    loaded, facts = checkpoint.load(path)
    assert facts == {'epoch': 1}
    assert all(torch.equal(loaded[name], value) for name, value in tensors.items())


def test_a_checkpoint_has_the_mode_of_any_other_file(tmp_path):
    (tmp_path / 'other').touch()
    checkpoint.save(tmp_path / 'a.safetensors', {'a': torch.ones(3)}, {})
    modes = {path.stat().st_mode for path in tmp_path.iterdir()}
    assert len(modes) == 1


def test_a_damaged_one_is_named(tmp_path):
    path = tmp_path / 'base.safetensors'
    checkpoint.save(path, {'a': torch.ones(3)}, {'epoch': 1})
    path.write_bytes(path.read_bytes()[:-4])
    with pytest.raises(TrainingError, match=r'base\.safetensors is not a usable checkpoint'):
        checkpoint.load(path)


def test_a_full_disk_keeps_the_old_one(tmp_path, monkeypatch):
    path = tmp_path / 'base.safetensors'
    checkpoint.save(path, {'a': torch.ones(3)}, {'epoch': 1})

    def full(self, data):
        with self.open('wb') as stream:
            stream.write(data[: len(data) // 2])
        raise OSError(28, 'No space left on device')

    monkeypatch.setattr('pathlib.Path.write_bytes', full)
    with pytest.raises(TrainingError, match='No space left'):
        checkpoint.save(path, {'a': torch.zeros(3)}, {'epoch': 2})
    assert checkpoint.load(path)[1] == {'epoch': 1}
    assert [p.name for p in tmp_path.iterdir()] == ['base.safetensors']
