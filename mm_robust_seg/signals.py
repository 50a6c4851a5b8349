# Copyright 2026 mm_robust_seg maintainers
# SPDX-License-Identifier: Apache-2.0

"""Ctrl-C and its kin: every way in which this package meets SIGINT, SIGTERM and SIGHUP.

- A command is ended by an exception: :func:`termination_interrupts`.
- A node is told to end: :class:`StopSignals`.
- Code that an exception would leave half done is ended first: :func:`signals_held_back`.
- Workers leave it to the process that started them: :func:`signals_left_to_parent`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
import signal
import socket
import threading

INTERRUPTED = 130
"""Exit code of a command that was ended."""

_STOPPING = (signal.SIGINT, signal.SIGTERM)
_TERMINATING = (signal.SIGTERM, signal.SIGHUP)


@contextmanager
def termination_interrupts() -> Iterator[None]:
    """Treat SIGTERM and the closing of the terminal like Ctrl-C: raise KeyboardInterrupt.

    What the process ignores, such as SIGHUP under nohup, stays ignored; so does what the block
    came to ignore.
    """
    handlers = {number: signal.getsignal(number) for number in _TERMINATING}
    heard = {n: handler for n, handler in handlers.items() if handler is not signal.SIG_IGN}
    for number in heard:
        signal.signal(number, signal.default_int_handler)
    try:
        yield
    finally:
        for number, handler in heard.items():
            if signal.getsignal(number) is not signal.SIG_IGN:
                signal.signal(number, handler)


class StopSignals:
    """Calls ``stop``, on a thread of its own, for every signal that asks the process to end.

    Python runs its handlers in the main thread alone, between two of its instructions: one that
    waits without a timeout for the next message would never notice. What the interpreter writes to
    its wake-up socket when a signal comes is read here by a thread.

    Must be made in the main thread.
    """

    def __init__(self, stop: Callable[[], None]) -> None:
        self._stop = stop
        self._reader, self._writer = socket.socketpair()
        self._writer.setblocking(False)
        signal.set_wakeup_fd(self._writer.fileno())
        for number in _STOPPING:
            signal.signal(number, lambda *_: None)
        self._thread = threading.Thread(target=self._run, name='signals', daemon=True)
        self._thread.start()

    def close(self) -> None:
        """End the thread: ``stop`` is not called any more; the process ignores further signals.

        An empty handler would not do: the interpreter takes it back when it ends, and a second
        Ctrl-C would kill the process while the middleware still ends.
        """
        for number in _STOPPING:
            signal.signal(number, signal.SIG_IGN)
        signal.set_wakeup_fd(-1)
        self._writer.close()
        self._thread.join()
        self._reader.close()

    def _run(self) -> None:
        while number := self._reader.recv(1):
            if number[0] in _STOPPING:
                self._stop()


@contextmanager
def signals_held_back() -> Iterator[None]:
    """Let the handlers of signals wait for the end of the block.

    For code in which the exception of a handler would be lost or become another. Signals that the
    process ignores, or has no handler for, are as before; so are all outside the main thread.
    """
    handlers = {number: signal.getsignal(number) for number in {*_STOPPING, *_TERMINATING}}
    is_main = threading.current_thread() is threading.main_thread()
    held = {n: handler for n, handler in handlers.items() if is_main and callable(handler)}
    came: list[int] = []
    for number in held:
        signal.signal(number, lambda number, _: came.append(number))
    try:
        yield
    finally:
        for number, handler in held.items():
            signal.signal(number, handler)
        for late in came:
            signal.raise_signal(late)


@contextmanager
def signals_left_to_parent() -> Iterator[None]:
    """Start processes that never hear Ctrl-C and its kin: they inherit that these are blocked.

    For workers that the process ends by other means. A signal to the whole group would end them
    first, and their parent would report that as an error.
    """
    before = signal.pthread_sigmask(signal.SIG_BLOCK, {*_STOPPING, *_TERMINATING})
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)
