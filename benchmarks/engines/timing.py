# Copyright 2026 mm_robust_seg maintainers
# SPDX-License-Identifier: Apache-2.0

"""Time engines: every switch, combinations against each other, runtimes side by side."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import pairwise
import time

import numpy as np
from numpy.typing import NDArray

from mm_robust_seg.engine.base import Engine
from mm_robust_seg.modalities.input_spec import InputSpec
from mm_robust_seg.modality import Modality, ModalitySet

_STEADY_RUNS = 3
_REST_S = 0.02

Inputs = dict[Modality, NDArray[np.float32]]
Pair = tuple[ModalitySet, ModalitySet]


@dataclass
class Switches:
    """What a walk over all pairs of combinations measured.

    Attributes:
        first: first frame after the switch over the steady frames that follow, by pair.
        activate_s: time of ``activate``.
        share: steady time of a combination over that of the complete one, one value a walk.
        steady_s: steady times of the complete combination.
    """

    first: dict[Pair, list[float]] = field(default_factory=lambda: defaultdict(list))
    activate_s: list[float] = field(default_factory=list)
    share: dict[ModalitySet, list[float]] = field(default_factory=lambda: defaultdict(list))
    steady_s: list[float] = field(default_factory=list)

    def walk(self, engine: Engine, inputs: Inputs, turn: int) -> None:
        """Switch along every ordered pair of combinations once, beginning elsewhere each turn."""
        order = engine.combinations
        shift = turn % len(order)
        route = _tour([*order[shift:], *order[:shift]])
        steady: dict[ModalitySet, list[float]] = defaultdict(list)
        engine.activate(route[0])
        _infer_s(engine, inputs)
        for before, after in pairwise(route):
            start_s = time.perf_counter()
            engine.activate(after)
            self.activate_s.append(time.perf_counter() - start_s)
            first_s = _infer_s(engine, inputs)
            runs_s = [_infer_s(engine, inputs) for _ in range(_STEADY_RUNS)]
            self.first[before, after].append(first_s / float(np.median(runs_s)))
            steady[after] += runs_s
        complete_s = float(np.median(steady[order[0]]))
        self.steady_s.append(complete_s)
        for combination, runs_s in steady.items():
            self.share[combination].append(float(np.median(runs_s)) / complete_s)


def random_inputs(spec: InputSpec) -> Inputs:
    """Return images of every modality, as preprocessing makes them, of noise."""
    rng = np.random.default_rng(0)
    size = (spec.height_px, spec.width_px)
    return {
        m: rng.standard_normal((1, spec.channels(m), *size)).astype(np.float32)
        for m in spec.normalizations
    }


def _infer_s(engine: Engine, inputs: Inputs) -> float:
    given = {m: inputs[m] for m in engine.active}
    start_s = time.perf_counter()
    engine.infer(given)
    return time.perf_counter() - start_s


def _tour(places: Sequence[ModalitySet]) -> list[ModalitySet]:
    """Return a closed walk that takes every step from one place to another exactly once."""
    left = {place: [p for p in places if p != place] for place in places}
    path, tour = [places[0]], []
    while path:
        if left[path[-1]]:
            path.append(left[path[-1]].pop())
        else:
            tour.append(path.pop())
    return tour[::-1]


def side_by_side(
    runners: Mapping[str, Callable[[], object]], rounds: int, runs: int = 3
) -> dict[str, list[float]]:
    """Time ``runners`` in turns; return the median time of each in each round, in seconds.

    The order rotates from round to round. Before its turn, each runs once for nothing, after a
    rest in which the threads of the one before fall asleep.
    """
    names, samples = list(runners), defaultdict(list)
    for number in range(rounds):
        shift = number % len(names)
        for name in [*names[shift:], *names[:shift]]:
            time.sleep(_REST_S)
            runners[name]()
            samples[name].append(float(np.median([_timed(runners[name]) for _ in range(runs)])))
    return samples


def ratio(samples: Mapping[str, Sequence[float]], one: str, other: str) -> float:
    """Return the median over rounds of the time of ``one`` over that of ``other``."""
    pairs = zip(samples[one], samples[other], strict=True)
    return float(np.median([a / b for a, b in pairs]))


def in_pairs(one: Callable[[], object], other: Callable[[], object], count: int) -> float:
    """Return the median ratio of two calls that take turns in going first."""
    ratios = []
    for number in range(count):
        if number % 2:
            other_s, one_s = _timed(other), _timed(one)
        else:
            one_s, other_s = _timed(one), _timed(other)
        ratios.append(one_s / other_s)
    return float(np.median(ratios))


def flat(values: Iterable[Sequence[float]]) -> list[float]:
    """Return all values of all lists."""
    return [value for items in values for value in items]


def _timed(function: Callable[[], object]) -> float:
    start_s = time.perf_counter()
    function()
    return time.perf_counter() - start_s
