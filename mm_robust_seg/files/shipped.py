# Copyright 2026 mm_robust_seg maintainers
# SPDX-License-Identifier: Apache-2.0

"""Find the files that come with the package, and its place in the user's cache."""

from __future__ import annotations

import os
from pathlib import Path
import sys

from mm_robust_seg.errors import ConfigError


def user_cache() -> Path:
    """Return the folder of this package in the user's cache, whether there or not."""
    cache = os.environ.get('XDG_CACHE_HOME') or Path.home() / '.cache'
    return Path(cache) / 'mm_robust_seg'


def shipped(relative: str) -> Path:
    """Find a file that comes with the package, such as ``config/demo.yaml``.

    Raises:
        ConfigError: if it is not there.
    """
    for root in shipped_roots():
        if (root / relative).is_file():
            return root / relative
    raise ConfigError(f'{relative} was not found beside the package: install it again')


def shipped_roots() -> tuple[Path, ...]:
    """Return where config/, launch/ and models/ may be: the repository, or a prefix's share/."""
    package, share = Path(__file__).resolve().parents[1], Path('share', 'mm_robust_seg')
    prefixes = dict.fromkeys([*package.parents[1:], Path(sys.prefix)])
    return (package.parent, *(prefix / share for prefix in prefixes))
