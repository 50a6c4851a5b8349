# Copyright 2026 mm_robust_seg maintainers
# SPDX-License-Identifier: Apache-2.0

"""What a user of the library imports; every other module may move between versions.

::

    from mm_robust_seg.api import build_pipeline, Config, find_bundle, load_bundle

=====================  ==========================================================================
sensors                Modality, ModalitySet, all_combinations
configuration          Config, with_values
bundles                Bundle, find_bundle, load_bundle
images in, masks out   build_pipeline, Pipeline, RawImage, Frame, Rejection, Job, Segmentation
pixels of no class     UNLABELED
health                 HealthMonitor, HealthReport, SensorHealth, HealthLevel, Reason
notes besides images   TransportNote, ClockPaused, IncompatibleQos, LostMessages, PublisherCount
inference alone        build_engine, Engine, Prediction
recordings             open_bag, ImageBag, BagImage, BagTruth
errors                 RobustSegError, ConfigError, BundleError, EngineError,
                       EngineUnavailableError, DataError, PluginError
=====================  ==========================================================================

Nothing here needs torch or ROS. ``examples/`` shows three programs.
"""

from mm_robust_seg.build import build_engine, build_pipeline
from mm_robust_seg.bundle import Bundle, find_bundle, load_bundle
from mm_robust_seg.config import Config
from mm_robust_seg.dataflow import (
    Frame,
    HealthLevel,
    HealthReport,
    Job,
    Prediction,
    RawImage,
    Reason,
    Rejection,
    Segmentation,
    SensorHealth,
    UNLABELED,
)
from mm_robust_seg.engine.base import Engine
from mm_robust_seg.errors import (
    BundleError,
    ConfigError,
    DataError,
    EngineError,
    EngineUnavailableError,
    PluginError,
    RobustSegError,
)
from mm_robust_seg.modality import all_combinations, Modality, ModalitySet
from mm_robust_seg.pipeline import Pipeline
from mm_robust_seg.recordings.bag import BagImage, BagTruth, ImageBag, open_bag
from mm_robust_seg.schema import with_values
from mm_robust_seg.stages.health import HealthMonitor
from mm_robust_seg.transport import (
    ClockPaused,
    IncompatibleQos,
    LostMessages,
    PublisherCount,
    TransportNote,
)

__all__ = [
    'all_combinations',
    'BagImage',
    'BagTruth',
    'build_engine',
    'build_pipeline',
    'Bundle',
    'BundleError',
    'ClockPaused',
    'Config',
    'ConfigError',
    'DataError',
    'Engine',
    'EngineError',
    'EngineUnavailableError',
    'find_bundle',
    'Frame',
    'HealthLevel',
    'HealthMonitor',
    'HealthReport',
    'ImageBag',
    'IncompatibleQos',
    'Job',
    'load_bundle',
    'LostMessages',
    'Modality',
    'ModalitySet',
    'open_bag',
    'Pipeline',
    'PluginError',
    'Prediction',
    'PublisherCount',
    'RawImage',
    'Reason',
    'Rejection',
    'RobustSegError',
    'Segmentation',
    'SensorHealth',
    'TransportNote',
    'UNLABELED',
    'with_values',
]
