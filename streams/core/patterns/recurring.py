"""Recurring tasks: events of one type at regular intervals, and when the next one is due."""

from __future__ import annotations

import math

from streams.core.patterns.detector import Detector, PatternMatch, Portrait, every
from streams.core.patterns.state import PatternState, Rhythm
from streams.records import PatternType

WINDOW = 16
"""Gaps up to which mean and variance are exact; from there on older ones fade by 1/16 each, so
that a task whose rhythm changes is followed within about as many events."""
_LEAVE = 4 / 3
"""A task is one until its variation is this many times what was asked of it at first."""
_LEAST_CONFIDENCE = 0.5
_MOVED = 0.1
"""Relative change of the period that is worth a new record."""


class RecurringTasks(Detector[Rhythm]):
    """Confidence is 1 - cv, at least 0.5; cv = standard deviation of the gaps over their mean."""

    kind = PatternType.RECURRING_TASK

    def learn(self, rhythm: Rhythm, timestamp: int) -> None:
        """An event. Only steps forward in time are gaps; late events are merely counted."""
        rhythm.count += 1
        if timestamp <= rhythm.last:
            return
        if rhythm.last:
            self._learn_gap(rhythm, float(timestamp - rhythm.last))
        rhythm.last = timestamp

    def judge(self, state: PatternState, trait: Rhythm) -> PatternMatch | None:
        if trait.gaps + 1 < self.config.min_occurrences:
            return None
        limit = self.config.max_variation * (_LEAVE if trait.is_active else 1.0)
        variation = self._variation(trait)
        if variation >= limit:
            return None
        return PatternMatch(max(_LEAST_CONFIDENCE, 1 - variation), round(trait.mean))

    def expiry(self, trait: Rhythm) -> int:
        period = trait.mean if trait.gaps else trait.known.mark if trait.known else 0.0
        return trait.last + math.ceil(period * self.config.retire_after)

    def has_moved(self, published: int, mark: int) -> bool:
        return abs(mark - published) > _MOVED * published

    def portray(self, name: str, trait: Rhythm, verdict: PatternMatch) -> Portrait:
        rhythm = every(verdict.mark)
        return Portrait(
            key=(name,),
            description=f"{name} recurs {rhythm}",
            frequency=rhythm,
            last_occurrence=trait.last,
            next_occurrence=trait.last + verdict.mark,
            occurrences=trait.count,
            metadata={"event_type": name, "period_ms": str(verdict.mark)},
        )

    def _learn_gap(self, rhythm: Rhythm, gap: float) -> None:
        if gap >= self.config.retire_after * rhythm.mean and self._has_lasted(rhythm):
            # A pause is no part of a rhythm that has lasted, but it has to be shown again. Where
            # there was only a burst, the pause counts as a gap: bursts are not regular.
            rhythm.gaps, rhythm.mean, rhythm.variance = 0, 0.0, 0.0
            return
        rhythm.gaps += 1
        share = 1 / min(rhythm.gaps, WINDOW)
        away = gap - rhythm.mean
        rhythm.mean += share * away
        rhythm.variance = (1 - share) * (rhythm.variance + share * away * away)

    def _has_lasted(self, rhythm: Rhythm) -> bool:
        limit = self.config.max_variation * _LEAVE
        return rhythm.gaps >= WINDOW and self._variation(rhythm) < limit

    def _variation(self, rhythm: Rhythm) -> float:
        size = min(rhythm.gaps, WINDOW)
        return math.sqrt(rhythm.variance * size / (size - 1)) / rhythm.mean
