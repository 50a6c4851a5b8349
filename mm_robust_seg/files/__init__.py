# Copyright 2026 mm_robust_seg maintainers
# SPDX-License-Identifier: Apache-2.0

"""Files of ours: found where they were installed, written so that nothing of others is lost.

A file appears whole or not at all (:func:`replacing`). A folder of results is held by one process
at a time (:func:`claimed`) and gets its files when all of them are whole (:func:`renewing`);
whatever else lies in it stays.
"""

from mm_robust_seg.files.folders import claimed, is_free, Listing, nothing, renewing
from mm_robust_seg.files.shipped import shipped, shipped_roots, user_cache
from mm_robust_seg.files.writing import replacing, write_bytes, write_json

__all__ = [
    'claimed',
    'is_free',
    'Listing',
    'nothing',
    'renewing',
    'replacing',
    'shipped',
    'shipped_roots',
    'user_cache',
    'write_bytes',
    'write_json',
]
