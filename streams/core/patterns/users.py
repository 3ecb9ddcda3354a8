"""Habits of users: the hours in which one is usually active, and what he or she does then.

The usual hours are the shortest run of hours, around the clock, that holds four fifths of the
user's active hours (an hour counts once per day, so that one long night does not make a habit).
They are a habit when there are at most eight of them. The confidence is earned: it is the share
of later active hours that fell inside, counted before they were learned.
"""

from __future__ import annotations

from streams.core.patterns.detector import Detector, PatternMatch, Portrait
from streams.core.patterns.state import HOURS, Habits, PatternState
from streams.records import PatternType

_SHARE = 0.8
_WIDEST = 8
_MIN_DAYS = 5
_MIN_TRIES = 5
_ENTER, _LEAVE = 0.6, 0.5
"""Confidence at which a habit becomes, and ceases to be, one."""
_MEMORY = 56
"""Days after which old ones are given half their weight."""
_TYPES = 4
_EVENT_MEMORY = 1_024
"""Events after which old ones are given half their weight."""
_TYPICAL = 0.2
"""Least share of the user's events of a type that is named."""
_MOVED = 3
"""Hours by which start and end together must move for a new record."""


class UserHabits(Detector[Habits]):
    """Confidence is (fits + 1) / (tries + 2), Laplace's rule."""

    kind = PatternType.USER_BEHAVIOR

    def learn(self, habits: Habits, timestamp: int, day: int, hour: int, event_type: str) -> bool:
        """An event; whether it is time to judge. Late days count for their types only."""
        habits.count += 1
        _count_type(habits, event_type)
        habits.last = max(habits.last, timestamp)
        if day > habits.day:
            self._begin_day(habits, day)
        bit = 1 << hour
        if day < habits.day or habits.today & bit:
            return False
        habits.today |= bit
        if habits.width:
            habits.tries += 1
            habits.fits += (hour - habits.start) % HOURS < habits.width
        habits.hours[hour] += 1
        return True

    def judge(self, state: PatternState, trait: Habits) -> PatternMatch | None:
        if trait.tries < _MIN_TRIES or not 0 < trait.width <= _WIDEST:
            return None
        confidence = (trait.fits + 1) / (trait.tries + 2)
        if confidence < (_LEAVE if trait.is_active else _ENTER):
            return None
        return PatternMatch(confidence, trait.start * HOURS + trait.width)

    def has_moved(self, published: int, mark: int) -> bool:
        start, width = divmod(mark, HOURS)
        old_start, old_width = divmod(published, HOURS)
        shift = (start - old_start + HOURS // 2) % HOURS - HOURS // 2
        return abs(shift) + abs(shift + width - old_width) >= _MOVED

    def portray(self, name: str, trait: Habits, verdict: PatternMatch) -> Portrait:
        start, width = divmod(verdict.mark, HOURS)
        hours = f"{start:02}:00-{(start + width) % HOURS:02}:00"
        common = sorted(trait.types.items(), key=lambda item: (-item[1], item[0]))
        types = [type_ for type_, count in common if count >= _TYPICAL * trait.weight]
        doing = f", mostly {', '.join(types)}" if types else ""
        return Portrait(
            key=(name,),
            description=f"user {name} is active {hours}{doing}",
            frequency="daily",
            last_occurrence=trait.last,
            occurrences=trait.count,
            metadata={"user": name, "typical_hours": hours, "typical_types": ", ".join(types)},
        )

    def _begin_day(self, habits: Habits, day: int) -> None:
        habits.day, habits.today = day, 0
        if habits.days >= _MIN_DAYS:
            habits.start, habits.width = usual_hours(habits.hours)
        if habits.days >= _MEMORY:
            habits.days //= 2
            habits.tries //= 2
            habits.fits //= 2
            habits.hours = [count // 2 for count in habits.hours]
        habits.days += 1


def usual_hours(hours: list[int]) -> tuple[int, int]:
    """First hour and number of the shortest run, around the clock, with four fifths of 24 counts.

    Among equally short ones the fullest, then the earliest. The whole day when eight hours do
    not suffice.
    """
    wanted = _SHARE * sum(hours)
    for width in range(1, _WIDEST + 1):
        held = sum(hours[:width])
        best, start = held, 0
        for first in range(1, HOURS):
            held += hours[(first + width - 1) % HOURS] - hours[first - 1]
            if held > best:
                best, start = held, first
        if best >= wanted:
            return start, width
    return 0, HOURS


def _count_type(habits: Habits, event_type: str) -> None:
    """Frequent items in bounded memory (Misra and Gries, 1982): counts are lower bounds."""
    types = habits.types
    if habits.weight >= _EVENT_MEMORY:
        habits.weight //= 2
        habits.types = types = {name: count // 2 for name, count in types.items() if count > 1}
    habits.weight += 1
    if event_type in types or len(types) < _TYPES:
        types[event_type] = types.get(event_type, 0) + 1
    else:
        habits.types = {name: count - 1 for name, count in types.items() if count > 1}
