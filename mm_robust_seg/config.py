"""The one configuration schema.

The ROS parameters (names, descriptors, ranges) and the checks of ``config/robust_seg.yaml`` are
derived from these classes; ``schema`` says how.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import cast

from mm_robust_seg.errors import ConfigError
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
        live=False,
    )
    precision: str = parameter(
        'f32', 'Arithmetic of OpenVINO.', choices=('f32', 'bf16'), live=False
    )
    threads: int = parameter(0, 'CPU threads of the engine; 0 means all cores.', 0, 64, live=False)
    warmup_iterations: int = parameter(
        2, 'Inferences per combination before activation.', 0, 100, live=False
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
    )
    plans: str = parameter(
        '', 'Folder of TensorRT engines; empty: mm_robust_seg/engines in the cache.', live=False
    )


@dataclass(frozen=True)
class InputConfig:
    """What is common to the three inputs."""

    enabled: bool = parameter(True, 'Subscribe to this sensor.', live=False)
    required: bool = parameter(
        False, 'Publish nothing while this sensor is not usable.', live=False
    )
    expected_rate_hz: float = parameter(30.0, 'Nominal frame rate.', 0.1, 1000.0, live=False)
    stamp_offset_s: float = parameter(
        0.0, 'Added to every stamp, to cancel a constant lag.', -10.0, 10.0, live=False
    )
    transport: str = parameter(
        'raw', 'sensor_msgs/Image or CompressedImage.', choices=('raw', 'compressed'), live=False
    )
    frame_alias: str = parameter('', 'Replaces header.frame_id when not empty.', live=False)


@dataclass(frozen=True)
class ThermalInputConfig(InputConfig):
    """Thermal input: kelvin = scale_k x raw value + offset_k."""

    scale_k: float = parameter(0.01, 'Kelvin per raw step (integer encodings).', 1e-6, live=False)
    offset_k: float = parameter(0.0, 'Kelvin of raw value 0.', -1000.0, 1000.0, live=False)
    valid_min_k: float = parameter(233.15, 'Coldest plausible median.', 0.0, 5000.0, live=False)
    valid_max_k: float = parameter(473.15, 'Hottest plausible median.', 0.0, 5000.0, live=False)


@dataclass(frozen=True)
class DepthInputConfig(InputConfig):
    """Depth input."""

    min_m: float = parameter(0.2, 'Nearer returns are invalid.', 0.0, 1000.0, live=False)
    max_m: float = parameter(20.0, 'Farther returns are invalid.', 0.01, 10000.0, live=False)


@dataclass(frozen=True)
class InputsConfig:
    """The three inputs."""

    rgb: InputConfig = field(default_factory=InputConfig)
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
    max_skew_s: float = parameter(0.033, 'Largest stamp difference in a set.', 0.0, 10.0)
    wait_s: float = parameter(
        0.020, 'Hard bound on waiting, from the arrival of the first member.', 0.0, 10.0
    )
    buffer_len: int = parameter(10, 'Frames kept per sensor.', 1, 1000)

    @property
    def reference_order(self) -> tuple[Modality, ...]:
        """Every modality, the preferred reference first."""
        names = dict.fromkeys([self.reference, *self.fallback_order, *_MODALITY_NAMES])
        return tuple(Modality(name) for name in names)


@dataclass(frozen=True)
class SensorMonitorConfig:
    """Health rules common to the three sensors."""

    timeout_s: float = parameter(0.0, 'Silence limit; 0 means max(4 periods, 0.1 s).', 0.0, 60.0)
    startup_grace_s: float = parameter(10.0, 'Time for the first frame to come.', 0.0, 600.0)
    rate_warn_ratio: float = parameter(0.8, 'Share of the nominal rate that warns.', 0.0, 1.0)
    rate_fail_ratio: float = parameter(0.5, 'Share of the nominal rate that fails.', 0.0, 1.0)
    max_age_s: float = parameter(0.5, 'Oldest acceptable stamp at arrival.', 0.0, 60.0)
    max_future_s: float = parameter(0.1, 'Most a stamp may lie in the future.', 0.0, 60.0)
    frozen_frames: int = parameter(5, 'Equal frames that mean frozen (and frozen_s).', 2, 1000)
    frozen_s: float = parameter(0.3, 'Time of equal frames that means frozen.', 0.0, 60.0)


@dataclass(frozen=True)
class RgbMonitorConfig(SensorMonitorConfig):
    """Health rules of RGB; grey levels are 0 to 255."""

    dark_mean: float = parameter(
        20.0, 'Mean grey level under which an image without structure is dark.', 0.0, 255.0
    )
    saturated_ratio: float = parameter(0.95, 'Share of white pixels that fails.', 0.0, 1.0)
    flat_std: float = parameter(1.0, 'Standard deviation under which the image is flat.', 0.0)


@dataclass(frozen=True)
class ThermalMonitorConfig(SensorMonitorConfig):
    """Health rules of thermal."""

    ffc_max_s: float = parameter(3.0, 'Longest freeze that is a shutter calibration.', 0.0, 60.0)
    flat_std_k: float = parameter(0.05, 'Standard deviation (K) that means flat.', 0.0)


@dataclass(frozen=True)
class DepthMonitorConfig(SensorMonitorConfig):
    """Health rules of depth."""

    min_valid_ratio: float = parameter(0.05, 'Share of valid pixels that is required.', 0.0, 1.0)


@dataclass(frozen=True)
class MonitorConfig:
    """Health rules of the three sensors."""

    rgb: RgbMonitorConfig = field(default_factory=RgbMonitorConfig)
    thermal: ThermalMonitorConfig = field(default_factory=ThermalMonitorConfig)
    depth: DepthMonitorConfig = field(default_factory=DepthMonitorConfig)

    def __getitem__(self, modality: Modality) -> SensorMonitorConfig:
        return cast(SensorMonitorConfig, getattr(self, modality.value))


@dataclass(frozen=True)
class HysteresisConfig:
    """Drop fast, re-admit slowly."""

    fail_frames: int = parameter(3, 'Bad frames in a row for content and rate reasons.', 1, 1000)
    recover_frames: int = parameter(10, 'Good frames in a row before re-admission.', 1, 1000)
    recover_s: float = parameter(1.0, 'Good time before re-admission after silence.', 0.0, 600.0)
    min_dwell_s: float = parameter(0.5, 'Least time between two re-admissions.', 0.0, 600.0)
    flap_window_s: float = parameter(30.0, 'Window in which drops are counted.', 0.0, 3600.0)
    flap_limit: int = parameter(4, 'Drops in the window that double the recovery.', 1, 1000)


@dataclass(frozen=True)
class PolicyConfig:
    """Which combination runs."""

    on_none: str = parameter(
        'unlabeled',
        'With no usable sensor: publish nothing, or unlabeled masks.',
        choices=('hold_off', 'unlabeled'),
    )
    force_set: str = parameter('', 'Always run this combination, such as rgb+depth; empty: off.')


@dataclass(frozen=True)
class OutputConfig:
    """What is published."""

    max_rate_hz: float = parameter(0.0, 'Bound on the mask rate; 0 means none.', 0.0, 1000.0)


@dataclass(frozen=True)
class Config:
    """The whole configuration; every field has a usable default."""

    engine: EngineConfig = field(default_factory=EngineConfig)
    inputs: InputsConfig = field(default_factory=InputsConfig)
    sync: SyncConfig = field(default_factory=SyncConfig)
    monitor: MonitorConfig = field(default_factory=MonitorConfig)
    hysteresis: HysteresisConfig = field(default_factory=HysteresisConfig)
    policy: PolicyConfig = field(default_factory=PolicyConfig)
    output: OutputConfig = field(default_factory=OutputConfig)

    def __post_init__(self) -> None:
        check_all(self)
        if not self.inputs.enabled:
            raise ConfigError('no input is enabled: set inputs.<rgb|thermal|depth>.enabled')
        disabled = self.inputs.required - self.inputs.enabled
        if disabled:
            raise ConfigError(
                f'{disabled} is required but not enabled: enable it, or require less'
            )
        depth, thermal = self.inputs.depth, self.inputs.thermal
        if depth.min_m >= depth.max_m or thermal.valid_min_k >= thermal.valid_max_k:
            raise ConfigError(
                'inputs.depth.min_m..max_m and inputs.thermal.valid_min_k..valid_max_k '
                'must be ranges: the lower bound below the upper one'
            )
        if self.policy.force_set:
            forced = ModalitySet.parse(self.policy.force_set)
            if not forced <= self.inputs.enabled:
                raise ConfigError(
                    f'policy.force_set is {forced}, but only {self.inputs.enabled} is enabled'
                )

    def require_same_model(self, other: Config) -> None:
        """Refuse a configuration that needs another engine or other inputs.

        Raises:
            ConfigError: if engine or inputs differ.
        """
        if (self.engine, self.inputs) != (other.engine, other.inputs):
            raise ConfigError(
                'engine and inputs cannot change while the pipeline runs: build a new one'
            )
