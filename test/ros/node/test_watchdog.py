"""The watchdog: every 10 ms, rarely while nothing is usable, and whatever goes wrong."""

from __future__ import annotations

import threading

from mm_robust_seg.ros.node import watchdog as module
from mm_robust_seg.ros.node.watchdog import Watchdog

WAIT_S = 10


def test_the_watchdog_goes_on_after_an_exception():
    looks, errors, enough = [], [], threading.Event()

    def look():
        looks.append(None)
        if len(looks) == 3:
            enough.set()
        raise RuntimeError('look')

    watchdog = Watchdog(look, threading.Event(), errors.append)
    assert enough.wait(WAIT_S)
    watchdog.close()
    assert len(errors) == len(looks)


def test_an_idle_watchdog_rests_until_an_image_arrives(monkeypatch):
    monkeypatch.setattr(module, 'IDLE_S', 1000.0)
    looked, arrived = threading.Event(), threading.Event()

    def look():
        looked.set()
        return True

    watchdog = Watchdog(look, arrived, print)
    for _ in range(3):
        assert looked.wait(WAIT_S)
        looked.clear()
        assert not looked.wait(0.05)
        arrived.set()
    watchdog.close()


def test_a_watchdog_with_something_to_watch_looks_again_and_again_without_images():
    looks, enough = [], threading.Event()

    def look():
        looks.append(None)
        if len(looks) == 3:
            enough.set()
        return False

    watchdog = Watchdog(look, threading.Event(), print)
    assert enough.wait(WAIT_S)
    watchdog.close()
