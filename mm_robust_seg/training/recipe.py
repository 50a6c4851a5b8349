# Copyright 2026 mm_robust_seg maintainers
# SPDX-License-Identifier: Apache-2.0

"""What a training run is made of: the schema of ``config/train_*.yaml``."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

from mm_robust_seg import plugins
from mm_robust_seg.datasets.load import BUILT_IN
from mm_robust_seg.errors import ConfigError
from mm_robust_seg.modalities.input_spec import InputSpec
from mm_robust_seg.network.backbones import BACKBONES
from mm_robust_seg.schema import (
    check_all,
    dotted,
    flatten,
    naming,
    parameter,
    parse_settings,
    read_yaml,
    Value,
    with_values,
)
from mm_robust_seg.training.method_recipes import (
    CombinationsRecipe,
    DedicatedRecipe,
    DMRNetRecipe,
    FeaturePredictionRecipe,
    HypernetworkRecipe,
    OursRecipe,
    ReconstructionRecipe,
    SelfDistillationRecipe,
)

PACKAGE = 'package'
"""In place of a file of weights: those that an installed package holds."""
_LEAST_CROPS = 8
PRECISIONS = ('auto', 'float32', 'bfloat16')
_NO_CHANCE = ('largest', 'together')


@dataclass(frozen=True)
class DataRecipe:
    """Where the samples come from."""

    kind: str = parameter('sim', 'Data set.', choices=BUILT_IN, seam=plugins.DATASETS)
    folder: str = parameter('', 'Folder of the data set; --data overrides it.')
    classes: int = parameter(0, 'Size of the class map, where a data set has several; 0: its own.')
    strict: bool = parameter(True, 'Refuse data in which the survey finds problems.')
    train_count: int = parameter(400, 'Simulated training samples.', 1, 1_000_000)
    val_count: int = parameter(60, 'Simulated validation samples.', 1, 1_000_000)


@dataclass(frozen=True)
class ObjectsRecipe:
    """Windows on objects, and objects of other captures pasted into a sample; off by default.

    An object is a connected region of a class that covers little of the training split.
    """

    crops: float = parameter(0.0, 'Share of the windows that are on an object.', 0.0, 1.0)
    paste: float = parameter(0.0, 'Share of the samples that objects are pasted into.', 0.0, 1.0)
    most: int = parameter(4, 'Most objects that are pasted into one.', 1, 100)
    move_x: float = parameter(0.125, 'Spread of the move, in widths of an image.', 0.0, 10.0)
    move_y: float = parameter(0.094, 'Spread of the move, in heights of an image.', 0.0, 10.0)
    nearer_m: float = parameter(0.06, 'So much nearer may the surface beneath be.', 0.0, 1e3)
    farther_m: float = parameter(0.22, 'So much farther may the surface beneath be.', 0.0, 1e3)
    smallest: float = parameter(
        5e-4, 'Smaller regions, as a share of an image, are none.', 0.0, 1.0
    )
    largest: float = parameter(0.25, 'Larger regions, as a share of an image, are none.', 0.0, 1.0)
    common: float = parameter(0.05, 'Classes of a larger share are surroundings.', 0.0, 1.0)
    surroundings: list[str] = parameter(  # noqa: RUF009
        [], 'Further classes that are no objects.'
    )

    @property
    def are_used(self) -> bool:
        """Whether objects have to be known."""
        return self.crops > 0 or self.paste > 0


@dataclass(frozen=True)
class InputRecipe:
    """Network input; see ``bundle.InputSpec``."""

    height_px: int = parameter(240, 'Input height, a multiple of 32.', 32, 4096)
    width_px: int = parameter(320, 'Input width, a multiple of 32 or 16.', 32, 4096)
    validity: bool = parameter(False, 'The last channel says which pixels are valid.')
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
class NetworkRecipe:
    """The network that is trained; see ``network.segmenter.Segmenter``."""

    backbone: str = parameter(
        'mobilenetv2', 'Encoder of each modality.', choices=BACKBONES, seam=plugins.NETWORKS
    )
    channels: int = parameter(96, 'Width of fusion and decoder.', 1, 4096)


@dataclass(frozen=True)
class RegionRecipe:
    """Regions that sensors lose in training; see ``training.data.regions``.

    Each probability is that of one sensor of one sample, and of a region of its own. With all of
    them at 0 nothing is lost.
    """

    blobs: float = parameter(0.0, 'Probability of round patches, as of mud.', 0.0, 1.0)
    bands: float = parameter(0.0, 'Probability of a band of rows, columns or between.', 0.0, 1.0)
    half_planes: float = parameter(0.0, 'Probability of one side of a line.', 0.0, 1.0)
    frames: float = parameter(0.0, 'Probability of a frame around a smaller view.', 0.0, 1.0)
    scattered: float = parameter(0.0, 'Probability of single pixels and small tiles.', 0.0, 1.0)
    elements: float = parameter(
        0.0, 'Probability of single values that become 0, unbeknown to the validity.', 0.0, 1.0
    )
    largest: float = parameter(0.75, 'Largest share of an image that a region takes.', 0.0, 0.95)
    together: float = parameter(
        0.1, 'Probability that all sensors of a sample lose one more region, the same.', 0.0, 1.0
    )

    @property
    def is_on(self) -> bool:
        """Whether anything is dropped."""
        return any(value for name, value in vars(self).items() if name not in _NO_CHANCE)


@dataclass(frozen=True)
class StageRecipe:
    """One optimisation."""

    epochs: int = parameter(40, 'Passes over the training split.', 0, 100_000)
    learning_rate: float = parameter(1e-3, 'Peak of the one-cycle schedule.', 0.0, 10.0)
    encoder_ratio: float = parameter(0.4, 'Share of it that the encoders get.', 0.0, 1.0)
    weight_decay: float = parameter(0.01, 'AdamW weight decay.', 0.0, 1.0)
    warmup: float = parameter(0.1, 'Share of the steps in which the rate rises.', 0.0, 0.9)
    clip: float = parameter(5.0, 'Largest norm of the gradient.', 1e-6, 1e6)
    average: float = parameter(0.06, 'Share of the steps that the weights average.', 0.0, 1.0)
    average_steps: int = parameter(200, 'Most steps they average; 0: no limit.', 0, 1_000_000)


@dataclass(frozen=True)
class RefinementRecipe:
    """What is fitted after the last step, without a gradient; off by default."""

    crops: int = parameter(0, 'Training crops for the norms of each combination; 0: none.', 0)
    held_out: float = parameter(
        0.0, 'Share of the split train that is kept back for bias and temperature.', 0.0, 0.5
    )

    def __post_init__(self) -> None:
        if 0 < self.crops < _LEAST_CROPS:
            raise ConfigError(
                f'refinement.crops is {self.crops}: expected 0, or at least {_LEAST_CROPS}, for '
                'fewer do not tell the variance of a norm'
            )


@dataclass(frozen=True)
class PlacementRecipe:
    """Adapters that are placed by importance; without --importance they are everywhere."""

    budget: float = parameter(0.003, "Share of the network's parameters.", 0.0, 1.0)


def _decoders() -> StageRecipe:
    return StageRecipe(epochs=10, learning_rate=2e-3, weight_decay=0.0)


@dataclass(frozen=True)
class Recipe:
    """One training run, whatever the method.

    What one method takes is a dataclass of its own, in a field named after the method.
    """

    name: str = parameter('sim', 'Name of the bundle.')
    description: str = parameter('', 'One sentence for the manifest.')
    pretrained: str = parameter('', 'Weights of the backbone, a file or package; --pretrained.')
    seed: int = parameter(0, 'Seed of everything random.', 0)
    batch_size: int = parameter(8, 'Samples a step, all processes together.', 1, 1024)
    crop_height_px: int = parameter(192, 'Height of a training window.', 32, 4096)
    crop_width_px: int = parameter(256, 'Width of a training window.', 32, 4096)
    zoom_min: float = parameter(0.75, 'Least magnification of a window.', 0.1, 10.0)
    zoom_max: float = parameter(1.5, 'Largest magnification of a window.', 0.1, 10.0)
    precision: str = parameter('auto', 'Of the forward pass.', choices=PRECISIONS)
    validate_every: int = parameter(5, 'Epochs between validations; 0: none.', 0, 100_000)
    workers: int = parameter(1, 'Processes that prepare batches.', 0, 64)
    data: DataRecipe = field(default_factory=DataRecipe)
    objects: ObjectsRecipe = field(default_factory=ObjectsRecipe)
    inputs: InputRecipe = field(default_factory=InputRecipe)
    regions: RegionRecipe = field(default_factory=RegionRecipe)
    network: NetworkRecipe = field(default_factory=NetworkRecipe)
    base: StageRecipe = field(default_factory=StageRecipe)
    adapters: StageRecipe = field(default_factory=StageRecipe)
    refinement: RefinementRecipe = field(default_factory=RefinementRecipe)
    decoders: StageRecipe = field(default_factory=_decoders)
    placement: PlacementRecipe = field(default_factory=PlacementRecipe)
    combinations: CombinationsRecipe = field(default_factory=CombinationsRecipe)
    self_distillation: SelfDistillationRecipe = field(default_factory=SelfDistillationRecipe)
    dedicated: DedicatedRecipe = field(default_factory=DedicatedRecipe)
    ours: OursRecipe = field(default_factory=OursRecipe)
    dmrnet: DMRNetRecipe = field(default_factory=DMRNetRecipe)
    feature_prediction: FeaturePredictionRecipe = field(default_factory=FeaturePredictionRecipe)
    reconstruction: ReconstructionRecipe = field(default_factory=ReconstructionRecipe)
    hypernetwork: HypernetworkRecipe = field(default_factory=HypernetworkRecipe)

    def __post_init__(self) -> None:
        check_all(self)
        if self.zoom_min > self.zoom_max:
            raise ConfigError(
                f'zoom_min is {self.zoom_min}, above zoom_max {self.zoom_max}: swap them'
            )
        if self.regions.is_on and not self.inputs.validity:
            raise ConfigError(
                'regions are to be lost, but inputs.validity is false, so that the network is not '
                'told of them: set inputs.validity to true, or the probabilities of regions to 0'
            )

    @property
    def input_spec(self) -> InputSpec:
        """The inputs as the bundle states them."""
        return InputSpec.parse(vars(self.inputs))


def load_recipe(path: Path, settings: Sequence[str] = ()) -> Recipe:
    """Read a recipe from YAML, with ``name=value`` settings in place of what it says.

    Raises:
        ConfigError: if the file cannot be read, or a parameter is unknown or out of range.
    """
    tree = read_yaml(path, 'a training recipe')
    with naming(path):
        return with_values(Recipe(), {**dotted(tree), **parse_settings(settings, Recipe())})


def portable(recipe: Recipe) -> dict[str, Value]:
    """Return the parameters that decide the result, by dotted name; no paths of this machine."""
    elsewhere = replace(recipe, pretrained='', workers=1, data=replace(recipe.data, folder=''))
    return {name: value for name, value, _ in flatten(elsewhere)}
