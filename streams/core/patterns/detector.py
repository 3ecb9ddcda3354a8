"""What all detectors share: how a pattern is found, published, changed and retired.

A detector judges a ``Trait`` whenever enough has happened to it. ``settle`` compares the verdict
with what was published last, so that a record goes out when there is news and not at each event.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import ClassVar, Generic, NamedTuple, TypeVar

from streams.core.kernel.checks import DAY_MS
from streams.core.kernel.ids import stable_id
from streams.core.patterns.config import PatternConfig
from streams.core.patterns.state import Known, PatternState, Trait
from streams.records import Pattern, PatternType

NOTABLE_CHANGE = 0.1
"""Difference in confidence that is worth a new record."""
_HOUR_MS = 3_600_000
_MINUTE_MS = 60_000


class Origin(NamedTuple):
    """About whom, when and in which chain a record is written."""

    entity_id: str
    entity_type: str
    timestamp: int
    """Event time now, ms."""
    correlation_id: str = ""


class PatternMatch(NamedTuple):
    """A pattern is there."""

    confidence: float
    """0..1."""
    mark: int
    """What the pattern says beside its confidence, as a number of the detector's own."""


class Portrait(NamedTuple):
    """The words and numbers of a pattern record."""

    key: tuple[str, ...]
    """What makes it this pattern of the entity and no other of its type."""
    description: str
    last_occurrence: int
    occurrences: int
    metadata: dict[str, str]
    frequency: str = ""
    next_occurrence: int | None = None


T = TypeVar("T", bound=Trait)


class Detector(ABC, Generic[T]):
    """Finds one type of pattern; ``T`` is what it judges."""

    kind: ClassVar[PatternType]

    def __init__(self, config: PatternConfig) -> None:
        self.config = config

    @abstractmethod
    def judge(self, state: PatternState, trait: T) -> PatternMatch | None:
        """Whether there is a pattern. Asks less of one that is active, so that it does not
        come and go."""

    @abstractmethod
    def portray(self, name: str, trait: T, verdict: PatternMatch) -> Portrait:
        """What to say about it; ``name`` is the trait's key in the state."""

    def expiry(self, trait: T) -> int:
        """Event time at which it is to be retired when it does not occur before."""
        return trait.last + self.config.stale_after_ms

    def has_moved(self, published: int, mark: int) -> bool:
        """Whether the mark has changed enough for a new record."""
        return published != mark

    def settle(self, state: PatternState, trait: T, now: int) -> bool:
        """Judge ``trait`` and take note of the verdict; whether that is news."""
        verdict, known = self.judge(state, trait), trait.known
        if verdict is None or now >= (expiry := self.expiry(trait)):
            if known is None or not known.active:
                return False
            known.active = False
            return True
        state.next_expiry = min(state.next_expiry, expiry)
        if known is None:
            trait.known = Known(verdict.confidence, verdict.mark)
            return True
        if (
            known.active
            and abs(verdict.confidence - known.confidence) < NOTABLE_CHANGE
            and not self.has_moved(known.mark, verdict.mark)
        ):
            return False
        known.confidence, known.mark, known.active = verdict.confidence, verdict.mark, True
        return True

    def record(self, state: PatternState, name: str, trait: T, origin: Origin) -> Pattern | None:
        """The pattern as it is at ``origin.timestamp``; None when there never was one.

        A retired one is described as it was published last.
        """
        known = trait.known
        if known is None:
            return None
        active = known.active and origin.timestamp < self.expiry(trait)
        verdict = self.judge(state, trait) if active else None
        said = self.portray(name, trait, verdict or PatternMatch(known.confidence, known.mark))
        return Pattern(
            entity_id=origin.entity_id,
            entity_type=origin.entity_type,
            timestamp=origin.timestamp,
            correlation_id=origin.correlation_id,
            pattern_id=stable_id("pattern", origin.entity_id, self.kind.value, *said.key),
            pattern_type=self.kind,
            description=said.description,
            confidence=(verdict or known).confidence,
            frequency=said.frequency,
            last_occurrence=said.last_occurrence,
            next_occurrence=said.next_occurrence if active else None,
            occurrences=said.occurrences,
            metadata=said.metadata,
            active=active,
        )


def every(period_ms: float) -> str:
    """A period in words: in minutes below an hour, in hours below a day, else in days.

    >>> every(3_600_000), every(90_000)
    ('every 1 hours', 'every 1.5 minutes')
    """
    if period_ms < _HOUR_MS:
        return f"every {period_ms / _MINUTE_MS:.3g} minutes"
    if period_ms < DAY_MS:
        return f"every {period_ms / _HOUR_MS:.3g} hours"
    return f"every {round(period_ms / DAY_MS, 1):g} days"
