# Copyright 2026 mm_robust_seg maintainers
# SPDX-License-Identifier: Apache-2.0

"""The schema of every file that people write: declared once, read by one reader."""

from mm_robust_seg.schema.parameters import (
    check_all,
    check_type,
    flatten,
    naming,
    parameter,
    parse_settings,
    required,
    shown,
    Spec,
    unknown,
    Value,
    with_values,
)
from mm_robust_seg.schema.tree import dotted, from_tree
from mm_robust_seg.schema.yaml_files import load, parsed_json, read_json, read_text, read_yaml

__all__ = [
    'check_all',
    'check_type',
    'dotted',
    'flatten',
    'from_tree',
    'load',
    'naming',
    'parameter',
    'parse_settings',
    'parsed_json',
    'read_json',
    'read_text',
    'read_yaml',
    'required',
    'shown',
    'Spec',
    'unknown',
    'Value',
    'with_values',
]
