# Copyright 2026 mm_robust_seg maintainers
# SPDX-License-Identifier: Apache-2.0

"""Damage of one camera: signs that are rare for it, and last."""

from __future__ import annotations

from collections.abc import Mapping
import math

import numpy as np

from mm_robust_seg.dataflow import Frame, Reason
from mm_robust_seg.finding import Damage
from mm_robust_seg.modalities import KINDS
from mm_robust_seg.modality import Modality
from mm_robust_seg.stages.health.damage.picture import picture_of
from mm_robust_seg.stages.health.damage.signs import (
    BLIND,
    moves,
    RAISED,
    signs_of,
    STILL,
    still,
    visible,
    WHITE,
)
from mm_robust_seg.stages.health.damage.tiles import (
    COLUMNS,
    ROWS,
    TileMeter,
    Tiles,
    TileStatistics,
)
from mm_robust_seg.stages.health.damage.usual import Flags, Usual

_STEP_NS = 90_000_000
"""Pictures are looked at this far apart: in between little moves, and nothing new is told."""
_LONGEST_STEP_S = 1.0
_SURE, _OVER = 0.8, 0.4
_FEWEST = 3
"""Pictures in a row that make a sign lasting, however slow the camera is."""
_DARK = 0.6
_SOFTER, _LOG_PER_PX = 2.2, 0.6
_NOISIER, _NOISE_CHANGES, _MUCH_NOISE = 2.5, 0.9, 0.015
_GREY_LEVELS, _LIT = 255.0, 0.3
_OUTWEIGHS = 0.3
_ODD = 0.15
_MOST_BESIDE = 0.25
_BETWEEN = 1.4
"""Of splashes and drops only the tiles that they hide for the most part are seen to stay."""
_LATER = {STILL: 0.5, RAISED: 0.5}
"""Signs that take 0.4 s to show last shorter."""
_NOISE_LASTS = 1.4
"""Noise must last until it is known not to stay."""
_LEAST_JUDGED = 0.2
"""Share of the tiles of which something must be known."""
_RECENT_NS = 500_000_000
_MOVED_FOR, _DOUBT = 6, 3
"""Pictures in a row that make it sure that the scene moves; one that is not plain takes back."""
_WITNESS_NOISE, _WITNESS_STRUCTURE = 1.6, (0.4, 2.0)
"""Much more noise, or other structure, than usual: no witness of the scene."""
_OF_SCENE = (BLIND, STILL, RAISED)
"""Signs that the scene may show too, which another sensor then sees as well."""


