"""SIGINT and SIGTERM, heard at once even while the main thread waits inside the middleware.

Python runs its handlers in the main thread alone, between two of its instructions: one that waits
without a timeout for the next message would never notice. What the interpreter writes to its
wake-up socket when a signal comes is read here by a thread.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
import signal
import socket
import threading

STOPPING = (signal.SIGINT, signal.SIGTERM)


class StopSignals:
    """Calls ``stop``, on a thread of its own, for every signal that asks the process to end.

    Must be made in the main thread.
    """

    def __init__(self, stop: Callable[[], None]) -> None:
        self._stop = stop
        self._reader, self._writer = socket.socketpair()
        self._writer.setblocking(False)
        signal.set_wakeup_fd(self._writer.fileno())
        for number in STOPPING:
            signal.signal(number, lambda *_: None)
        self._thread = threading.Thread(target=self._run, name='signals', daemon=True)
        self._thread.start()

    def close(self) -> None:
        """End the thread: ``stop`` is not called any more, and further signals do nothing."""
        signal.set_wakeup_fd(-1)
        self._writer.close()
        self._thread.join()
        self._reader.close()

    def _run(self) -> None:
        while number := self._reader.recv(1):
            if number[0] in STOPPING:
                self._stop()


@contextmanager
def signals_held_back() -> Iterator[None]:
    """Let the handlers of signals wait for the end of the block.

    For code in which the exception of a handler would be lost or become another. Signals that the
    process ignores, or has no handler for, are as before; so are all outside the main thread.
    """
    numbers = (*STOPPING, signal.SIGHUP)
    handlers = {number: signal.getsignal(number) for number in numbers}
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
