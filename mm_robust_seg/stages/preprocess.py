"""Turn frames into network inputs; the same code in training and on the robot.

Channels (``bundle.CHANNELS``):
    RGB: the three colours, scaled.
    Thermal: absolute temperature, and temperature relative to the image's median, which keeps
        differences of a kelvin visible beside a hot engine.
    Depth: distance, inverse distance (resolution where it is near), and where a return exists.
"""

from __future__ import annotations

from collections.abc import Mapping

import cv2
import numpy as np
from numpy.typing import NDArray

from mm_robust_seg.bundle import InputSpec
from mm_robust_seg.dataflow import Frame
from mm_robust_seg.modality import Modality

Float = NDArray[np.float32]
_CLIP = 3.0


def prepare(frames: Mapping[Modality, Frame], spec: InputSpec) -> dict[Modality, Float]:
    """Return (1, C, h, w) float32 inputs, contiguous, for each frame given."""
    return {
        modality: network_input(modality, frame.image, spec)[np.newaxis]
        for modality, frame in frames.items()
    }


def network_input(modality: Modality, image: NDArray[np.uint8] | Float, spec: InputSpec) -> Float:
    """Resize and scale one image (``dataflow.Frame.image``) to (C, h, w) float32."""
    size = (spec.width_px, spec.height_px)
    if modality is Modality.RGB:
        return _rgb(_resize(image, size, cv2.INTER_AREA), spec)
    image = _resize(image, size, cv2.INTER_NEAREST).astype(np.float32, copy=False)
    return _thermal(image, spec) if modality is Modality.THERMAL else _depth(image, spec)


def _resize(
    image: NDArray[np.uint8] | Float, size: tuple[int, int], shrink: int
) -> NDArray[np.uint8] | Float:
    if image.shape[1::-1] == size:
        return image
    grows = size[0] > image.shape[1]
    interpolation = cv2.INTER_LINEAR if grows and shrink == cv2.INTER_AREA else shrink
    return cv2.resize(image, size, interpolation=interpolation)  # type: ignore[return-value]


def _rgb(image: NDArray[np.uint8] | Float, spec: InputSpec) -> Float:
    out = np.empty((3, *image.shape[:2]), np.float32)
    for channel in range(3):
        np.subtract(image[..., channel], np.float32(spec.rgb_mean), out=out[channel])
    out *= np.float32(1.0 / spec.rgb_std)
    return out


def _thermal(kelvin: Float, spec: InputSpec) -> Float:
    valid = kelvin > 0
    some = kelvin[::4, ::4]
    some = some[some > 0]
    median = np.float32(np.median(some)) if some.size else np.float32(spec.thermal_mean_k)
    out = np.empty((2, *kelvin.shape), np.float32)
    np.subtract(kelvin, np.float32(spec.thermal_mean_k), out=out[0])
    out[0] *= np.float32(1.0 / spec.thermal_std_k)
    np.subtract(kelvin, median, out=out[1])
    out[1] *= np.float32(1.0 / spec.thermal_detail_k)
    np.clip(out, -_CLIP, _CLIP, out=out)
    out *= valid
    return out


def _depth(metres: Float, spec: InputSpec) -> Float:
    valid = (metres > 0) & (metres <= np.float32(spec.depth_max_m))
    out = np.empty((3, *metres.shape), np.float32)
    np.subtract(metres, np.float32(spec.depth_mean_m), out=out[0])
    out[0] *= np.float32(1.0 / spec.depth_std_m)
    np.divide(np.float32(spec.depth_near_m), np.maximum(metres, np.float32(1e-3)), out=out[1])
    np.clip(out[:2], -_CLIP, _CLIP, out=out[:2])
    out[2] = 1.0
    out *= valid
    return out