class SensorDamage:
    """Follows the pictures of one camera.

    Attributes:
        usual: what it usually shows.
        shows: tiles that show anything but noise.
        newly_blind: those that show nothing now, and usually do.
        is_still: those that show something that stays where it is.
        moves: whether the scene moves, as it sees it.
        damage: what is wrong with its pictures; None if nothing is known to be.
    """

    def __init__(self, modality: Modality) -> None:
        self.usual = Usual()
        self.newly_blind: Flags = np.zeros((ROWS, COLUMNS), bool)
        self.shows: Flags = np.zeros((ROWS, COLUMNS), bool)
        self.is_still: Flags = np.zeros((ROWS, COLUMNS), bool)
        self.moves = False
        self.damage: Damage | None = None
        self._kind = KINDS[modality]
        self._meter = TileMeter()
        self._looked_ns: int | None = None
        self.doubt()

    def doubt(self) -> None:
        """Forget what has been seen to last, and be no witness until it is seen anew."""
        self.damage = None
        self._moved, self._is_plain = 0, False
        self._lasting = {name: _Lasting() for name in (BLIND, STILL, RAISED, WHITE)}
        self._soft, self._noisy = _Lasting(), _Lasting()

    def look(self, frame: Frame, others: Mapping[Modality, SensorDamage], lasts_s: float) -> None:
        """Take in a frame.

        Args:
            others: the other sensors that see the same scene.
            lasts_s: how long signs must last.
        """
        before_ns = self._looked_ns
        if before_ns is not None and 0 <= frame.stamp_ns - before_ns < _STEP_NS:
            return
        picture = picture_of(frame)
        if picture is None:
            return
        self._looked_ns = frame.stamp_ns
        step_s = 0.1 if before_ns is None else abs(frame.stamp_ns - before_ns) * 1e-9
        step_s = min(step_s, _LONGEST_STEP_S)
        witnesses = {m: o for m, o in others.items() if o.is_witness(frame.stamp_ns)}
        seen = self._meter.measure(picture, frame.stamp_ns)
        self._judge(seen, witnesses, step_s, lasts_s, is_alone=not others)

    def _judge(
        self,
        seen: TileStatistics,
        others: Mapping[Modality, SensorDamage],
        step_s: float,
        lasts_s: float,
        is_alone: bool,
    ) -> None:
        usual = self.usual
        self.shows = visible(seen, usual)
        self.is_still = still(seen, self.shows)
        self.moves = moves(seen, self.shows)
        scene_moves = self.moves or any(other.vouches for other in others.values())
        signs = signs_of(seen, usual, self.shows, scene_moves)
        for other in others.values():
            signs[STILL] &= ~other.is_still
            signs[RAISED] &= ~other.is_still
        news = {name: flags & usual.rarely(name) for name, flags in signs.items()}
        self.newly_blind = news[BLIND]
        news[BLIND] = self._is_hidden(seen, others)
        softer = usual.sharpness / max(seen.sharpness, 1e-6)
        noisier = seen.noise / max(usual.noise, 1e-6)
        is_soft = usual.is_settled and softer > _SOFTER
        is_much = usual.is_settled and seen.noise > _MUCH_NOISE * self._range
        at_rest = bool(others) and not any(other.moves for other in others.values())
        is_noisy = noisier > _NOISIER and is_much and _flickers(seen, at_rest)
        if is_much and noisier > _NOISIER:  # which hides what there is
            news[BLIND] = np.zeros_like(news[BLIND])
        for name, lasting in self._lasting.items():
            if name in _OF_SCENE and not others and not is_alone:
                continue  # nobody could say that it is the scene
            lasting.add(news[name], _weight(step_s, _LATER.get(name, 1.0) * lasts_s))
        self._soft.add(np.full((ROWS, COLUMNS), is_soft), _weight(step_s, lasts_s))
        noisy = np.full((ROWS, COLUMNS), is_noisy)
        self._noisy.add(noisy, _weight(step_s, _NOISE_LASTS * lasts_s))
        self.damage = self._found(seen, softer)
        odd_share = np.logical_or.reduce(list(news.values())).mean()
        is_odd = is_soft or is_noisy or odd_share > _ODD
        self._is_plain = self._is_as_usual(seen) and not is_odd
        more = 1 if self._is_plain else -_DOUBT
        self._moved = min(max(self._moved + more, 0), 2 * _MOVED_FOR) if self.moves else 0
        if not usual.is_settled or (self.damage is None and not is_odd):
            usual.learn(seen, signs, step_s)

    def _is_as_usual(self, seen: TileStatistics) -> bool:
        """Tell whether noise and structure of a picture are about what they usually are."""
        less, more = _WITNESS_STRUCTURE
        structure = seen.structure.mean() / max(self.usual.structure.mean(), 1e-9)
        most = _WITNESS_NOISE * max(self.usual.noise, 1e-6)
        return bool(seen.noise <= most and less < structure < more)

    def is_witness(self, now_ns: int) -> bool:
        """Tell whether its pictures can be believed about the scene: new, and as usual."""
        return (
            self._looked_ns is not None
            and abs(now_ns - self._looked_ns) < _RECENT_NS
            and self.usual.is_settled
            and self._is_plain
            and (self.damage is None or self.damage.share < _OUTWEIGHS)
        )

    @property
    def vouches(self) -> bool:
        """Whether the scene has moved for longer than a change of the picture takes to pass."""
        return self._moved >= _MOVED_FOR

    @property
    def _range(self) -> float:
        """From dark to bright, in the units of the image."""
        return _GREY_LEVELS if self._kind.is_color else max(self.usual.range, 1e-6)

    def _is_hidden(self, seen: TileStatistics, others: Mapping[Modality, SensorDamage]) -> Flags:
        """Tell which of the newly blind tiles are not blind because of the scene.

        A wall, or the sky, is as empty for another sensor, and of a colour it is not dark.
        """
        hidden: Flags = self.newly_blind.copy()
        others_show = np.zeros((ROWS, COLUMNS), bool)
        for other in others.values():
            hidden &= ~other.newly_blind
            others_show |= other.shows & other.usual.is_settled
        if self._kind.is_color:
            hidden &= others_show | self._is_dark(seen)
            hidden &= seen.white < _LIT
        return hidden

    def _is_dark(self, seen: TileStatistics) -> Flags:
        """Tell which tiles are dark, where dark means something."""
        if not self._kind.is_color:
            return np.ones((ROWS, COLUMNS), bool)
        dark: Flags = seen.level < _DARK * self.usual.level
        return dark

    def _found(self, seen: TileStatistics, softer: float) -> Damage | None:
        """Name what lasts: the worst first."""
        if self._noisy.flags.all():
            return Damage(Reason.NOISY, self._noisy.flags, 1.0, seen.noise / self._range)
        blind, stays, raised, white = (each.flags for each in self._lasting.values())
        ghost = raised if self._kind.has_shutter else np.zeros_like(raised)
        stays = stays & ~ghost
        judged = self.usual.rarely(BLIND)
        count = max(int(judged.sum()), round(_LEAST_JUDGED * judged.size))
        kept = np.clip(seen.structure / np.maximum(self.usual.structure, 1e-9), 0, 1)
        is_soft = bool(self._soft.flags.all())
        veiled = blind & ~self._is_dark(seen) & is_soft
        whole = (blind & ~veiled | stays) & judged
        part = 0.5 * float(((1 - kept) * _beside(blind) * judged).sum())
        thick = 1 + (_BETWEEN - 1) * stays
        hidden = float((whole * thick).sum()) + min(
            part, _MOST_BESIDE * int((blind & whole).sum())
        )
        found = [
            Damage(Reason.GHOST, ghost, float((ghost & judged).sum()) / count),
            Damage(Reason.OBSTRUCTED, blind | stays, min(hidden / count, 1.0)),
            Damage(Reason.GLARE, white, float(white.mean())),
        ]
        worst = max(found, key=lambda damage: damage.share)
        if is_soft and worst.share < _OUTWEIGHS:
            blur_px = math.log(max(softer, 1.0)) / _LOG_PER_PX
            return Damage(Reason.BLURRED, self._soft.flags, 1.0, blur_px)
        return worst if worst.share > 0 else None


