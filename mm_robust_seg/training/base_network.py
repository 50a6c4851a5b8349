# Copyright 2026 mm_robust_seg maintainers
# SPDX-License-Identifier: Apache-2.0

"""The complete-input network as a file that runs and bundles share."""

from __future__ import annotations

import hashlib
from pathlib import Path

from torch import nn

from mm_robust_seg.bundle import find_bundle
from mm_robust_seg.errors import ConfigError, TrainingError
from mm_robust_seg.modality import ModalitySet
from mm_robust_seg.network.segmenter import Segmenter
from mm_robust_seg.training.loop import checkpoint
from mm_robust_seg.training.run_folder import RUN

BASE, START = 'base.safetensors', 'start.safetensors'
_COUNTER = 'num_batches_tracked'
_UNSTATED = 'rgb+thermal+depth'
"""The sensors of a file that was written when there were no others."""


def load_base(path: Path) -> Segmenter:
    """Load the complete-input network of a finished run, or of a bundle.

    Args:
        path: folder of the run or bundle, or the name of a bundle that comes with the package.

    Raises:
        TrainingError: if there is none, or it is of another architecture.
        BundleError: if ``path`` is neither a run nor a bundle.
    """
    folder = path if (path / RUN).is_file() else find_bundle(str(path))
    file = folder / BASE
    if not file.is_file():
        raise TrainingError(
            f'{folder} holds no complete-input network: expected a finished run of a method that '
            'trains one, such as complete'
        )
    return load_network(file)


def load_network(file: Path) -> Segmenter:
    """Load what :func:`save_network` wrote, in eval mode.

    Raises:
        TrainingError: if it is of another architecture.
    """
    state, facts = checkpoint.load(file)
    if facts.get('network') != Segmenter.__name__:
        raise TrainingError(
            f'{file} holds a {facts.get("network")}: expected a {Segmenter.__name__}, which '
            'segments any combination'
        )
    classes = state.get('decoder.classify.weight')
    if classes is None:
        raise TrainingError(f'{file} is of another architecture: it has no decoder')
    try:
        segmenter = Segmenter(
            int(facts.get('class_count', classes.shape[0])),
            ModalitySet.parse(str(facts.get('modalities', _UNSTATED))),
            facts.get('backbone', 'mobilenetv2'),
            int(facts.get('channels', classes.shape[1])),
            facts.get('validity') is True,
        )
        missing, unknown = segmenter.load_state_dict(state, strict=False)
    except (ConfigError, RuntimeError, TypeError, ValueError) as error:
        raise TrainingError(f'{file} is of another architecture: {error}') from error
    wrong = [*unknown, *(name for name in missing if not name.endswith(_COUNTER))]
    if wrong:
        raise TrainingError(
            f'{file} is of another architecture: {len(wrong)} tensors are missing or unknown, '
            f'{wrong[0]} the first'
        )
    return segmenter.eval()


def save_network(path: Path, network: nn.Module) -> None:
    """Write the weights of a complete-input network with what is needed to build it again."""
    state = {k: v for k, v in network.state_dict().items() if v.is_floating_point()}
    checkpoint.save(path, state, _facts(network))


def fingerprint(network: nn.Module) -> str:
    """Return a hexadecimal digest of a network's weights."""
    digest = hashlib.sha256()
    for name, value in sorted(network.state_dict().items()):
        if value.is_floating_point():
            digest.update(name.encode())
            digest.update(value.detach().cpu().contiguous().numpy().tobytes())
    return digest.hexdigest()[:16]


def _facts(network: nn.Module) -> dict[str, object]:
    facts: dict[str, object] = {'network': type(network).__name__}
    if isinstance(network, Segmenter):
        facts |= {
            'backbone': network.backbone,
            'modalities': str(network.modalities),
            'class_count': network.class_count,
            'channels': network.channels,
            **({'validity': True} if network.validity else {}),
        }
    return facts
