"""Find the files that come with the package; write files so that nobody ever sees half of one."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
import json
import os
from pathlib import Path
import secrets
import sys
from typing import Any

from mm_robust_seg.errors import ConfigError


@contextmanager
def replacing(path: Path) -> Iterator[Path]:
    """Yield a temporary path beside ``path`` that takes its place when the block succeeds.

    The suffix is kept, since writers such as OpenCV choose the format by it. On any error,
    Ctrl-C included, the temporary file is removed and ``path`` stays as it was.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = path.with_name(f'.{path.stem}.{secrets.token_hex(4)}{path.suffix}')
    try:
        yield temporary
        temporary.replace(path)
    finally:
        temporary.unlink(missing_ok=True)


def write_bytes(path: Path, data: bytes) -> None:
    """Write ``data`` to ``path`` in one step."""
    with replacing(path) as temporary:
        temporary.write_bytes(data)


def write_json(path: Path, value: Any) -> None:
    """Write ``value`` as indented JSON to ``path`` in one step."""
    write_bytes(path, (json.dumps(value, indent=2, allow_nan=False) + '\n').encode())


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
    here, share = Path(__file__).resolve(), Path('share', 'mm_robust_seg')
    prefixes = dict.fromkeys([*here.parents[2:], Path(sys.prefix)])
    return (here.parents[1], *(prefix / share for prefix in prefixes))
