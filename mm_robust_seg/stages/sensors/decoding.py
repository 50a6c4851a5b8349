# Copyright 2026 mm_robust_seg maintainers
# SPDX-License-Identifier: Apache-2.0

"""Decode image messages into frames in the package's units.

A malformed message is an everyday event on a robot: it gives a Rejection, which is evidence for
the health monitor, never an exception.
"""

from __future__ import annotations

from mm_robust_seg.config import InputsConfig
from mm_robust_seg.dataflow import Frame, RawImage, Reason, Rejection
from mm_robust_seg.modalities import KINDS
from mm_robust_seg.modalities.kind import Pixels, UnfitPixelsError
from mm_robust_seg.modalities.measured import stored_values
from mm_robust_seg.modalities.sections import InputConfig
from mm_robust_seg.stages.sensors.compressed import PREFIX, unpack
from mm_robust_seg.stages.sensors.layout import view
from mm_robust_seg.stages.sensors.malformed import check_size, MalformedError


def decode(raw: RawImage, inputs: InputsConfig, arrival_ns: int) -> Frame | Rejection:
    """Decode one message: RGB uint8, thermal in kelvin, depth in metres (``Frame.image``).

    Its stamp is that of the message or of the arrival, moved by ``stamp_offset_s``. An RGB image
    that needs no conversion shares the message's memory, so the sender must not write to it
    afterwards.
    """
    settings = inputs[raw.modality]
    stamp_ns = settings.stamp_ns(raw.stamp_ns, arrival_ns)
    try:
        stored = _stored(raw, settings)
    except MalformedError as error:
        return Rejection(raw.modality, stamp_ns, arrival_ns, error.reason, error.detail)
    except UnfitPixelsError as error:
        return Rejection(raw.modality, stamp_ns, arrival_ns, Reason.FORMAT, str(error))
    return Frame(
        raw.modality,
        stamp_ns,
        arrival_ns,
        image=settings.units.image(stored),
        frame_id=settings.frame_alias or raw.frame_id,
        encoding=raw.encoding,
        step_bytes=raw.step_bytes,
        offset_ns=stamp_ns - raw.stamp_ns,
        stored=None if KINDS[raw.modality].is_color else stored_values(stored),
    )


def _stored(raw: RawImage, settings: InputConfig) -> Pixels:
    """Return the pixels of a message as files hold them: (H, W), or (H, W, 3) in R, G, B order."""
    if raw.encoding.startswith(PREFIX):
        encoding, pixels = unpack(raw, settings.without_jpeg, settings.max_pixels)
    else:
        encoding, pixels = raw.encoding, view(raw)
        check_size(raw.height_px, raw.width_px, settings.max_pixels)
    return KINDS[raw.modality].arranged(encoding, pixels)
