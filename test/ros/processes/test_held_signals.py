"""Signals wait while the middleware is at work."""

from __future__ import annotations

import signal
import threading

import pytest

from mm_robust_seg.ros.processes.children import termination_interrupts
from mm_robust_seg.ros.processes.signals import signals_held_back


@pytest.fixture(autouse=True)
def default_interrupt():
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    yield
    signal.signal(signal.SIGINT, before)


@pytest.mark.parametrize('number', [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_an_interrupt_waits_for_the_end_of_the_block(number):
    done = []
    with termination_interrupts(), pytest.raises(KeyboardInterrupt):
        with signals_held_back():
            signal.raise_signal(number)
            done.append('all')
        done.append('too much')
    assert done == ['all']
    assert signal.getsignal(signal.SIGINT) is signal.default_int_handler


def test_an_interrupt_wins_over_an_error_of_the_block():
    with pytest.raises(KeyboardInterrupt), signals_held_back():
        signal.raise_signal(signal.SIGINT)
        raise RuntimeError('what the middleware makes of it')


def test_an_ignored_signal_stays_ignored():
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    with signals_held_back():
        signal.raise_signal(signal.SIGINT)
        assert signal.getsignal(signal.SIGINT) is signal.SIG_IGN


def test_another_thread_leaves_signals_alone():
    failed = []

    def work():
        try:
            with signals_held_back():
                pass
        except ValueError as error:
            failed.append(error)

    thread = threading.Thread(target=work)
    thread.start()
    thread.join()
    assert not failed
