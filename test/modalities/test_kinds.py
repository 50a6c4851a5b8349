# Copyright 2026 mm_robust_seg maintainers
# SPDX-License-Identifier: Apache-2.0

"""The table of the kinds is whole, and what the kinds say of themselves fits together."""

import dataclasses

import numpy as np
import pytest

from mm_robust_seg.config import InputsConfig, MonitorConfig
from mm_robust_seg.modalities import KINDS
from mm_robust_seg.modalities.encodings import ENCODINGS, PIXEL_TYPES
from mm_robust_seg.modality import Modality
from mm_robust_seg.simulation.faults import Fault


def test_every_modality_has_a_kind_and_its_two_sections_in_one_order():
    assert list(KINDS) == list(Modality)
    names = [modality.value for modality in Modality]
    for sections in (InputsConfig, MonitorConfig):
        found = [field.name for field in dataclasses.fields(sections) if not field.metadata]
        assert found == names


@pytest.mark.parametrize('kind', KINDS.values(), ids=lambda kind: str(kind.modality))
def test_a_kind_names_what_exists(kind):
    assert kind.encodings and set(kind.encodings) <= set(ENCODINGS)
    assert set(kind.doubtful) <= set(kind.encodings)
    assert set(kind.file_encodings.values()) <= set(kind.encodings)
    for dtype, encoding in kind.file_encodings.items():
        pixel_type, channels = PIXEL_TYPES[encoding]
        assert np.dtype(pixel_type) == np.dtype(dtype)
        assert channels == (3 if kind.is_color else 1)
    assert set(kind.faults) <= {fault.value for fault in Fault if fault.needs_pixels}
    assert (kind.view is None) == kind.is_color


def test_no_two_kinds_share_a_name():
    for name in ('modality', 'short_name', 'content'):
        assert len({getattr(kind, name) for kind in KINDS.values()}) == len(KINDS)
    words = [word for kind in KINDS.values() for word in kind.topic_words]
    assert len(set(words)) == len(words)


def test_no_name_begins_another():
    """Numbers of a kind are told by its name: ``depth_max_m``."""
    names = [modality.value for modality in Modality]
    assert not any(a.startswith(f'{b}_') for a in names for b in names)
