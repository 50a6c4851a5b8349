# Copyright 2026 mm_robust_seg maintainers
# SPDX-License-Identifier: Apache-2.0

"""Signals end what is to end, and wait while what must not be cut short is at work."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
import time

import pytest

from mm_robust_seg.signals import signals_held_back, StopSignals, termination_interrupts


@pytest.fixture(autouse=True)
def default_handlers():
    """As in a shell; what started the tests, such as nohup, may have had signals ignored."""
    before = {
        signal.SIGINT: signal.signal(signal.SIGINT, signal.default_int_handler),
        signal.SIGHUP: signal.signal(signal.SIGHUP, signal.SIG_DFL),
    }
    yield
    for number, handler in before.items():
        signal.signal(number, handler)


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


@pytest.mark.parametrize('number', [signal.SIGTERM, signal.SIGHUP])
def test_termination_is_an_interrupt_and_handlers_are_restored(number):
    before = signal.getsignal(number)
    with pytest.raises(KeyboardInterrupt), termination_interrupts():
        os.kill(os.getpid(), number)
        time.sleep(5)
    assert signal.getsignal(number) is before


def test_under_nohup_the_closing_of_the_terminal_stays_ignored():
    before = signal.signal(signal.SIGHUP, signal.SIG_IGN)
    try:
        with termination_interrupts():
            signal.raise_signal(signal.SIGHUP)
            assert signal.getsignal(signal.SIGHUP) is signal.SIG_IGN
    finally:
        signal.signal(signal.SIGHUP, before)


@pytest.mark.parametrize('number', [signal.SIGINT, signal.SIGTERM])
def test_a_stop_signal_is_heard_by_another_thread_while_the_main_one_waits(number):
    before, heard = signal.getsignal(signal.SIGTERM), threading.Event()
    signals = StopSignals(heard.set)
    try:
        signal.raise_signal(number)
        assert heard.wait(5)
    finally:
        signals.close()
        signal.signal(signal.SIGTERM, before)
    assert signal.set_wakeup_fd(-1) == -1


LATE_SIGNAL = """
import ctypes
import sys
from mm_robust_seg.signals import StopSignals, termination_interrupts
libc = ctypes.CDLL(None)
kill = ctypes.cast(libc['raise'], ctypes.c_void_p)
libc['__cxa_atexit'](kill, ctypes.c_void_p(int(sys.argv[1])), None)
with termination_interrupts():
    StopSignals(lambda: None).close()
"""


@pytest.mark.parametrize('number', [signal.SIGINT, signal.SIGTERM])
def test_a_signal_after_the_end_of_the_interpreter_changes_no_exit_code(number):
    command = [sys.executable, '-c', LATE_SIGNAL, str(int(number))]
    assert subprocess.run(command, timeout=60, check=False).returncode == 0
