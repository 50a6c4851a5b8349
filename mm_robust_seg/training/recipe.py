"""What a training run is made of: the schema of ``config/train_*.yaml``."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import yaml

from mm_robust_seg.bundle import InputSpec
from mm_robust_seg.errors import ConfigError
from mm_robust_seg.schema import parameter, with_values


@dataclass(frozen=True)
class DataRecipe:
    """Where the samples come from."""

    kind: str = parameter('sim', 'Data set.', choices=('sim', 'mm5'))
    folder: str = parameter('', 'Folder of the data set; --data overrides it.')
    train_count: int = parameter(400, 'Simulated training samples.', 1, 1_000_000)
    val_count: int = parameter(60, 'Simulated validation samples.', 1, 1_000_000)


@dataclass(frozen=True)
class InputRecipe:
    """Network input; see ``bundle.InputSpec``."""

    height_px: int = parameter(240, 'Input height, a multiple of 32.', 32, 4096)
    width_px: int = parameter(320, 'Input width, a multiple of 32 or 16.', 32, 4096)
    rgb_mean: float = parameter(128.0, 'Grey level that becomes 0.')
    rgb_std: float = parameter(128.0, 'Grey levels that become 1.', 1e-6)
    thermal_mean_k: float = parameter(290.0, 'Temperature that becomes 0.')
    thermal_std_k: float = parameter(15.0, 'Kelvin that become 1.', 1e-6)
    thermal_detail_k: float = parameter(3.0, 'Kelvin off the median that become 1.', 1e-6)
    depth_mean_m: float = parameter(8.0, 'Distance that becomes 0.')
    depth_std_m: float = parameter(6.0, 'Metres that become 1.', 1e-6)
    depth_near_m: float = parameter(3.0, 'Distance whose inverse becomes 1.', 1e-6)
    depth_max_m: float = parameter(20.0, 'Farther returns count as none.', 1e-6)


@dataclass(frozen=True)
class StageRecipe:
    """One optimisation."""

    epochs: int = parameter(40, 'Passes over the training split.', 0, 100_000)
    learning_rate: float = parameter(1e-3, 'Peak of the one-cycle schedule.', 0.0, 10.0)
    encoder_ratio: float = parameter(0.4, 'Share of it that the encoders get.', 0.0, 1.0)
    weight_decay: float = parameter(0.01, 'AdamW weight decay.', 0.0, 1.0)


@dataclass(frozen=True)
class Recipe:
    """One training run: the base on complete input, then an adapter per combination."""

    name: str = parameter('sim', 'Name of the bundle.')
    description: str = parameter('', 'One sentence for the manifest.')
    pretrained: str = parameter('', 'MobileNetV2 weights (.npz); --pretrained overrides it.')
    seed: int = parameter(0, 'Seed of everything random.', 0)
    batch_size: int = parameter(8, 'Samples a step.', 1, 1024)
    crop_height_px: int = parameter(192, 'Height of a training window.', 32, 4096)
    crop_width_px: int = parameter(256, 'Width of a training window.', 32, 4096)
    zoom_min: float = parameter(0.75, 'Least magnification of a window.', 0.1, 10.0)
    zoom_max: float = parameter(1.5, 'Largest magnification of a window.', 0.1, 10.0)
    bfloat16: bool = parameter(True, 'Train in mixed precision.')
    data: DataRecipe = field(default_factory=DataRecipe)
    inputs: InputRecipe = field(default_factory=InputRecipe)
    base: StageRecipe = field(default_factory=StageRecipe)
    adapters: StageRecipe = field(default_factory=StageRecipe)

    @property
    def input_spec(self) -> InputSpec:
        """The inputs as the bundle states them."""
        return InputSpec(**vars(self.inputs))


def load_recipe(path: Path) -> Recipe:
    """Read a recipe from YAML.

    Raises:
        ConfigError: if the file cannot be read, or a parameter is unknown or out of range.
    """
    try:
        tree = yaml.safe_load(path.read_text(encoding='utf-8'))
    except (OSError, yaml.YAMLError) as error:
        raise ConfigError(f'{path} cannot be read as a training recipe: {error}') from error
    if not isinstance(tree, dict):
        raise ConfigError(f'{path} holds {type(tree).__name__}: expected a mapping of parameters')
    return with_values(Recipe(), _dotted(tree))


def _dotted(tree: dict[str, Any], prefix: str = '') -> dict[str, Any]:
    flat: dict[str, Any] = {}
    for key, value in tree.items():
        if isinstance(value, dict):
            flat |= _dotted(value, f'{prefix}{key}.')
        else:
            flat[f'{prefix}{key}'] = value
    return flat
