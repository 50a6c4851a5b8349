"""SIGINT and SIGTERM, heard at once even while the main thread waits inside the middleware.

Python runs its handlers in the main thread alone, between two of its instructions: one that waits
without a timeout for the next message would never notice. What the interpreter writes to its
wake-up socket when a signal comes is read here by a thread.
"""

from __future__ import annotations

from collections.abc import Callable
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
