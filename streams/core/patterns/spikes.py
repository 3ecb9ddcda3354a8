"""Daily spikes: hours of the day in which events of one type pile up, day after day.

Each block of one or several whole days is judged by itself: an hour stands out when it has at
least twice the events of a typical hour, and more than a control chart for counts allows. A
pattern is an hour that stands out in at least half of the blocks and in more of them than chance
explains, so one wild day is no pattern, however many events it had.
"""

from __future__ import annotations

import math

from streams.core.kernel.checks import DAY_MS
from streams.core.patterns.detector import Detector, PatternMatch, Portrait
from streams.core.patterns.evidence import binomial_tail, certainty
from streams.core.patterns.state import HOURS, Day, PatternState
from streams.records import PatternType

_MIN_BLOCK = 10
"""Events below which a block goes on for another day."""
_MIN_BLOCKS = 3
_MEMORY = 28
"""Blocks after which old ones are given half their weight."""
_LEAVE = 4.0
"""A pattern stays until its p-value is this many times what was asked of it at first."""


class DailySpikes(Detector[Day]):
    """Confidence is the certainty of the weakest hour, of 24 that were looked at."""

    kind = PatternType.PERIODIC_SPIKE

    def learn(self, trait: Day, timestamp: int, day: int, hour: int) -> bool:
        """An event; whether it closed a block, so that it is time to judge. Late events count
        for their hour, in the open block."""
        closed = False
        trait.count += 1
        if not trait.counts:
            trait.counts, trait.day = [0] * HOURS, day
        elif day > trait.day:
            trait.day = day
            closed = sum(trait.counts) >= _MIN_BLOCK
            if closed:
                _close(trait)
        trait.counts[hour] += 1
        if trait.blocks and trait.hits[hour] * 2 >= trait.blocks:
            trait.last = max(trait.last, timestamp)
        return closed

    def judge(self, state: PatternState, trait: Day) -> PatternMatch | None:
        if trait.count < self.config.min_spike_events or trait.blocks < _MIN_BLOCKS:
            return None
        limit = self.config.significance * (_LEAVE if trait.is_active else 1.0)
        chance = sum(trait.hits) / (HOURS * trait.blocks)
        mark, weakest = 0, 0.0
        for hour, hits in enumerate(trait.hits):
            if hits * 2 < trait.blocks:
                continue
            p_value = min(1.0, HOURS * binomial_tail(hits, trait.blocks, chance))
            if p_value <= limit:
                mark |= 1 << hour
                weakest = max(weakest, p_value)
        return PatternMatch(certainty(weakest), mark) if mark else None

    def expiry(self, trait: Day) -> int:
        return trait.last + DAY_MS * self.config.retire_after

    def portray(self, name: str, trait: Day, verdict: PatternMatch) -> Portrait:
        hours = [hour for hour in range(HOURS) if verdict.mark >> hour & 1]
        clock = ", ".join(f"{hour:02}:00" for hour in hours)
        return Portrait(
            key=(name,),
            description=f"{name} spikes daily in the hour from {clock}",
            frequency="daily",
            last_occurrence=trait.last,
            occurrences=max((trait.hits[hour] for hour in hours), default=0),
            metadata={"event_type": name, "spike_hours": ",".join(map(str, hours))},
        )


def standing_out(counts: list[int]) -> list[bool]:
    """Which of 24 hours have far more events than a typical one.

    Typical is the median hour, and no less than half the mean when most hours are empty. Far more
    is twice that, and above its three-sigma limit (Shewhart's c-chart).
    """
    ranked = sorted(counts)
    typical = max((ranked[11] + ranked[12]) / 2, sum(counts) / (2 * HOURS))
    limit = max(2 * typical, typical + 3 * math.sqrt(typical))
    return [count > limit for count in counts]


def _close(trait: Day) -> None:
    hits = trait.hits or [0] * HOURS
    if trait.blocks >= _MEMORY:
        trait.blocks //= 2
        hits = [count // 2 for count in hits]
    trait.hits = [count + out for count, out in zip(hits, standing_out(trait.counts), strict=True)]
    trait.blocks += 1
    trait.counts = [0] * HOURS
