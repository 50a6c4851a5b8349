# Copyright 2026 mm_robust_seg maintainers
# SPDX-License-Identifier: Apache-2.0

"""Give up what may never return: a runtime that loads and tries a graph.

No runtime can be told to stop. The work goes on in a thread of its own that nobody waits for, and
the process ends without it.
"""

from __future__ import annotations

from collections.abc import Callable
import threading
import time

from mm_robust_seg.engine.base import Engine, IsCancelled
from mm_robust_seg.errors import EngineError

_ABANDONED = 'abandoned load of an engine'
_LOOK_S = 0.1


def loaded_within(limit_s: float, load: Callable[[], Engine], is_cancelled: IsCancelled) -> Engine:
    """Return the engine that ``load`` makes on a thread of its own.

    An engine that comes later is closed.

    Raises:
        EngineError: if it takes longer than ``limit_s``, or is cancelled meanwhile.
        Exception: what ``load`` raises.
    """
    lock, done = threading.Lock(), threading.Event()
    engines: list[Engine] = []
    failures: list[BaseException] = []
    is_awaited = True

    def work() -> None:
        try:
            engine = load()
            with lock:
                engines.append(engine)
                late = not is_awaited
            if late:
                engine.close()
        except BaseException as error:  # raised again where it is awaited
            failures.append(error)
        finally:
            done.set()

    thread = threading.Thread(target=work, name='load of an engine', daemon=True)
    thread.start()
    end_s = time.monotonic() + limit_s
    try:
        while not done.wait(_LOOK_S):
            if is_cancelled():
                raise EngineError('loading the engine was cancelled')
            if time.monotonic() > end_s:
                raise EngineError(
                    f'the engine was given up: its graphs were not loaded and tried in '
                    f'{limit_s:g} s; export the bundle again, choose another engine.backend, or '
                    'give it longer with engine.load_limit_s'
                )
    except BaseException:
        with lock:
            is_awaited = False
            thread.name = _ABANDONED
            for engine in engines:
                engine.close()
        raise
    if failures:
        raise failures[0]
    return engines[0]


def is_any_abandoned() -> bool:
    """Tell whether a thread still loads what nobody waits for: the runtime would not end well."""
    return any(thread.name == _ABANDONED for thread in threading.enumerate())
