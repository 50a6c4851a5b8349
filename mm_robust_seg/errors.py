# Copyright 2026 mm_robust_seg maintainers
# SPDX-License-Identifier: Apache-2.0

"""Exceptions of the package.

Every error a caller can meet across a module border is one of these::

    RobustSegError
    |- ConfigError      a parameter, scenario or argument is wrong
    |  `- PluginError   what a package should add is missing, ambiguous or cannot be imported
    |- BundleError      a model folder is incomplete, altered or of another schema
    |- EngineError      a graph cannot be loaded or run
    |  `- EngineUnavailableError   not with this runtime here, but another one can
    |- DataError        a data set, bag or file does not hold what it should
    `- TrainingError    a training run cannot start, resume or go on

A missing or sick sensor is not an error: it is data (see ``dataflow.SensorHealth``).
Messages say what was found, what was expected and what to do.
"""


class RobustSegError(Exception):
    """Base of all errors raised by mm_robust_seg."""


class ConfigError(RobustSegError):
    """A parameter, scenario or argument is wrong."""


class PluginError(ConfigError):
    """What an installed package should add is missing, ambiguous or cannot be imported."""


class BundleError(RobustSegError):
    """A model bundle is incomplete, altered or of another schema."""


class EngineError(RobustSegError):
    """A graph cannot be loaded or run."""


class EngineUnavailableError(EngineError):
    """A runtime cannot serve on this machine as it is; another one can take its place."""


class DataError(RobustSegError):
    """A data set, bag or file does not hold what it should."""


class TrainingError(RobustSegError):
    """A training run cannot start, resume or go on."""
