"""Fixtures that many tests share."""

from pathlib import Path

import pytest
from tiny_bundle import write_tiny_bundle


@pytest.fixture(scope='session')
def tiny_bundle(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of a valid bundle: seven 1x1-convolution graphs, 48x64 pixels, five classes."""
    return write_tiny_bundle(tmp_path_factory.mktemp('models') / 'tiny')
