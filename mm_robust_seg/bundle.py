# Copyright 2026 mm_robust_seg maintainers
# SPDX-License-Identifier: Apache-2.0

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

A bundle is data, and hostile until proven otherwise. Nothing in it is executed or unpickled, no
path may leave the folder, and what is missing, does not match its checksum, or refers to a file
without one is refused before any runtime sees it (``bundle_files``).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
import hashlib
import json
from pathlib import Path
import re
from typing import Any

from mm_robust_seg.bundle_files import inside, verify_files, verify_graph
from mm_robust_seg.combination_facts import CombinationFacts, parse_break_even
from mm_robust_seg.errors import BundleError, ConfigError, RobustSegError
from mm_robust_seg.files import shipped_roots
from mm_robust_seg.foreign_text import NAME_LENGTH, SENTENCE_LENGTH, shortened
from mm_robust_seg.modalities import KINDS
from mm_robust_seg.modalities.input_spec import InputSpec
from mm_robust_seg.modality import Modality, ModalitySet
from mm_robust_seg.schema import read_yaml, shown

SCHEMA_VERSION = 2
"""What is written; schema 1, without validity, is read too."""
_NAME = re.compile(r'[A-Za-z0-9][A-Za-z0-9._-]{0,63}')
MANIFEST = 'manifest.json'
PRECISIONS = ('f32', 'fp16', 'int8')
"""Arithmetic that the graphs of a bundle state; inputs are float32 and outputs uint8 in all."""


@dataclass(frozen=True)
class SegmentationClass:
    """One class: its name and its colour, (r, g, b) of 0 to 255."""

    name: str
    color: tuple[int, int, int]


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
        facts: what else is known of combinations, where anything is.
        break_even: by sensor and kind of damage, the share of its image from which on it costs
            more than it gives; as far as it was measured.
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
    facts: Mapping[ModalitySet, CombinationFacts] = field(default_factory=dict)
    break_even: Mapping[Modality, Mapping[str, float]] = field(default_factory=dict)

    def __post_init__(self) -> None:
        """Refuse a name that no folder may have; see :func:`check_name`."""
        check_name(self.name)

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
        manifest = read_yaml(path / MANIFEST, 'the manifest of a bundle')
    except ConfigError as error:
        raise BundleError(f'{error}; fetch or export the bundle again') from error
    found = manifest.get('schema') if isinstance(manifest, dict) else None
    if type(found) is not int or not 1 <= found <= SCHEMA_VERSION:
        raise BundleError(
            f'{path / MANIFEST} has schema {shown(found)}; this version reads 1 and '
            f'{SCHEMA_VERSION}: export the bundle again'
        )
    try:
        bundle = _from_manifest(path, manifest)
    except (KeyError, TypeError, ValueError, AttributeError, OverflowError) as error:
        reason = shortened(f'{type(error).__name__} {error}', SENTENCE_LENGTH)
        raise BundleError(
            f'{path / MANIFEST} is not a valid manifest: {reason}; export the bundle again'
        ) from error
    except RobustSegError as error:
        raise BundleError(
            f'{path / MANIFEST}: {shortened(str(error), SENTENCE_LENGTH)}'
        ) from error
    _verify(bundle)
    return bundle


def _from_manifest(path: Path, manifest: Mapping[str, Any]) -> Bundle:
    graphs: dict[ModalitySet, Path] = {}
    adapters: dict[ModalitySet, Path] = {}
    entries = {ModalitySet.parse(key): value for key, value in manifest['combinations'].items()}
    for combination in sorted(entries, key=len, reverse=True):
        graphs[combination] = inside(path, entries[combination]['graph'])
        if entries[combination]['adapter'] is not None:
            adapters[combination] = inside(path, entries[combination]['adapter'])
    inputs = _inputs(manifest)
    for modality in ModalitySet(m for combination in graphs for m in combination):
        inputs[modality]  # refuses a modality of which the manifest states nothing
    count = len(manifest['classes'])
    if not graphs or not 1 <= count < 255:
        raise BundleError(f'{len(graphs)} combinations and {count} classes: expected some')
    classes = tuple(
        SegmentationClass(_text(c, 'name'), _color(c['color'])) for c in manifest['classes']
    )
    precision = manifest.get('precision', PRECISIONS[0])
    if precision not in PRECISIONS:
        raise BundleError(
            f'precision is {shown(precision)}: expected one of {", ".join(PRECISIONS)}'
        )
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
        name=manifest['name'],
        description=_text(manifest, 'description'),
        licence=_text(manifest, 'licence'),
        classes=classes,
        inputs=inputs,
        base=inside(path, manifest['base']),
        graphs=graphs,
        adapters=adapters,
        provenance=dict(_printable(manifest['provenance'])),
        scores=_scores(_printable(manifest['scores'])),
        checksums=dict(manifest['sha256']),
        precision=precision,
        golden=golden,
        shared_graph=inside(path, manifest['shared_graph'])
        if 'shared_graph' in manifest
        else None,
        manifest=manifest,
        facts={c: CombinationFacts.parse(c, entries[c]) for c in graphs},
        break_even=parse_break_even(manifest.get('break_even', {}), max(graphs, key=len)),
    )


