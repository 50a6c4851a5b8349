# Copyright 2026 mm_robust_seg maintainers
# SPDX-License-Identifier: Apache-2.0

"""Recipes: YAML, settings, and what of them travels."""

from pathlib import Path

import pytest

from mm_robust_seg.errors import ConfigError
from mm_robust_seg.schema import with_values
from mm_robust_seg.training.recipe import load_recipe, portable, Recipe


@pytest.mark.parametrize(
    ('text', 'message'),
    [
        ('base:\n  epoch: 3\n', r'did you mean base\.epochs'),
        ('- 1\n', 'expected a mapping'),
        ('base: {epochs: many}', 'expected int'),
        ('data: {kind: imagenet}', 'expected one of sim'),
        ('network: {backbone: vgg}', 'expected one of mobilenetv2'),
        ('base: {learning_rate: -1.0}', 'from 0 to 10'),
        ('zoom_min: 2.0', 'above zoom_max'),
        ('a: [', 'cannot be read'),
    ],
)
def test_mistakes_are_named(tmp_path, text, message):
    path = tmp_path / 'recipe.yaml'
    path.write_text(text)
    with pytest.raises(ConfigError, match=message):
        load_recipe(path)


def test_a_file_that_is_no_text_is_refused(tmp_path):
    path = tmp_path / 'weights.npz'
    path.write_bytes(b'\xff\xfe\x80')
    with pytest.raises(ConfigError, match='cannot be read as a training recipe'):
        load_recipe(path)


def test_settings_win_over_the_file(tmp_path):
    path = tmp_path / 'recipe.yaml'
    path.write_text('seed: 3\nbase: {epochs: 5}\n')
    recipe = load_recipe(path, ['base.epochs=7', 'data.kind=mm5'])
    assert (recipe.seed, recipe.base.epochs, recipe.data.kind) == (3, 7, 'mm5')


def test_what_travels_has_no_paths_and_builds_the_recipe_again(tmp_path):
    path = tmp_path / 'recipe.yaml'
    path.write_text('pretrained: /here/a.npz\ndata: {folder: /here}\nbatch_size: 3\n')
    travelling = portable(load_recipe(path))
    assert not any('/here' in str(value) for value in travelling.values())
    assert with_values(Recipe(), travelling).batch_size == 3


@pytest.mark.parametrize('path', Path(__file__).parents[2].glob('config/train_*.yaml'), ids=str)
def test_shipped_recipes_are_valid(path):
    recipe = load_recipe(path)
    assert path.stem == f'train_{recipe.name}'
    assert recipe.description
