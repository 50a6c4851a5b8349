# Copyright 2026 mm_robust_seg maintainers
# SPDX-License-Identifier: Apache-2.0

"""Fixtures that many tests share."""

import os
from pathlib import Path

# Before torch is imported: one thread everywhere, as sums depend on how many threads share them,
# and processes that a test starts do not spin against each other.
os.environ.setdefault('OMP_NUM_THREADS', '1')
os.environ.setdefault('OMP_WAIT_POLICY', 'PASSIVE')

from cameras import Cameras, FIXED, START_NS
from hypothesis import settings
import pytest
from scripted_engine import ScriptedEngine
from tiny_bundle import write_tiny_bundle

from mm_robust_seg.bundle import load_bundle
from mm_robust_seg.pipeline import Pipeline

# The same examples in every run; HYPOTHESIS_PROFILE=explore looks for new ones.
settings.register_profile('repeat', derandomize=True)
settings.register_profile('explore')
settings.load_profile(os.environ.get('HYPOTHESIS_PROFILE', 'repeat'))

pytest_plugins = ['training_fixtures', 'labelled_room']


@pytest.fixture(scope='session', autouse=True)
def cache_of_their_own(tmp_path_factory: pytest.TempPathFactory):
    """Keep tests, and what they start, out of the user's cache, except for matplotlib's fonts."""
    users = Path(os.environ.get('XDG_CACHE_HOME') or Path.home() / '.cache')
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv('MPLCONFIGDIR', os.environ.get('MPLCONFIGDIR', str(users / 'matplotlib')))
        patch.setenv('XDG_CACHE_HOME', str(tmp_path_factory.mktemp('cache')))
        yield


@pytest.fixture(scope='session')
def tiny_bundle(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of a valid bundle: seven 1x1-convolution graphs, 48x64 pixels, five classes."""
    return write_tiny_bundle(tmp_path_factory.mktemp('models') / 'tiny')


@pytest.fixture(scope='session')
def make_cameras(tiny_bundle):
    """Make cameras in front of a pipeline whose engine says how many sensors it was given."""
    inputs = load_bundle(tiny_bundle).inputs

    def cameras(settings=None, engine=None):
        settings, engine = settings or FIXED, engine or ScriptedEngine()
        return Cameras(Pipeline(settings, inputs, engine, START_NS))

    return cameras