def check_name(name: Any) -> None:
    """Refuse a name for a bundle that cannot be part of a folder's name.

    Raises:
        BundleError: if it is not 1 to 64 letters, digits and ``._-``, the first of them none of
            the latter.
    """
    if not isinstance(name, str) or not _NAME.fullmatch(name):
        raise BundleError(
            f'a bundle is named {shown(name)}: expected 1 to 64 letters, digits and "._-", a '
            'letter or digit first'
        )


def _text(values: Mapping[str, Any], key: str) -> str:
    text = values[key]
    if not isinstance(text, str):
        raise BundleError(f'{key} is {shown(text)}: expected a text')
    return shortened(text, SENTENCE_LENGTH)


def _printable(value: Any) -> Any:
    """Return plain data whose texts a terminal may show."""
    if isinstance(value, dict):
        return {shortened(k, NAME_LENGTH): _printable(v) for k, v in value.items()}
    if isinstance(value, list):
        return [_printable(item) for item in value]
    return shortened(value, SENTENCE_LENGTH) if isinstance(value, str) else value


def _scores(rows: Mapping[str, Mapping[str, float]]) -> dict[str, Mapping[str, float]]:
    for name, row in rows.items():
        for kind, score in row.items():
            if not 0 <= score <= 1:
                raise BundleError(f'scores of {name}: {kind} is {score}: expected 0 to 1')
    return dict(rows)


def _inputs(manifest: Mapping[str, Any]) -> InputSpec:
    inputs = InputSpec.parse(manifest['inputs'])
    if manifest['schema'] == 1 and inputs.validity:
        raise BundleError('inputs.validity is true in schema 1: expected schema 2')
    if manifest['schema'] > 1 and 'validity' not in manifest['inputs']:
        raise BundleError('inputs.validity is missing: expected true or false')
    found, expected = manifest['units'], {str(m): KINDS[m].unit for m in inputs.normalizations}
    if found != expected:
        raise BundleError(f'units are {found}: expected {expected}')
    return inputs


def _color(value: Any) -> tuple[int, int, int]:
    red, green, blue = (int(v) for v in value)
    if not all(0 <= v <= 255 for v in (red, green, blue)):
        raise ValueError(f'color {value} is outside 0..255')
    return red, green, blue


def _verify(bundle: Bundle) -> None:
    kinds = (bundle.graphs, bundle.adapters, bundle.golden)
    single = [bundle.base, *filter(None, [bundle.shared_graph])]
    used = [*single, *(path for kind in kinds for path in kind.values())]
    verify_files(bundle.path, bundle.checksums, used)
    usual = bundle.inputs.height_px, bundle.inputs.width_px
    files = {_onnx_file(bundle, path): c for c, path in bundle.graphs.items()}
    for graph, combination in files.items():
        size = bundle.facts[combination].size_px or usual
        sizes = {str(m): size for m in bundle.inputs.normalizations}
        verify_graph(bundle.path, bundle.checksums, graph, sizes)


def _onnx_file(bundle: Bundle, path: Path) -> Path:
    """Return the file that a runtime opens for a graph of the manifest."""
    shared = path.with_name('shared.onnx')
    if path.suffix == '.npz' and bundle.shared_graph == shared:
        return shared
    if path.suffix != '.onnx':
        raise BundleError(
            f'{path} is not a graph: expected a .onnx file, or a .npz file beside the '
            'shared.onnx that the manifest names as shared_graph; export the bundle again'
        )
    return path
