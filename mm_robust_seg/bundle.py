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
from pathlib import Path, PurePosixPath
from typing import Any

from mm_robust_seg.errors import BundleError, RobustSegError
from mm_robust_seg.files import shipped_roots
from mm_robust_seg.modalities import KINDS
from mm_robust_seg.modalities.input_spec import InputSpec
from mm_robust_seg.modality import Modality, ModalitySet

SCHEMA_VERSION = 1
MANIFEST = 'manifest.json'
PRECISIONS = ('f32', 'fp16', 'int8')
"""Arithmetic that the graphs of a bundle state; inputs are float32 and outputs uint8 in all."""


@dataclass(frozen=True)
class SegmentationClass:
    """One class: its name and its colour, (r, g, b) of 0 to 255."""

    name: str
    color: tuple[int, int, int]


CHANNELS: Mapping[Modality, int] = {m: kind.channels for m, kind in KINDS.items()}
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
    inputs = InputSpec.parse(manifest['inputs'])
    _check_units(manifest['units'], inputs)
    for modality in ModalitySet(m for combination in graphs for m in combination):
        inputs[modality]  # refuses a modality of which the manifest states nothing
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
        inputs=inputs,
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


def _check_units(found: Any, inputs: InputSpec) -> None:
    expected = {str(m): KINDS[m].unit for m in inputs.normalizations}
    if found != expected:
        raise BundleError(f'units are {found}: expected {expected}')


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
