"""All that is remembered of one entity, as plain structs of bounded size.

Dictionaries are kept in order of use, the least recently used first; equal histories give equal
bytes. Times are event times in ms; 0 for never. Days are days since 1970-01-01 in the learner's
zone.
"""

from __future__ import annotations

import sys

import msgspec
from msgspec import field

from streams.core.kernel.slices import Slice

NEVER = sys.maxsize
"""Later than every time."""
HOURS = 24
WEEKDAYS = 7


def _hours() -> list[int]:
    return [0] * HOURS


def _weekdays() -> list[float]:
    return [0.0] * WEEKDAYS


class Known(msgspec.Struct, array_like=True):
    """A pattern that has been published."""

    confidence: float
    """As published, 0..1."""
    mark: int
    """What else was published, as a number of the detector's own."""
    active: bool = True


class Trait(msgspec.Struct, array_like=True):
    """Something about the entity that may turn out to be a pattern."""

    known: Known | None = None
    last: int = 0
    """Latest occurrence; 0 for never."""

    @property
    def is_active(self) -> bool:
        """Whether its pattern has been published and not been retired."""
        return self.known is not None and self.known.active


class Rhythm(Trait):
    """Time between events of one type."""

    count: int = 0
    """Events."""
    gaps: int = 0
    """Gaps learned since the rhythm began."""
    mean: float = 0.0
    """Of the gaps, ms."""
    variance: float = 0.0
    """Of the gaps (of a population), ms squared."""


class Day(Trait):
    """Events of one type by hour of the day.

    ``last`` is the latest event in an hour that stands out most of the time.
    """

    count: int = 0
    """Events."""
    day: int = 0
    """Of the newest event."""
    counts: list[int] = field(default_factory=list[int])
    """Per hour in the open block of days; empty before the first event."""
    hits: list[int] = field(default_factory=list[int])
    """Per hour, in how many closed blocks it stood out; empty before the first block."""
    blocks: int = 0


class TypeTraits(msgspec.Struct, array_like=True):
    """What is learned per event type."""

    rhythm: Rhythm
    day: Day


class Week(Trait):
    """Events per day, by weekday (Monday first)."""

    day: int = 0
    """The open day; 0 before the first event."""
    today: int = 0
    """Events of the open day."""
    days: list[float] = field(default_factory=_weekdays)
    """Closed days."""
    sums: list[float] = field(default_factory=_weekdays)
    """Their events."""
    squares: list[float] = field(default_factory=_weekdays)
    """The squares of their events."""


class Track(msgspec.Struct, array_like=True):
    """A sequence under way."""

    last: int
    steps: list[str]
    """At most one more than counts."""


class Sequence(Trait):
    """A whole sequence of event types."""

    steps: tuple[str, ...] = ()
    count: int = 0
    weight: int = 0
    """``count``, fading."""


class Habits(Trait):
    """When and what one user does."""

    day: int = 0
    today: int = 0
    """Bit per hour in which the user was active today."""
    days: int = 0
    hours: list[int] = field(default_factory=_hours)
    """Per hour, on how many days the user was active in it."""
    start: int = 0
    """First of the usual hours."""
    width: int = 0
    """How many hours are usual; 0 while not known."""
    tries: int = 0
    """Active hours after the usual ones were known ..."""
    fits: int = 0
    """... and how many of these were usual ones."""
    count: int = 0
    weight: int = 0
    """Events, fading."""
    types: dict[str, int] = field(default_factory=dict[str, int])
    """Event type -> at least so many of ``weight``."""


class Pair(Trait):
    """Two metrics that have been found to move together."""

    first: str = ""
    second: str = ""
    count: int = 0
    misses: int = 0
    """Times in a row that they did not."""
    level: float = 0.0
    """Correlation of the values, -1..1."""
    change: float = 0.0
    """Correlation of the changes, -1..1."""
    lag: int = 0
    """Steps by which the first leads."""
    certainty: float = 0.0
    """That the changes correlate, 0..1."""


class Incidents(Trait):
    """Anomalies of one metric."""

    count: int = 0
    value: float = 0.0
    expected: float = 0.0
    score: float = 0.0


class PatternState(Slice):
    """Mutable; owned by whoever owns the entity. A new one knows nothing."""

    slice_name = "patterns"

    events: int = 0
    """Learned."""
    clock: int = 0
    """Latest event time."""
    late: int = 0
    """Events in a row that were much older than ``clock``."""
    next_expiry: int = NEVER
    """No pattern is to be retired before."""
    types: dict[str, TypeTraits] = {}
    week: Week = field(default_factory=Week)
    tracks: dict[str, Track] = {}
    """By session, user or chain."""
    closed_tracks: int = 0
    """Sequences that have ended, fading like their weights."""
    sequences: list[Sequence] = []
    users: dict[str, Habits] = {}
    pairs: list[Pair] = []
    incidents: dict[str, Incidents] = {}
    """By metric."""
