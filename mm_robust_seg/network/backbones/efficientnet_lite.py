# Copyright 2026 mm_robust_seg maintainers
# SPDX-License-Identifier: Apache-2.0

"""EfficientNet-Lite as a feature pyramid: EfficientNet for mobile accelerators.

Tan and Le, ICML 2019 (arXiv 1905.11946), without squeeze-and-excitation, with ReLU6, and with a
stem and ends that do not grow; published as lite models in tensorflow/tpu.

Strided convolutions pad both sides alike. TensorFlow, with which the published weights were
trained, pads one pixel more behind than in front, which shifts every feature by one input pixel of
that convolution and changes nothing else.
"""

from __future__ import annotations

from collections.abc import Mapping
import math
from pathlib import Path

from torch import nn, Tensor

from mm_robust_seg.errors import TrainingError
from mm_robust_seg.network.backbones.pretrained import for_channels, read_checkpoint, read_weights
from mm_robust_seg.network.blocks import conv_norm, InvertedResidual

# (kernel, stride of the first block, expansion, channels, blocks)
_STAGES = (
    (3, 1, 1, 16, 1),
    (3, 2, 6, 24, 2),
    (5, 2, 6, 40, 2),
    (3, 2, 6, 80, 3),
    (5, 1, 6, 112, 3),
    (5, 2, 6, 192, 4),
    (3, 1, 6, 320, 1),
)
_SCALES: Mapping[str, tuple[float, float]] = {
    'efficientnet_lite0': (1.0, 1.0),
    'efficientnet_lite1': (1.0, 1.1),
    'efficientnet_lite2': (1.1, 1.2),
}
"""How much wider and deeper than the smallest."""
_PYRAMID = (1, 2, 4, 6)
"""The stages whose ends are at strides 4, 8, 16 and 32."""
_STEM, _STEM_CHANNELS = 'features.0.0.weight', 32
_COUNTER = 'num_batches_tracked'

# what is published of the stem and of a block, by the places here
_STEM_PARTS = {'0': '_conv_stem', '1': '_bn0'}
_PLAIN_PARTS = {'0.0': '_depthwise_conv', '0.1': '_bn1', '1': '_project_conv', '2': '_bn2'}
_EXPANDED_PARTS = {
    '0.0': '_expand_conv',
    '0.1': '_bn0',
    '1.0': '_depthwise_conv',
    '1.1': '_bn1',
    '2': '_project_conv',
    '3': '_bn2',
}


class EfficientNetLite(nn.Module):
    """One of the sizes without its classifier: (N, C, h, w) to four features, strides 4 to 32.

    Attributes:
        channels: width of the features: 24, 40, 112 and 320 for ``efficientnet_lite0``.
    """

    def __init__(self, size: str, channels_in: int) -> None:
        super().__init__()
        self.size = size
        wider, deeper = _SCALES[size]
        layers: list[nn.Module] = [conv_norm(channels_in, _STEM_CHANNELS, 3, stride=2)]
        width, ends = _STEM_CHANNELS, {}
        for stage, (kernel_px, stride, expansion, narrowest, fewest) in enumerate(_STAGES):
            is_end = stage in (0, len(_STAGES) - 1)
            channels = _scaled(narrowest, wider)
            for index in range(fewest if is_end else math.ceil(fewest * deeper)):
                strides = stride if index == 0 else 1
                layers.append(InvertedResidual(width, channels, strides, expansion, kernel_px))
                width = channels
            ends[stage] = len(layers) - 1
        self.features = nn.ModuleList(layers)
        self.channels = tuple(_scaled(_STAGES[stage][3], wider) for stage in _PYRAMID)
        self._ends = {ends[stage] for stage in _PYRAMID}

    def forward(self, x: Tensor) -> list[Tensor]:
        """Return the pyramid, the finest feature first."""
        pyramid = []
        for index, layer in enumerate(self.features):
            x = layer(x)
            if index in self._ends:
                pyramid.append(x)
        return pyramid

    def load_pretrained(self, path: Path) -> None:
        """Start from published RGB weights, for images that are normalised as (x - 127) / 128.

        Args:
            path: the ``.pth`` that :func:`~pretrained.packaged_weights` finds, or an ``.npz`` or
                ``.safetensors`` with the same names. The classifier is left out.

        Raises:
            TrainingError: if the file cannot be read or is of another size.
        """
        found = (read_checkpoint if path.suffix == '.pth' else read_weights)(path)
        own = {k: v for k, v in self.state_dict().items() if not k.endswith(_COUNTER)}
        weights = {k: found[alias] for k in own if (alias := _published(k)) in found}
        if _STEM in weights and weights[_STEM].ndim == own[_STEM].ndim:
            weights[_STEM] = for_channels(weights[_STEM], own[_STEM].shape[1])
        wrong = [k for k, v in own.items() if k not in weights or weights[k].shape != v.shape]
        further = [k for k in found if k.startswith(f'_blocks.{len(self.features) - 1}.')]
        if wrong or further:
            first = _published(wrong[0]) if wrong else further[0]
            raise TrainingError(
                f'{path} is not a {self.size}: {len(wrong)} of {len(own)} tensors are missing or '
                f'of another shape, {len(further)} too many, {first} the first'
            )
        self.load_state_dict(weights, strict=False)


def _published(name: str) -> str:
    """Return what a tensor of this module is called where weights are published."""
    _, index, rest = name.split('.', 2)
    part, _, leaf = rest.rpartition('.')
    if index == '0':
        return f'{_STEM_PARTS[part]}.{leaf}'
    parts = _PLAIN_PARTS if index == '1' else _EXPANDED_PARTS
    return f'_blocks.{int(index) - 1}.{parts[part.removeprefix("conv.")]}.{leaf}'


def _scaled(channels: int, wider: float) -> int:
    """Return the width as a multiple of 8, at most a tenth less than asked for."""
    rounded = int(channels * wider + 4) // 8 * 8
    return rounded if rounded >= 0.9 * channels * wider else rounded + 8
