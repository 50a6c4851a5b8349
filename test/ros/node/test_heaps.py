# Copyright 2026 mm_robust_seg maintainers
# SPDX-License-Identifier: Apache-2.0

"""The heaps of a process with many threads."""

from __future__ import annotations

import os
import platform
import subprocess
import sys

import pytest

HEAPS = """
import ctypes, threading
from mm_robust_seg.ros.node.heaps import share_heaps

share_heaps()
libc = ctypes.CDLL(None)
libc.malloc.restype = ctypes.c_void_p
together = threading.Barrier(6)

def allocate():
    together.wait()
    libc.malloc(1000)
    together.wait()

threads = [threading.Thread(target=allocate) for _ in range(6)]
for thread in threads:
    thread.start()
for thread in threads:
    thread.join()
libc.fdopen.restype = ctypes.c_void_p
stream = ctypes.c_void_p(libc.fdopen(1, b'w'))
libc.malloc_info(0, stream)
libc.fflush(stream)
"""

pytestmark = pytest.mark.skipif(platform.libc_ver()[0] != 'glibc', reason='needs glibc')


def heaps(**variables: str) -> int:
    environment = {k: v for k, v in os.environ.items() if k != 'MALLOC_ARENA_MAX'} | variables
    command = [sys.executable, '-c', HEAPS]
    return subprocess.run(
        command, env=environment, capture_output=True, text=True, check=True
    ).stdout.count('<heap nr=')


def test_many_threads_share_two_heaps():
    assert heaps() == 2


def test_the_user_may_want_more():
    assert heaps(MALLOC_ARENA_MAX='4') > 2


LARGE = """
import ctypes
from mm_robust_seg.ros.node.heaps import share_heaps

share_heaps()
libc = ctypes.CDLL(None)
libc.malloc.restype = ctypes.c_void_p
libc.free.argtypes = [ctypes.c_void_p]

def resident_mib():
    with open('/proc/self/statm') as file:
        return int(file.read().split()[1]) * 4096 / 2**20

before_mib = resident_mib()
libc.free(libc.malloc(25 << 20))  # after this one, glibc would keep others like it
blocks = [libc.malloc(20 << 20) for _ in range(8)]
keeper = libc.malloc(4 << 20)  # above them, so that no heap shrinks by itself
for block in blocks:
    ctypes.memset(block, 1, 20 << 20)
    libc.free(block)
print(resident_mib() - before_mib)
"""


def test_the_memory_of_large_images_is_given_back():
    command = [sys.executable, '-c', LARGE]
    environment = {k: v for k, v in os.environ.items() if not k.startswith('MALLOC_')}
    printed = subprocess.run(
        command, env=environment, capture_output=True, text=True, check=True
    ).stdout
    assert float(printed) < 10
