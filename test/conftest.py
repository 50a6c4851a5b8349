"""Fixtures that many tests share."""

from pathlib import Path

from cameras import Cameras, START_NS
import pytest
from scripted_engine import ScriptedEngine
from tiny_bundle import write_tiny_bundle

from mm_robust_seg.bundle import load_bundle
from mm_robust_seg.config import Config
from mm_robust_seg.pipeline import Pipeline


@pytest.fixture(scope='session')
def tiny_bundle(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of a valid bundle: seven 1x1-convolution graphs, 48x64 pixels, five classes."""
    return write_tiny_bundle(tmp_path_factory.mktemp('models') / 'tiny')


@pytest.fixture(scope='session')
def make_cameras(tiny_bundle):
    """Make cameras in front of a pipeline whose engine says how many sensors it was given."""
    inputs = load_bundle(tiny_bundle).inputs

    def cameras(settings=None, engine=None):
        settings, engine = settings or Config(), engine or ScriptedEngine()
        return Cameras(Pipeline(settings, inputs, engine, START_NS))

    return cameras
