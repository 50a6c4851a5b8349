# Copyright 2026 mm_robust_seg maintainers
# SPDX-License-Identifier: Apache-2.0

"""TensorRT plans on disk: where they are, what they were built for, whether they fit here.

::

    <engine.plans>/
    |- timing.cache                     what the builder has measured on this GPU
    `- <bundle>-<digest>/
       |- rgb+depth.plan                one per ONNX file
       `- rgb+depth.json                its sidecar: everything the plan depends on, and checksums

A plan belongs to one TensorRT version, GPU, driver and ONNX file, and it is code: it is read
only where a sidecar describes it exactly, and never from a place where other users may write.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass
import hashlib
import json
import os
from pathlib import Path
import shlex
import stat
from typing import Any

from mm_robust_seg.bundle import Bundle
from mm_robust_seg.bundle_files import sha256
from mm_robust_seg.engine.shared_graph import SHARED_GRAPH, SUFFIX
from mm_robust_seg.engine.tensorrt.device_memory import DeviceFacts
from mm_robust_seg.errors import ConfigError, EngineError
from mm_robust_seg.files import user_cache, write_bytes, write_json
from mm_robust_seg.schema import read_json

SCHEMA = 1
FLAGS = ('STRONGLY_TYPED', 'no TF32', 'no auxiliary streams')
"""How plans are built; part of what they depend on."""

_WORDS = {
    'tensorrt': 'TensorRT',
    'gpu': 'the GPU',
    'compute_capability': 'its compute capability',
    'multiprocessors': 'the number of its multiprocessors',
    'driver': 'the driver',
    'cuda': 'CUDA',
    'precision': 'the precision',
    'flags': 'the way of building',
    'onnx_sha256': 'the ONNX file with its weights',
}


@dataclass(frozen=True)
class Target:
    """What a plan depends on besides its graph.

    Attributes:
        precision: of the graph: f32, fp16 or int8.
        flags: how it is built.
    """

    tensorrt: str
    gpu: str
    compute_capability: str
    multiprocessors: int
    driver: str
    cuda: str
    precision: str
    flags: tuple[str, ...] = FLAGS

    @classmethod
    def on(cls, device: DeviceFacts, tensorrt: str, precision: str) -> Target:
        """Describe a GPU with its driver, and a TensorRT version."""
        return cls(
            tensorrt=tensorrt,
            gpu=device.name,
            compute_capability=device.compute_capability,
            multiprocessors=device.multiprocessors,
            driver=device.driver,
            cuda=device.cuda,
            precision=precision,
        )


class PlanFolder:
    """The plans of one bundle.

    Args:
        bundle: whose graphs are built.
        root: ``engine.plans``; empty for the cache of the user.
    """

    def __init__(self, bundle: Bundle, root: str) -> None:
        self.sources = onnx_files(bundle.graphs.values())
        self.name, self.precision = bundle.path.name, bundle.precision
        self.root = Path(root).expanduser() if root else user_cache() / 'engines'
        self.path = self.root / f'{self.name}-{bundle.digest}'
        self._bundle = bundle.path
        self._is_default = not root

    @property
    def command(self) -> str:
        """What to type to build the plans."""
        where = '' if self._is_default else f' --plans {shlex.quote(str(self.root))}'
        return f'mm-robust-seg build-engines {shlex.quote(str(self._bundle))}{where}'

    @property
    def missing(self) -> tuple[Path, ...]:
        """The ONNX files that have no plan yet."""
        return tuple(s for s in self.sources if not self.plan_of(s).is_file())

    def misfits(self, target: Target) -> dict[Path, str]:
        """Say of each ONNX file whose plan cannot be used here, why.

        Raises:
            EngineError: if an ONNX file cannot be read.
        """
        digests = onnx_digests(self.sources)
        reasons = {s: self._misfit(s, _described(target, digests[s])) for s in self.sources}
        return {source: reason for source, reason in reasons.items() if reason}

    def complaint(self, misfits: Mapping[Path, str]) -> str:
        """Put what :meth:`misfits` found into one sentence, with the command that mends it."""
        names: dict[str, list[str]] = {}
        for source, reason in misfits.items():
            names.setdefault(reason, []).append(source.stem)
        parts = [f'{", ".join(stems)}: {reason}' for reason, stems in names.items()]
        return f'TensorRT engines do not fit ({"; ".join(parts)}): build them: {self.command}'

    def read(self, source: Path) -> bytes:
        """Return a plan after comparing it with its sidecar.

        Raises:
            EngineError: if the plan is truncated or altered, or others may write it.
        """
        return self._verified(source, self._sidecar(source))

    def write(self, source: Path, target: Target, onnx_sha256: str, plan: bytes) -> None:
        """Write a plan and its sidecar; without the second, the first is not used.

        Raises:
            EngineError: if they cannot be written.
        """
        path = self.plan_of(source)
        sidecar = path.with_suffix('.json')
        values = {
            'schema': SCHEMA,
            **_described(target, onnx_sha256),
            'plan_bytes': len(plan),
            'plan_sha256': hashlib.sha256(plan).hexdigest(),
        }
        try:
            self.path.mkdir(mode=0o755, parents=True, exist_ok=True)
            sidecar.unlink(missing_ok=True)
            write_bytes(path, plan)
            path.chmod(0o644)
            write_json(sidecar, {**values, 'sidecar_sha256': _digest(values)})
        except OSError as error:
            raise EngineError(
                f'{path} cannot be written: {error.strerror}; make room, or choose another folder '
                'with engine.plans or --plans'
            ) from error

    def plan_of(self, source: Path) -> Path:
        """Return the file of the plan of an ONNX file, whether there or not."""
        return self.path / f'{source.stem}.plan'

    def _misfit(self, source: Path, here: Mapping[str, Any]) -> str:
        if not self.plan_of(source).is_file():
            return f'not in {self.path}'
        try:
            sidecar = self._sidecar(source)
            self._verified(source, sidecar)
        except EngineError as error:
            return str(error)
        differences = [
            f'{_WORDS[name]} is {_short(value)}, it was built for {_short(sidecar.get(name))}'
            for name, value in here.items()
            if sidecar.get(name) != value
        ]
        return ', '.join(differences)

    def _verified(self, source: Path, sidecar: Mapping[str, Any]) -> bytes:
        plan = self.plan_of(source)
        try:
            for path in (self.path, plan):
                _require_private(path)
            data = plan.read_bytes()
        except OSError as error:
            raise EngineError(f'{plan} cannot be read: {error.strerror}') from error
        if len(data) != sidecar['plan_bytes']:
            raise EngineError(
                f'{plan} was truncated or replaced: it has {len(data)} bytes, its sidecar says '
                f'{sidecar["plan_bytes"]}'
            )
        if hashlib.sha256(data).hexdigest() != sidecar['plan_sha256']:
            raise EngineError(f'{plan} was altered: its SHA-256 is not that of its sidecar')
        return data

    def _sidecar(self, source: Path) -> dict[str, Any]:
        path = self.plan_of(source).with_suffix('.json')
        try:
            values = read_json(path, 'the description of a plan')
            stated = values.pop('sidecar_sha256')
        except (ConfigError, KeyError, AttributeError, TypeError) as error:
            raise EngineError(
                f'{path} cannot be read, so the plan beside it is not trusted: {error}'
            ) from error
        if values.get('schema') != SCHEMA or stated != _digest(values):
            raise EngineError(
                f'{path} was altered or is of another version: the plan beside it is not trusted'
            )
        return dict(values)


def onnx_files(graphs: Iterable[Path]) -> tuple[Path, ...]:
    """List the ONNX files behind ``graphs``, each once; an .npz file stands for the shared one."""
    files = (p.with_name(SHARED_GRAPH) if p.suffix == SUFFIX else p for p in graphs)
    return tuple(dict.fromkeys(files))


def onnx_digests(sources: Iterable[Path]) -> dict[Path, str]:
    """Return the SHA-256 of each ONNX file together with the weights beside it that it refers to.

    Raises:
        EngineError: if a file cannot be read.
    """
    weights: dict[Path, str] = {}
    digests = {}
    try:
        for source in sources:
            folder = source.parent
            if folder not in weights:
                weights[folder] = ''.join(map(sha256, sorted(folder.glob('*.safetensors'))))
            both = sha256(source) + weights[folder]
            digests[source] = hashlib.sha256(both.encode()).hexdigest()
    except OSError as error:
        raise EngineError(f'{source} cannot be loaded: {error.strerror}') from error
    return digests


def _described(target: Target, onnx_sha256: str) -> dict[str, Any]:
    return {**asdict(target), 'flags': list(target.flags), 'onnx_sha256': onnx_sha256}


def _digest(values: Mapping[str, Any]) -> str:
    return hashlib.sha256(json.dumps(values, sort_keys=True).encode()).hexdigest()


def _short(value: object) -> str:
    text = ', '.join(value) if isinstance(value, list) else str(value)
    return f'{text[:12]}...' if len(text) == 64 else text


def _require_private(path: Path) -> None:
    """Refuse what another user could have put there."""
    found = path.stat()
    is_own = os.geteuid() == 0 or found.st_uid in (0, os.geteuid())
    if found.st_mode & (stat.S_IWOTH | stat.S_IWGRP) or not is_own:
        raise EngineError(
            f'{path} can be written by other users, and a plan is code: expected a folder and '
            'files that you alone may write: chmod -R go-w them, or set engine.plans to such a '
            'folder'
        )
