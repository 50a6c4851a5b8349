# Copyright 2026 mm_robust_seg maintainers
# SPDX-License-Identifier: Apache-2.0

"""Training until it stops gaining: when it ends, and with which weights."""

from dataclasses import replace

import pytest

torch = pytest.importorskip('torch', reason='needs PyTorch')

from mm_robust_seg.training.loop import checkpoint, optimize  # noqa: E402
from mm_robust_seg.training.loop.optimize import rate_factor  # noqa: E402
from mm_robust_seg.training.loop.task_state import best_path, last_path  # noqa: E402
from mm_robust_seg.training.method_recipes import DedicatedRecipe  # noqa: E402
from mm_robust_seg.training.recipe import RefinementRecipe, StageRecipe  # noqa: E402
from mm_robust_seg.training.run_folder import read_run  # noqa: E402

pytestmark = pytest.mark.torch
SCORES = [0.1, 0.3, 0.2, 0.3]


class Scripted:
    """In place of what counts: gives scores from a list, and may be interrupted."""

    def __init__(self, interrupt_at=None):
        self.calls, self.interrupt_at, self.sizes = 0, interrupt_at, set()

    def __call__(self, runs, dataset, *_given):
        if self.calls == self.interrupt_at:
            self.interrupt_at = None
            raise KeyboardInterrupt
        self.calls += 1
        self.sizes.add(len(dataset))
        (run,) = runs
        return {run: self}

    def miou(self):
        return SCORES[(self.calls - 1) % len(SCORES)]


@pytest.fixture
def patient(recipe, scenes_without_thermal, monkeypatch):
    monkeypatch.setattr('mm_robust_seg.training.run.fit', lambda *_: {})
    return replace(
        recipe,
        data=replace(recipe.data, folder=str(scenes_without_thermal)),
        base=StageRecipe(epochs=9, average_steps=1),
        refinement=RefinementRecipe(held_out=0.25),
        dedicated=DedicatedRecipe(patience=2),
        validate_every=0,
    )


def averages(path):
    return {k: v for k, v in checkpoint.load(path)[0].items() if k.startswith('average/')}


def test_it_ends_when_it_stops_gaining_with_the_weights_of_its_best(
    patient, train_run, tmp_path, monkeypatch
):
    monkeypatch.setattr(optimize, 'confusion_of', scripted := Scripted())
    train_run(patient, tmp_path / 'run', 'dedicated')
    assert scripted.sizes == {1}, 'one of four training samples is kept back'
    assert read_run(tmp_path / 'run')['steps'] == 3 * 4, 'four epochs of one step, three networks'
    for task in ('rgb+depth', 'rgb', 'depth'):
        last, best = (averages(path(tmp_path / 'run', task)) for path in (last_path, best_path))
        assert all(torch.equal(last[k], best[k]) for k in last)


def test_an_interrupted_one_ends_the_same(patient, train_run, tmp_path, monkeypatch):
    monkeypatch.setattr(optimize, 'confusion_of', Scripted())
    train_run(patient, tmp_path / 'run', 'dedicated')
    monkeypatch.setattr(optimize, 'confusion_of', Scripted(interrupt_at=3))
    with pytest.raises(KeyboardInterrupt):
        train_run(patient, tmp_path / 'again', 'dedicated')
    train_run(patient, tmp_path / 'again', 'dedicated', resume=True)
    first, again = (averages(last_path(tmp_path / n, 'rgb+depth')) for n in ('run', 'again'))
    assert all(torch.equal(first[k], again[k]) for k in first)


def test_without_anything_kept_back_all_epochs_are_trained(patient, train_run, tmp_path):
    short = replace(patient, base=StageRecipe(epochs=3), refinement=RefinementRecipe())
    train_run(short, tmp_path / 'run', 'dedicated')
    assert read_run(tmp_path / 'run')['steps'] == 3 * 3 * 2


def test_the_rate_stays_at_its_peak_where_the_end_is_not_known():
    rates = [rate_factor(done, 0.2, falls=False) for done in (0.1, 0.2, 0.6, 1.0)]
    assert rates == [0.5, 1, 1, 1]
