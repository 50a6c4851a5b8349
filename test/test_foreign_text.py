# Copyright 2026 mm_robust_seg maintainers
# SPDX-License-Identifier: Apache-2.0

"""Texts of others: bounded and printable, whatever they are."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st
import pytest

from mm_robust_seg.config import InputsConfig
from mm_robust_seg.dataflow import RawImage, Rejection
from mm_robust_seg.foreign_text import listed, shortened
from mm_robust_seg.modality import Modality
from mm_robust_seg.stages.sensors import decode

MANY = 1_000_000


@given(st.text(st.characters() | st.sampled_from('\x1b\n\0\u202e\ud800')), st.integers(3, 40))
def test_any_text_becomes_short_and_printable_and_then_stays_as_it_is(text, length):
    short = shortened(text, length)
    assert len(short) <= length and short.isprintable()
    assert shortened(short, length) == short
    assert short == text or not text.isprintable() or (len(text) > length and '...' in short)


def test_what_a_terminal_would_act_on_is_written_out():
    assert shortened('rgb8\x1b[2J\n', 80) == r'rgb8\x1b[2J\n'


@pytest.mark.parametrize('modality', Modality)
@pytest.mark.parametrize('encoding', ['x' * MANY, '\x1b' * MANY, 'rgb8' + ' ' * MANY])
@pytest.mark.parametrize('prefix', ['', 'compressed '])
def test_a_message_of_endless_texts_is_refused_in_one_short_line(modality, encoding, prefix):
    raw = RawImage(modality, 0, 1, 1, prefix + encoding, 3, bytes(3), frame_id='f\n' * MANY)
    assert len(raw.encoding) <= 80 and len(raw.frame_id) <= 255
    rejection = decode(raw, InputsConfig(), 0)
    assert isinstance(rejection, Rejection)
    assert len(rejection.detail) < 600 and rejection.detail.isprintable()


def test_of_many_names_the_first_are_told_and_the_rest_counted():
    assert listed(['a', 'b']) == 'a, b'
    assert listed([f'/n{number}' for number in range(9)]) == '/n0, /n1, /n2, /n3, /n4 and 4 more'