def _flickers(seen: TileStatistics, at_rest: bool) -> bool:
    """Tell whether what looks like noise is another in every picture, as texture is not."""
    if at_rest:
        return bool(np.median(seen.changes) > seen.noise_in_coarse)
    return bool(np.median(seen.changes / np.maximum(seen.coarse, 1e-9)) > _NOISE_CHANGES)


def _beside(flags: Flags) -> Flags:
    """Return the tiles that share an edge with one of these, and are none."""
    wide = np.pad(flags, 1)
    near: Flags = wide[:-2, 1:-1] | wide[2:, 1:-1] | wide[1:-1, :-2] | wide[1:-1, 2:]
    return near & ~flags


class _Lasting:
    """Tiles in which a sign has been seen for a while, until it has gone for a while."""

    def __init__(self) -> None:
        self._evidence: Tiles = np.zeros((ROWS, COLUMNS), np.float32)
        self.flags: Flags = np.zeros((ROWS, COLUMNS), bool)

    def add(self, flags: Flags, weight: float) -> None:
        self._evidence = self._evidence + np.float32(weight) * (flags - self._evidence)
        self.flags = np.where(self.flags, self._evidence > _OVER, self._evidence > _SURE)


def _weight(step_s: float, lasts_s: float) -> float:
    """Return by how much a picture counts: a sign is sure after ``lasts_s``."""
    pictures = max(_FEWEST, lasts_s / step_s)
    return float(1 - (1 - _SURE) ** (1 / pictures))
