"""All that is learned for one entity, as plain structs of bounded size.

Dictionaries by name are kept in order of use, the least recently used first; equal histories give
equal bytes. Times are event times in ms, 0 for never.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import TypeVar

import msgspec
from msgspec import field

from streams.core.kernel.slices import Slice
from streams.core.learning.config import LearningConfig

_V = TypeVar("_V")

DEFAULTS = LearningConfig()
TALLY_LIMIT = 64
"""Tries from which a tally is halved, so that old ones fade."""


class Tally(msgspec.Struct, array_like=True):
    """Tries and successes; both are halved when there are many."""

    tries: int = 0
    wins: int = 0

    @property
    def rate(self) -> float:
        """Share of successes, 0..1; 0 without tries."""
        return self.wins / self.tries if self.tries else 0.0

    def add(self, won: bool) -> None:
        if self.tries >= TALLY_LIMIT:
            self.tries, self.wins = self.tries // 2, self.wins // 2
        self.tries += 1
        self.wins += won


class ActionHistory(msgspec.Struct, array_like=True):
    """What came of one action type."""

    flags: list[bool] = field(default_factory=list[bool])
    """Whether each of the latest actions succeeded, oldest first."""
    durations: list[float] = field(default_factory=list[float])
    """Of the latest successful ones, ms, oldest first."""
    hours: dict[int, Tally] = field(default_factory=dict[int, Tally])
    """By the hour of the day, UTC, in which they began."""


class Effect(msgspec.Struct, array_like=True):
    """Measured change of one metric by one candidate, in the metric's unit."""

    count: int = 0
    mean: float = 0.0
    variance: float = 0.0
    """Of a population."""
    last: float = 0.0
    misses: int = 0
    """Acts in a row that did not help."""
    blocked_until: int = 0

    def add(self, effect: float, window: int) -> None:
        """Welford's update; past ``window`` readings older ones fade by 1 / window."""
        self.count += 1
        share = 1 / min(self.count, window)
        off = effect - self.mean
        self.mean += off * share
        self.variance += (off * (effect - self.mean) - self.variance) * share
        self.last = effect

    @property
    def deviation(self) -> float:
        """Standard deviation of a single effect; as large as the effect while there is one only."""
        if self.count < 2:
            return abs(self.mean)
        return math.sqrt(max(0.0, self.variance) * self.count / (self.count - 1))


class Arm(msgspec.Struct, array_like=True):
    """Sums over the contexts x and rewards y of one candidate, discounted.

    The features are the first ones of ``LearningState.features``; there are as many as ``moment``
    is long.
    """

    gram: list[float] = field(default_factory=list[float])
    """Sum of x x', its upper triangle row by row."""
    moment: list[float] = field(default_factory=list[float])
    """Sum of y x."""
    weight: float = 0.0
    """Sum of the discounted counts."""


class Lesson(msgspec.Struct, array_like=True):
    """A reason why something failed or did not help."""

    action: str
    text: str
    at: int
    """Latest occurrence."""
    count: int = 1


class LearningState(Slice, kw_only=True):
    """Mutable; part of what is stored of an entity."""

    slice_name = "learning"

    actions: dict[str, ActionHistory] = field(default_factory=dict[str, ActionHistory])
    """By action type."""
    effects: dict[str, dict[str, Effect]] = field(default_factory=dict[str, dict[str, Effect]])
    """By candidate, by metric."""
    strategies: dict[str, Tally] = field(default_factory=dict[str, Tally])
    """Plans that ended and that succeeded, by ``<goal type>/<strategy>``."""
    features: list[str] = field(default_factory=list[str])
    """Names of the context's features in the order of the arms' numbers; first the constant."""
    arms: dict[str, Arm] = field(default_factory=dict[str, Arm])
    """By candidate."""
    impact: dict[str, Effect] = field(default_factory=dict[str, Effect])
    """Measured change by metric, whatever was done; nothing is blocked here."""
    results: list[str] = field(default_factory=list[str])
    """Latest results of all actions, oldest first: the action type that failed, or nothing."""
    lessons: list[Lesson] = field(default_factory=list[Lesson])
    """Oldest first."""
    plan_durations: list[float] = field(default_factory=list[float])
    """Of the latest plans that were carried out, ms, oldest first."""
    ended: int = 0
    """Final outcomes so far."""
    succeeded: int = 0


def recall(store: dict[str, _V], name: str, new: Callable[[], _V], limit: int) -> _V:
    """The value of a name, which is now the most recently used; at most ``limit`` are kept."""
    value = store.pop(name, None)
    if value is None:
        value = new()
    store[name] = value
    while len(store) > limit:
        del store[next(iter(store))]
    return value


def append(values: list[_V], value: _V, limit: int) -> None:
    """Add at the end; the oldest go when there are more than ``limit``."""
    values.append(value)
    del values[:-limit]


def learned_effect(state: LearningState, name: str, metric: str) -> tuple[float, float, int] | None:
    """Mean and deviation of a candidate's effect on a metric, in its unit, and how often it was
    measured; None when it never was."""
    effect = state.effects.get(name, {}).get(metric)
    return None if effect is None else (effect.mean, effect.deviation, effect.count)


def is_blocked(state: LearningState, name: str, metric: str, now: int) -> bool:
    """Whether a candidate is kept from being chosen, since it did not help several times in a
    row. (Dhalion keeps a list of such acts, too: Floratou et al., VLDB 2017.)"""
    effect = state.effects.get(name, {}).get(metric)
    return effect is not None and effect.blocked_until > now
