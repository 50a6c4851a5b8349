# Copyright 2026 mm_robust_seg maintainers
# SPDX-License-Identifier: Apache-2.0

"""Plain data, as a YAML or JSON file holds it, becomes the dataclass that declares it.

The types of the fields say what may stand in the file::

    bool, int, float, str       a value, checked by the spec that ``parameter`` made
    X | None                    or nothing
    tuple[X, ...]               a list
    Mapping[K, X]               a mapping; K is a text or an enumeration
    a dataclass                 a mapping of its fields
    Any                         whatever there is

A field whose spec has a reader is read by it alone.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from dataclasses import fields, is_dataclass, MISSING
import enum
from typing import Any, cast, get_args, get_origin, get_type_hints, TypeVar

from mm_robust_seg.errors import ConfigError
from mm_robust_seg.schema.parameters import check_type, shown, Spec, unknown

T = TypeVar('T')

_MOST_SHOWN = 60


def from_tree(cls: type[T], tree: object, name: str = '') -> T:
    """Return the dataclass ``cls`` that ``tree`` describes.

    Args:
        name: dotted name of ``tree``, for messages; empty for a whole file.

    Raises:
        ConfigError: naming the entry that is missing, unknown or makes no sense.
    """
    known = {item.name: item for item in fields(cast(Any, cls))}
    hints = get_type_hints(cls)
    values = {
        key: _value(hints[key], value, place, known[key].metadata.get('spec'))
        for key, value, place in _entries(tree, name, known)
    }
    for key, item in known.items():
        if key not in values and item.default is MISSING and item.default_factory is MISSING:
            raise ConfigError(f'{_joined(name, key)} is missing: {item.metadata["spec"].doc}')
    return cls(**values)


def dotted(tree: object) -> dict[str, Any]:
    """Return the leaves of nested mappings by their dotted names.

    Raises:
        ConfigError: if ``tree`` is no mapping.
    """
    leaves: dict[str, Any] = {}
    for key, value, _ in _entries(tree, ''):
        if isinstance(value, dict):
            leaves |= {_joined(key, name): leaf for name, leaf in dotted(value).items()}
        else:
            leaves[key] = value
    return leaves


def _value(hint: Any, value: Any, name: str, spec: Spec | None) -> Any:
    kind, parts = get_origin(hint) or hint, get_args(hint)
    if spec and spec.read:
        return spec.read(name, value)
    if type(None) in parts:
        return None if value is None else _value(parts[0], value, name, spec)
    if kind is tuple:
        return _items(parts[0], value, name, spec)
    if kind is Mapping or is_dataclass(kind):
        tree = {} if value is None else value
        return (
            from_tree(hint, tree, name) if is_dataclass(kind) else _mapping(hint, tree, name, spec)
        )
    return value if kind is Any else _leaf(kind, value, name, spec)


def _items(hint: Any, value: object, name: str, spec: Spec | None) -> tuple[Any, ...]:
    if not isinstance(value, list):
        raise ConfigError(f'{name} is {shown(value)}: expected a list')
    return tuple(_value(hint, item, f'{name}[{n}]', spec) for n, item in enumerate(value))


def _mapping(hint: Any, tree: object, name: str, spec: Spec | None) -> dict[Any, Any]:
    key_type, of_values = get_args(hint)
    keys = {str(key.value): key for key in key_type} if issubclass(key_type, enum.Enum) else {}
    return {
        keys.get(key, key): _value(of_values, value, place, spec)
        for key, value, place in _entries(tree, name, keys)
    }


def _leaf(kind: Any, value: Any, name: str, spec: Spec | None) -> Any:
    check_type(name, value, kind())
    if spec:
        spec.check(name, value)
    return kind(value)


def _entries(
    tree: object, name: str, known: Collection[str] = ()
) -> Iterator[tuple[str, Any, str]]:
    """Yield key, value and dotted name of each entry; all are ``known``, if any is."""
    names = ', '.join(known)
    if not isinstance(tree, dict):
        of = f' of {names}' if known else ''
        raise ConfigError(f'{name or "it"} is {shown(tree)}: expected a mapping{of}')
    for key, value in tree.items():
        if known and key not in known:
            problem = unknown(str(key), known, _joined(name, ''))
            raise ConfigError(f'{problem} (known: {names})')
        yield str(key), value, _joined(name, str(key)[:_MOST_SHOWN])


def _joined(name: str, key: object) -> str:
    return f'{name}.{key}' if name else str(key)
