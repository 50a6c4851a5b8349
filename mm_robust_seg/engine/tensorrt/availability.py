# Copyright 2026 mm_robust_seg maintainers
# SPDX-License-Identifier: Apache-2.0

"""Whether TensorRT can serve here, asked before anything of it is touched.

Without a driver, TensorRT's runtime ends the process with a segmentation fault; so the driver is
asked for its devices first.
"""

from __future__ import annotations

from mm_robust_seg.bundle import Bundle
from mm_robust_seg.config import EngineConfig
from mm_robust_seg.engine.base import Engine, IsCancelled
from mm_robust_seg.engine.tensorrt.cuda_driver import require_package
from mm_robust_seg.engine.tensorrt.device_memory import find_device
from mm_robust_seg.engine.tensorrt.plans import PlanFolder
from mm_robust_seg.errors import EngineError, EngineUnavailableError


def tensorrt_version() -> str:
    """Import TensorRT and return its version.

    Raises:
        EngineError: if it cannot be imported.
    """
    try:
        import tensorrt  # noqa: PLC0415
    except (ImportError, OSError) as error:
        raise EngineError(
            f'tensorrt cannot be imported: {error}; on a Jetson it comes with JetPack (apt '
            'install python3-libnvinfer), elsewhere: pip install tensorrt'
        ) from error
    return str(tensorrt.__version__)


def open_engine(bundle: Bundle, config: EngineConfig, is_cancelled: IsCancelled) -> Engine:
    """Make a ``TensorRtEngine``; see ``engine.base.MakeEngine``.

    Raises:
        EngineUnavailableError: if TensorRT cannot serve here.
    """
    if reason := why_unusable(bundle, config):
        raise EngineUnavailableError(reason)
    from mm_robust_seg.engine.tensorrt.engine import TensorRtEngine  # noqa: PLC0415

    return TensorRtEngine(bundle, config, is_cancelled)


def why_unusable(bundle: Bundle, config: EngineConfig) -> str:
    """Say in one sentence why TensorRT cannot serve this bundle; empty if it seems to.

    Quick: nothing is loaded, and without a GPU TensorRT is not even imported.
    """
    try:
        find_device(config.device_id)
        require_package()
        tensorrt_version()
    except EngineError as error:
        return str(error)
    folder = PlanFolder(bundle, config.plans)
    if folder.missing and config.on_mismatch != 'rebuild':
        return (
            f'{len(folder.missing)} of {len(folder.sources)} TensorRT engines of {folder.name} '
            f'are not built yet: {folder.command}'
        )
    return ''
