"""A model bundle: a folder with one network, its adapters and the graphs the engines load.

::

    models/<name>/
    |- manifest.json            everything below, with a SHA-256 of each file
    |- base.safetensors         weights of the complete-input network
    |- adapters/*.safetensors   one small adapter per incomplete combination
    |- golden/*.png             the label map that each graph makes of a fixed input
    `- *.onnx                   one graph per combination, absent branches pruned, adapter folded;
                                large weights are references into base.safetensors

For little memory a bundle may have one ``shared.onnx`` in place of the graphs, and a ``.npz`` per
combination with the inputs that make it the network of that combination.

A bundle is data. Nothing in it is executed or unpickled, no path may leave the folder, and a
file that is missing or does not match its checksum is refused before any runtime sees it.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
import hashlib
import json
import math
from pathlib import Path, PurePosixPath
from typing import Any

from mm_robust_seg.errors import BundleError, RobustSegError
from mm_robust_seg.files import shipped_roots
from mm_robust_seg.modality import Modality, ModalitySet

SCHEMA_VERSION = 1
MANIFEST = 'manifest.json'
PRECISIONS = ('f32', 'fp16', 'int8')
"""Arithmetic that the graphs of a bundle state; inputs are float32 and outputs uint8 in all."""
UNITS: Mapping[str, str] = {'rgb': 'grey level', 'thermal': 'kelvin', 'depth': 'metre'}
"""What the numbers in ``InputSpec`` mean; a manifest states it and must agree."""


@dataclass(frozen=True)
class SegmentationClass:
    """One class: its name and its colour, (r, g, b) of 0 to 255."""

    name: str
    color: tuple[int, int, int]


@dataclass(frozen=True)
class InputSpec:
    """What the network expects of its images.

    Attributes:
        height_px, width_px: size of every input and of the label map.
        rgb_mean, rgb_std: grey levels; one input channel per colour.
        thermal_mean_k, thermal_std_k: scale of the absolute temperature channel.
        thermal_detail_k: scale of the channel relative to the image's median.
        depth_mean_m, depth_std_m: scale of the distance channel.
        depth_near_m: distance at which the inverse-distance channel is 1.
        depth_max_m: farther returns count as none.
    """

    height_px: int
    width_px: int
    rgb_mean: float
    rgb_std: float
    thermal_mean_k: float
    thermal_std_k: float
    thermal_detail_k: float
    depth_mean_m: float
    depth_std_m: float
    depth_near_m: float
    depth_max_m: float

    def __post_init__(self) -> None:
        for name, value in vars(self).items():
            kinds = (int,) if name.endswith('_px') else (int, float)
            if type(value) not in kinds or not math.isfinite(value):
                kind = 'a whole number' if len(kinds) == 1 else 'a finite number'
                raise BundleError(f'inputs.{name} of the manifest is {value!r}: expected {kind}')
        scales = (self.rgb_std, self.thermal_std_k, self.thermal_detail_k, self.depth_std_m)
        distances = (self.depth_near_m, self.depth_max_m)
        if min(self.height_px, self.width_px) < 32 or min(*scales, *distances) <= 0:
            raise BundleError(
                f'inputs of the manifest make no sense: {self}; expected a size of at least 32 px '
                'and positive scales'
            )


CHANNELS: Mapping[Modality, int] = {Modality.RGB: 3, Modality.THERMAL: 2, Modality.DEPTH: 3}
"""Network input channels of each modality, as ``stages.preprocess`` makes them."""


@dataclass(frozen=True)
class Bundle:
    """A verified model bundle.

    Attributes:
        graphs: the ONNX file of every combination that can be served, or its settings (.npz) of
            ``shared_graph``.
        adapters: the adapter file of every incomplete combination.
        provenance: how the network came to be: data, seed, epochs, versions, licence of the data.
        scores: measured figures, 0 to 1, by combination, as training wrote them.
        precision: one of ``PRECISIONS``.
        golden: the label map that the graph of a combination makes of ``engine.golden``'s
            inputs; empty in a bundle that was written without.
        manifest: as it is written, for who writes the bundle again.
    """

    path: Path
    name: str
    description: str
    licence: str
    classes: tuple[SegmentationClass, ...]
    inputs: InputSpec
    base: Path
    graphs: Mapping[ModalitySet, Path]
    adapters: Mapping[ModalitySet, Path]
    provenance: Mapping[str, Any]
    scores: Mapping[str, Mapping[str, float]]
    checksums: Mapping[str, str]
    precision: str
    golden: Mapping[ModalitySet, Path]
    shared_graph: Path | None
    manifest: Mapping[str, Any]

    @property
    def digest(self) -> str:
        """Twelve hexadecimal digits that differ where a file of the bundle does."""
        identity = json.dumps(dict(self.checksums), sort_keys=True)
        return hashlib.sha256(identity.encode()).hexdigest()[:12]

    @property
    def combinations(self) -> tuple[ModalitySet, ...]:
        """The combinations that can be served, the largest first."""
        return tuple(self.graphs)


def find_bundle(name: str) -> Path:
    """Resolve a folder, or a name in the models that come with the package.

    Raises:
        BundleError: if there is no such folder; the message lists the known names.
    """
    given = Path(name).expanduser()
    places = [root / 'models' for root in shipped_roots()]
    for candidate in [given, *(place / name for place in places)]:
        if (candidate / MANIFEST).is_file():
            return candidate.resolve()
    known = sorted({p.parent.name for place in places for p in place.glob(f'*/{MANIFEST}')})
    if given.is_dir():
        raise BundleError(f'{given} has no {MANIFEST}: expected a model bundle folder')
    raise BundleError(
        f'there is no model bundle {name!r}: expected a folder with a {MANIFEST}, or one of the '
        f'names {", ".join(known) or "(none installed)"}'
    )


def load_bundle(path: Path) -> Bundle:
    """Read and verify the bundle in folder ``path``.

    Raises:
        BundleError: naming the file or field that is missing, altered or not understood.
    """
    try:
        manifest = json.loads((path / MANIFEST).read_text(encoding='utf-8'))
    except (OSError, ValueError) as error:
        raise BundleError(f'{path / MANIFEST} cannot be read: {error}') from error
    found = manifest.get('schema') if isinstance(manifest, dict) else None
    if found != SCHEMA_VERSION:
        raise BundleError(
            f'{path / MANIFEST} has schema {found!r}; this version reads {SCHEMA_VERSION}: '
            'export the bundle again'
        )
    try:
        bundle = _from_manifest(path, manifest)
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        raise BundleError(
            f'{path / MANIFEST} is not a valid manifest: {type(error).__name__} {error}; '
            'export the bundle again'
        ) from error
    except RobustSegError as error:
        raise BundleError(f'{path / MANIFEST}: {error}') from error
    _verify(bundle)
    return bundle


def sha256(path: Path) -> str:
    """Return the hexadecimal SHA-256 of a file."""
    digest = hashlib.sha256()
    with path.open('rb') as stream:
        while block := stream.read(1 << 20):
            digest.update(block)
    return digest.hexdigest()


def _from_manifest(path: Path, manifest: Mapping[str, Any]) -> Bundle:
    graphs: dict[ModalitySet, Path] = {}
    adapters: dict[ModalitySet, Path] = {}
    entries = {ModalitySet.parse(key): value for key, value in manifest['combinations'].items()}
    for combination in sorted(entries, key=len, reverse=True):
        graphs[combination] = inside(path, entries[combination]['graph'])
        if entries[combination]['adapter'] is not None:
            adapters[combination] = inside(path, entries[combination]['adapter'])
    if manifest['units'] != UNITS:
        raise BundleError(f'units are {manifest["units"]}: expected {dict(UNITS)}')
    classes = tuple(
        SegmentationClass(str(c['name']), _color(c['color'])) for c in manifest['classes']
    )
    if not graphs or not 1 <= len(classes) < 255:
        raise BundleError(f'{len(graphs)} combinations and {len(classes)} classes: expected some')
    precision = manifest.get('precision', PRECISIONS[0])
    if precision not in PRECISIONS:
        raise BundleError(f'precision is {precision!r}: expected one of {", ".join(PRECISIONS)}')
    golden = {
        ModalitySet.parse(key): inside(path, name)
        for key, name in manifest.get('golden', {}).items()
    }
    if not golden.keys() <= graphs.keys():
        raise BundleError(
            f'golden label maps of {", ".join(map(str, golden.keys() - graphs.keys()))}: expected '
            'them only for combinations with a graph'
        )
    return Bundle(
        path=path,
        name=str(manifest['name']),
        description=str(manifest['description']),
        licence=str(manifest['licence']),
        classes=classes,
        inputs=InputSpec(**manifest['inputs']),
        base=inside(path, manifest['base']),
        graphs=graphs,
        adapters=adapters,
        provenance=dict(manifest['provenance']),
        scores=_scores(manifest['scores']),
        checksums=dict(manifest['sha256']),
        precision=precision,
        golden=golden,
        shared_graph=inside(path, manifest['shared_graph'])
        if 'shared_graph' in manifest
        else None,
        manifest=manifest,
    )


def _scores(rows: Mapping[str, Mapping[str, float]]) -> dict[str, Mapping[str, float]]:
    for name, row in rows.items():
        for kind, score in row.items():
            if not 0 <= score <= 1:
                raise BundleError(f'scores of {name}: {kind} is {score}: expected 0 to 1')
    return dict(rows)


def _color(value: Any) -> tuple[int, int, int]:
    red, green, blue = (int(v) for v in value)
    if not all(0 <= v <= 255 for v in (red, green, blue)):
        raise ValueError(f'color {value} is outside 0..255')
    return red, green, blue


def inside(folder: Path, relative: str) -> Path:
    """Return ``folder / relative``, refusing any path that leaves ``folder``.

    Raises:
        BundleError: if the path is absolute, climbs with ``..`` or follows a link out.
    """
    pure = PurePosixPath(relative)
    target = folder / pure
    escapes = pure.is_absolute() or '..' in pure.parts or '\\' in relative or not pure.parts
    if escapes or not target.resolve().is_relative_to(folder.resolve()):
        raise BundleError(
            f'{relative!r} leaves the bundle folder {folder}: expected a path inside it'
        )
    return target


def _verify(bundle: Bundle) -> None:
    kinds = (bundle.graphs, bundle.adapters, bundle.golden)
    single = [bundle.base, *filter(None, [bundle.shared_graph])]
    for path in [*single, *(path for kind in kinds for path in kind.values())]:
        name = path.relative_to(bundle.path).as_posix()
        expected = bundle.checksums.get(name)
        if not isinstance(expected, str):
            raise BundleError(f'{bundle.path / MANIFEST} has no SHA-256 of {name}: export again')
        if not path.is_file():
            raise BundleError(f'{path} is missing: fetch or export the bundle again')
        found = sha256(path)
        if found != expected:
            raise BundleError(
                f'{path} was altered: its SHA-256 is {found[:12]}..., the manifest says '
                f'{expected[:12]}...; fetch or export the bundle again'
            )
