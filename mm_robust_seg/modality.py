# Copyright 2026 mm_robust_seg maintainers
# SPDX-License-Identifier: Apache-2.0

"""The names of the kinds of sensor, and the sets they form."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Set
import enum
from itertools import combinations

from mm_robust_seg.errors import ConfigError


class Modality(enum.Enum):
    """A kind of image sensor; the value is its name in topics, parameters and files."""

    RGB = 'rgb'
    THERMAL = 'thermal'
    DEPTH = 'depth'

    __hash__ = object.__hash__  # each member is one object; Enum hashes its name, in Python

    def __str__(self) -> str:
        return self.value


class ModalitySet(Set[Modality]):
    """An immutable modality combination, iterated in the order of :class:`Modality`.

    Set algebra (``&``, ``|``, ``-``, ``<=``) comes from :class:`collections.abc.Set`.
    The text form joins the names with ``+``; the empty set is ``none``.
    """

    __slots__ = ('_members',)

    def __init__(self, members: Iterable[Modality] = ()) -> None:
        chosen = frozenset(members)
        self._members = tuple(m for m in Modality if m in chosen)

    @classmethod
    def parse(cls, text: str) -> ModalitySet:
        """Read ``'rgb+depth'``.

        Raises:
            ConfigError: if a part is not the name of a modality or is given twice.
        """
        if text.strip() == 'none':
            return cls()
        names = [part.strip() for part in text.split('+')]
        known = {m.value: m for m in Modality}
        wrong = [name for name in names if name not in known]
        if wrong or len(set(names)) != len(names):
            raise ConfigError(
                f'{text!r} is not a modality combination: expected distinct names out of '
                f"{', '.join(known)} joined by '+', such as 'rgb+depth'"
            )
        return cls(known[name] for name in names)

    def __contains__(self, item: object) -> bool:
        return item in self._members

    def __iter__(self) -> Iterator[Modality]:
        return iter(self._members)

    def __and__(self, other: Set[object]) -> ModalitySet:
        return ModalitySet(m for m in self if m in other)

    def __or__(self, other: Set[Modality]) -> ModalitySet:  # type: ignore[override]
        return ModalitySet([*self, *other])

    def __sub__(self, other: Set[object]) -> ModalitySet:
        return ModalitySet(m for m in self if m not in other)

    def __len__(self) -> int:
        return len(self._members)

    def __hash__(self) -> int:
        return hash(self._members)

    def __str__(self) -> str:
        return '+'.join(m.value for m in self._members) or 'none'

    def __repr__(self) -> str:
        return f"ModalitySet('{self}')"


COMPLETE = ModalitySet(Modality)


def all_combinations(members: ModalitySet = COMPLETE) -> tuple[ModalitySet, ...]:
    """List every non-empty subset of ``members``, the largest first."""
    return tuple(
        ModalitySet(subset)
        for size in range(len(members), 0, -1)
        for subset in combinations(members, size)
    )
