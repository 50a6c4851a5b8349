# Copyright 2026 mm_robust_seg maintainers
# SPDX-License-Identifier: Apache-2.0

"""The one configuration schema.

The ROS parameters (names, descriptors, ranges) and the checks of ``config/robust_seg.yaml`` are
derived from these classes; ``schema`` says how. The sections of each kind of sensor are in
``modalities/``.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import cast

from mm_robust_seg import plugins
from mm_robust_seg.errors import ConfigError
from mm_robust_seg.modalities.depth import DepthInputConfig, DepthMonitorConfig
from mm_robust_seg.modalities.rgb import RgbInputConfig, RgbMonitorConfig
from mm_robust_seg.modalities.sections import InputConfig, SensorMonitorConfig
from mm_robust_seg.modalities.thermal import ThermalInputConfig, ThermalMonitorConfig
from mm_robust_seg.modality import Modality, ModalitySet
from mm_robust_seg.schema import check_all, parameter


@dataclass(frozen=True)
class EngineConfig:
    """Which model runs, and on what."""

    bundle: str = parameter('sim', 'Model bundle: a folder, or a name in models/.', live=False)
    backend: str = parameter(
        'auto',
        'Inference runtime; auto takes the first usable one.',
        choices=('auto', 'tensorrt', 'onnxruntime_cuda', 'openvino', 'onnxruntime'),
        seam=plugins.ENGINES,
        live=False,
    )
    precision: str = parameter(
        'f32', 'Arithmetic of OpenVINO.', choices=('f32', 'bf16'), live=False
    )
    threads: int = parameter(0, 'CPU threads of the engine; 0 means all cores.', 0, 64, live=False)
    warmup_iterations: int = parameter(
        2, 'Inferences per combination before activation.', 0, 100, live=False
    )
    load_limit_s: float = parameter(
        120.0,
        'Longest time to load and try all graphs on a CPU; then the engine is given up.',
        0.1,
        3600.0,
        live=False,
    )
    device_id: int = parameter(0, 'GPU to run on, as CUDA counts.', 0, 63, live=False)
    on_mismatch: str = parameter(
        'fail',
        'TensorRT engines made for something else: fail, build them anew, or use the CPU.',
        choices=('fail', 'rebuild', 'cpu'),
        live=False,
    )
    cache: str = parameter(
        '',
        'Folder of models compiled by OpenVINO; empty: in the user cache; off: none.',
        live=False,
        off=True,
    )
    plans: str = parameter(
        '', 'Folder of TensorRT engines; empty: mm_robust_seg/engines in the cache.', live=False
    )


@dataclass(frozen=True)
class InputsConfig:
    """The inputs, a section for each kind of sensor."""

    rgb: RgbInputConfig = field(default_factory=RgbInputConfig)
    thermal: ThermalInputConfig = field(default_factory=ThermalInputConfig)
    depth: DepthInputConfig = field(default_factory=DepthInputConfig)

    def __getitem__(self, modality: Modality) -> InputConfig:
        return cast(InputConfig, getattr(self, modality.value))

    @property
    def enabled(self) -> ModalitySet:
        """The sensors that are subscribed to."""
        return ModalitySet(m for m in Modality if self[m].enabled)

    @property
    def required(self) -> ModalitySet:
        """The sensors without which nothing is published."""
        return ModalitySet(m for m in Modality if self[m].required)


_MODALITY_NAMES = tuple(m.value for m in Modality)


@dataclass(frozen=True)
class SyncConfig:
    """How frames are matched."""

    reference: str = parameter(
        'rgb', 'Sensor whose header and size the mask takes.', choices=_MODALITY_NAMES
    )
    fallback_order: list[str] = parameter(  # noqa: RUF009
        ['rgb', 'thermal', 'depth'],
        'Reference when the first choice is out.',
        choices=_MODALITY_NAMES,
    )
    max_skew_s: float = parameter(
        0.0, 'Largest stamp difference in a set; 0 means as the periods ask for.', 0.0, 10.0
    )
    wait_s: float = parameter(
        0.0,
        'Hard bound on waiting, from the arrival of the first member; 0 means as long as the '
        'latencies of the sensors in use ask for.',
        0.0,
        10.0,
    )
    max_wait_s: float = parameter(
        0.1, 'Longest wait where wait_s is 0; never over 0.75 periods of the pace.', 0.0, 10.0
    )
    held_frames: str = parameter(
        'motion',
        'A sensor without a frame of the moment is left out (off), or takes part with its newest '
        'frame, as it is (plain) or moved with the scene (motion).',
        choices=('off', 'plain', 'motion'),
    )
    buffer_len: int = parameter(10, 'Frames kept per sensor.', 1, 1000)

    @property
    def reference_order(self) -> tuple[Modality, ...]:
        """Every modality, the preferred reference first."""
        names = dict.fromkeys([self.reference, *self.fallback_order, *_MODALITY_NAMES])
        return tuple(Modality(name) for name in names)


@dataclass(frozen=True)
class MonitorConfig:
    """Health rules, a section for each kind of sensor."""

    extra_checks: str = parameter(
        '', 'Health checks of installed packages, by name, separated by commas.', live=False
    )
    rgb: RgbMonitorConfig = field(default_factory=RgbMonitorConfig)
    thermal: ThermalMonitorConfig = field(default_factory=ThermalMonitorConfig)
    depth: DepthMonitorConfig = field(default_factory=DepthMonitorConfig)

    def __getitem__(self, modality: Modality) -> SensorMonitorConfig:
        return cast(SensorMonitorConfig, getattr(self, modality.value))


@dataclass(frozen=True)
class SensorRecoveryConfig:
    """How a driver that hangs is woken."""

    service: str = parameter(
        '',
        'Service that resets the driver, std_srvs Trigger, SetBool (called with true) or Empty; '
        'empty: none.',
        live=False,
    )
    after_s: float = parameter(
        3.0, 'Time silent or frozen before the service is called.', 0.1, 3600.0, live=False
    )
    retry_s: float = parameter(
        10.0,
        'Time until it is called again, doubled with each call; the calls are forgotten once the '
        'sensor has been usable for so long.',
        0.1,
        3600.0,
        live=False,
    )
    max_calls: int = parameter(5, 'Most calls, until they are forgotten.', 1, 1000, live=False)


@dataclass(frozen=True)
class RecoveryConfig:
    """Drivers that hang, a section for each kind of sensor."""

    rgb: SensorRecoveryConfig = field(default_factory=SensorRecoveryConfig)
    thermal: SensorRecoveryConfig = field(default_factory=SensorRecoveryConfig)
    depth: SensorRecoveryConfig = field(default_factory=SensorRecoveryConfig)

    def __getitem__(self, modality: Modality) -> SensorRecoveryConfig:
        return cast(SensorRecoveryConfig, getattr(self, modality.value))


@dataclass(frozen=True)
class HysteresisConfig:
    """Drop fast, re-admit slowly."""

    fail_frames: int = parameter(
        3, 'Bad messages in a row that fail a sensor; most of 60 do too.', 1, 1000
    )
    recover_frames: int = parameter(
        10, 'Good frames before re-admission; a bad one takes back two.', 1, 1000
    )
    recover_s: float = parameter(1.0, 'Good time before re-admission after silence.', 0.0, 600.0)
    min_dwell_s: float = parameter(0.5, 'Least time between two re-admissions.', 0.0, 600.0)
    flap_window_s: float = parameter(30.0, 'Window in which drops are counted.', 0.0, 3600.0)
    flap_limit: int = parameter(4, 'Drops in the window that double the recovery.', 1, 1000)


@dataclass(frozen=True)
class PolicyConfig:
    """Which combination runs."""

    on_none: str = parameter(
        'unlabeled',
        'With no sensor left: publish nothing, or unlabeled masks.',
        choices=('hold_off', 'unlabeled'),
    )
    degraded: str = parameter(
        'use',
        'Sensors that are slow, late, damaged or frozen, while no better one is left: use '
        'them, or not.',
        choices=('use', 'refuse'),
    )
    force_set: str = parameter('', 'Always run this combination, such as rgb+depth; empty: off.')


@dataclass(frozen=True)
class OutputConfig:
    """What is published."""

    max_rate_hz: float = parameter(0.0, 'Bound on the mask rate; 0 means none.', 0.0, 1000.0)
    shed_load: bool = parameter(
        True,
        'While our threads get too little time: pictures once a second, then confidence too, then '
        'masks for half of the time.',
    )


@dataclass(frozen=True)
class Config:
    """The whole configuration; every field has a usable default."""

    engine: EngineConfig = field(default_factory=EngineConfig)
    inputs: InputsConfig = field(default_factory=InputsConfig)
    sync: SyncConfig = field(default_factory=SyncConfig)
    monitor: MonitorConfig = field(default_factory=MonitorConfig)
    recovery: RecoveryConfig = field(default_factory=RecoveryConfig)
    hysteresis: HysteresisConfig = field(default_factory=HysteresisConfig)
    policy: PolicyConfig = field(default_factory=PolicyConfig)
    output: OutputConfig = field(default_factory=OutputConfig)

    def __post_init__(self) -> None:
        check_all(self)
        if not self.inputs.enabled:
            names = '|'.join(_MODALITY_NAMES)
            raise ConfigError(f'no input is enabled: set inputs.<{names}>.enabled')
        disabled = self.inputs.required - self.inputs.enabled
        if disabled:
            raise ConfigError(
                f'{disabled} is required but not enabled: enable it, or require less'
            )
        ranges = [(m, *bounds) for m in Modality for bounds in self.inputs[m].ranges]
        if not all(getattr(self.inputs[m], a) < getattr(self.inputs[m], b) for m, a, b in ranges):
            names = ' and '.join(f'inputs.{m}.{low}..{high}' for m, low, high in ranges)
            raise ConfigError(f'{names} must be ranges: the lower bound below the upper one')
        if self.policy.force_set:
            forced = ModalitySet.parse(self.policy.force_set)
            if not forced <= self.inputs.enabled:
                raise ConfigError(
                    f'policy.force_set is {forced}, but only {self.inputs.enabled} is enabled'
                )

    def require_same_model(self, other: Config) -> None:
        """Refuse a configuration that needs another engine, other inputs or plug-ins.

        Raises:
            ConfigError: if engine, inputs or extra checks differ.
        """
        if self._fixed != other._fixed:
            raise ConfigError(
                'engine, inputs and monitor.extra_checks cannot change while the pipeline runs: '
                'build a new one'
            )

    @property
    def _fixed(self) -> tuple[EngineConfig, InputsConfig, str]:
        return self.engine, self.inputs, self.monitor.extra_checks
