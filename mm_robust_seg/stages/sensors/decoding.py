"""Decode image messages into frames in the package's units.

A malformed message is an everyday event on a robot: it gives a Rejection, which is evidence for
the health monitor, never an exception.
"""

from __future__ import annotations

from collections.abc import Mapping

import cv2
import numpy as np
from numpy.typing import NDArray

from mm_robust_seg.config import DepthInputConfig, InputsConfig, ThermalInputConfig
from mm_robust_seg.dataflow import Frame, RawImage, Rejection
from mm_robust_seg.modality import Modality
from mm_robust_seg.stages.sensors.compressed import PREFIX, unpack
from mm_robust_seg.stages.sensors.layout import Pixels, view
from mm_robust_seg.stages.sensors.malformed import MalformedError

Float = NDArray[np.float32]

_TO_RGB: Mapping[str, int] = {
    'bgr8': cv2.COLOR_BGR2RGB,
    'rgba8': cv2.COLOR_RGBA2RGB,
    'bgra8': cv2.COLOR_BGRA2RGB,
    'mono8': cv2.COLOR_GRAY2RGB,
}


def decode(raw: RawImage, inputs: InputsConfig, arrival_ns: int) -> Frame | Rejection:
    """Decode one message: RGB uint8, thermal in kelvin, depth in metres (``Frame.image``).

    The stamp is moved by ``stamp_offset_s``. An RGB image that needs no conversion shares the
    message's memory, so the sender must not write to it afterwards.
    """
    settings = inputs[raw.modality]
    stamp_ns = raw.stamp_ns + round(settings.stamp_offset_s * 1e9)
    try:
        image = _image(raw, inputs)
    except MalformedError as error:
        return Rejection(raw.modality, stamp_ns, arrival_ns, error.reason, error.detail)
    frame_id = settings.frame_alias or raw.frame_id
    return Frame(raw.modality, stamp_ns, arrival_ns, image, frame_id, raw.encoding, raw.step_bytes)


def _image(raw: RawImage, inputs: InputsConfig) -> NDArray[np.uint8] | Float:
    if raw.encoding.startswith(PREFIX):
        encoding, pixels = unpack(raw)
    else:
        encoding, pixels = raw.encoding, view(raw)
    if raw.modality is Modality.RGB:
        return _rgb(encoding, pixels)
    values = pixels[..., 0]
    if raw.modality is Modality.THERMAL:
        return _kelvin(values, inputs.thermal)
    return _metres(values, inputs.depth)


def _rgb(encoding: str, pixels: Pixels) -> NDArray[np.uint8]:
    """Return (H, W, 3) uint8 in R, G, B order."""
    if encoding == 'rgb8':
        return pixels
    return cv2.cvtColor(pixels, _TO_RGB[encoding]).astype(np.uint8, copy=False)


def _kelvin(values: Pixels, settings: ThermalInputConfig) -> Float:
    """Return (H, W) float32 kelvin; what is not finite or not above 0 K becomes 0."""
    kelvin = values.astype(np.float32)
    with np.errstate(over='ignore', invalid='ignore'):
        if values.dtype.kind == 'u':
            kelvin *= np.float32(settings.scale_k)
            kelvin += np.float32(settings.offset_k)
        return _kept(kelvin, np.nextafter(np.float32(0), np.float32(1)), np.finfo(np.float32).max)


def _metres(values: Pixels, settings: DepthInputConfig) -> Float:
    """Return (H, W) float32 metres; what is not finite or out of range becomes 0."""
    metres = values.astype(np.float32)
    if values.dtype.kind == 'u':
        metres /= np.float32(1000)
    return _kept(metres, np.float32(settings.min_m), np.float32(settings.max_m))


def _kept(values: Float, low: np.float32, high: np.float32) -> Float:
    """Zero in place what is outside ``low..high`` or NaN."""
    inside = values >= low
    inside &= values <= high
    np.copyto(values, np.float32(0), where=~inside)
    return values
