# Copyright 2026 mm_robust_seg maintainers
# SPDX-License-Identifier: Apache-2.0

"""Unpack compressed messages: PNG, JPEG, and the ``compressedDepth`` transport.

The content decides, and the free text of ``format`` only where the content does not tell: drivers
write ``png``, ``16UC1; png compressed`` and more.
"""

from __future__ import annotations

import cv2

from mm_robust_seg.dataflow import RawImage, Reason
from mm_robust_seg.modalities import KINDS, SensorKind
from mm_robust_seg.modalities.encodings import ENCODINGS
from mm_robust_seg.modalities.kind import Pixels
from mm_robust_seg.stages.sensors import compressed_depth
from mm_robust_seg.stages.sensors.image_files import read_header
from mm_robust_seg.stages.sensors.layout import buffer
from mm_robust_seg.stages.sensors.malformed import MalformedError
from mm_robust_seg.stages.sensors.packed_files import unpack_file

PREFIX = 'compressed'
"""Begins ``RawImage.encoding`` of every compressed message."""

_MOSAIC = 'bayer_'
_TIFF_STARTS = (b'II*\x00', b'MM\x00*')
_PREFERRED = ('16UC1', '8UC1', 'bgr8')
"""A file says nothing but its type; of the encodings of that type, these first."""


def unpack(raw: RawImage, without_jpeg: str, most_pixels: int) -> tuple[str, Pixels]:
    """Return the encoding (one of the sensor) and the pixels, (H, W, C), of a message.

    Args:
        raw: the message.
        without_jpeg: what to do where a JPEG comes, which would alter the values; empty where it
            is welcome.
        most_pixels: that the sensor may send.

    Raises:
        MalformedError: FORMAT if the content is something else, too large, or not what the
            sensor may send; TRUNCATED if its end is missing or it is damaged.
    """
    packed, text = buffer(raw).tobytes(), raw.encoding.removeprefix(PREFIX).strip()
    kind = KINDS[raw.modality]
    if compressed_depth.is_compressed_depth(text, packed):
        encoding, pixels = compressed_depth.unpack_depth(text, packed, most_pixels)
        if encoding not in kind.encodings or kind.is_color:
            raise MalformedError(
                Reason.FORMAT,
                f'{compressed_depth.NAME} holds measured values in {encoding}; expected '
                f'{_files(without_jpeg)} of {kind.content}: remap the input to such a topic',
            )
        return encoding, pixels
    header = read_header(packed)
    if header is None:
        raise MalformedError(Reason.FORMAT, _unknown(packed, without_jpeg))
    if header.kind == 'JPEG' and without_jpeg:
        raise MalformedError(
            Reason.FORMAT, f'JPEG alters {raw.modality} values; expected {without_jpeg}'
        )
    is_mosaic = kind.is_color and text.startswith(_MOSAIC) and header.channels == 1
    if is_mosaic and header.kind == 'JPEG':
        raise MalformedError(
            Reason.FORMAT,
            f'a mosaic, {_encoding_of(text)}, is packed as JPEG, which mixes its colours; '
            'expected colours: let the driver make them before it compresses, or send PNG or raw',
        )
    colour = cv2.IMREAD_COLOR | cv2.IMREAD_IGNORE_ORIENTATION
    as_colour = kind.is_color and not is_mosaic
    pixels = unpack_file(packed, colour if as_colour else cv2.IMREAD_UNCHANGED, most_pixels)
    channels = pixels.shape[2] if pixels.ndim == 3 else 1
    names = ('bgr8',) if as_colour else (_encoding_of(text), *_PREFERRED, *kind.encodings)
    stored = (pixels.dtype.str[1:], channels)
    fitting = [n for n in names if n in kind.encodings and ENCODINGS[n][:2] == stored]
    if not fitting:
        raise MalformedError(
            Reason.FORMAT,
            f'{header.kind} holds {pixels.dtype} of shape {pixels.shape}; expected one channel '
            f'as in {_listed(kind)}',
        )
    return fitting[0], pixels.reshape(*pixels.shape[:2], channels)


def _encoding_of(text: str) -> str:
    """Return what the format text begins with: the encoding of the image, if it is told."""
    return text.partition(';')[0].strip()


def _listed(kind: SensorKind) -> str:
    return ' or '.join(n for n in kind.encodings if ENCODINGS[n].channels == 1)


def _files(without_jpeg: str) -> str:
    return 'PNG' if without_jpeg else 'PNG or JPEG'


def _unknown(packed: bytes, without_jpeg: str) -> str:
    found = f'begins with {packed[:4].hex() or "nothing"}'
    advice = ''
    if packed.startswith(_TIFF_STARTS):
        found, advice = 'is TIFF', ': set the format of the publisher to png'
    return f'compressed data {found}; expected {_files(without_jpeg)}{advice}'
