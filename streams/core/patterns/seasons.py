"""Weekdays: is there a busiest and a quietest one, beyond what differs from day to day anyway?

Days are compared, not events: a one-way analysis of variance over the events per day. Within a
weekday, days may scatter as they do; they are taken to scatter no less than independent events
would. Weekdays that have not been seen yet are left out, days without an event count as zero.
"""

from __future__ import annotations

from streams.core.kernel.checks import DAY_MS
from streams.core.patterns.detector import Detector, PatternMatch, Portrait
from streams.core.patterns.evidence import certainty, f_tail
from streams.core.patterns.state import WEEKDAYS, PatternState, Week
from streams.records import PatternType

_NAMES = ("Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday")
_EPOCH_WEEKDAY = 3
"""1970-01-01 was a Thursday."""
_MIN_DAYS = 8.0
_FORTNIGHT = 14.0
"""From there on ever more is asked of a new pattern, for chance is given a try each day."""
_MEMORY = 182.0
"""Days after which old ones are given half their weight."""
_LONG_SILENCE = 28
"""Days without an event after which counting starts over."""
_LEAVE = 4.0
"""A pattern stays until its p-value is this many times what was asked of it at first."""


class WeeklySeason(Detector[Week]):
    """Confidence is the certainty that weekdays differ."""

    kind = PatternType.SEASONAL_TREND

    def learn(self, week: Week, timestamp: int, day: int) -> bool:
        """An event; whether it closed a day, so that it is time to judge. Events of a day that is
        closed come too late to count."""
        closed = bool(week.last) and day > week.day
        if not week.last or day - week.day > _LONG_SILENCE:
            self._start_over(week, day)
        elif closed:
            _close(week, day)
        if day == week.day:
            week.today += 1
        week.last = max(week.last, timestamp)
        return closed

    def judge(self, state: PatternState, trait: Week) -> PatternMatch | None:
        days = sum(trait.days)
        if state.events < self.config.min_season_events or days < _MIN_DAYS:
            return None
        limit = self.config.significance * (
            _LEAVE if trait.is_active else min(1, _FORTNIGHT / days)
        )
        p_value = _p_value(trait)
        if p_value > limit:
            return None
        rates = _rates(trait)
        busiest = max(rates, key=lambda weekday: rates[weekday])
        quietest = min(rates, key=lambda weekday: rates[weekday])
        return PatternMatch(certainty(p_value), busiest * WEEKDAYS + quietest)

    def expiry(self, trait: Week) -> int:
        return trait.last + WEEKDAYS * DAY_MS * self.config.retire_after

    def portray(self, name: str, trait: Week, verdict: PatternMatch) -> Portrait:
        busiest, quietest = divmod(verdict.mark, WEEKDAYS)
        rates = _rates(trait)
        return Portrait(
            key=(),
            description=f"busiest on {_NAMES[busiest]}, quietest on {_NAMES[quietest]}",
            frequency="weekly",
            last_occurrence=trait.last,
            occurrences=round(trait.days[busiest]),
            metadata={
                "busiest_day": _NAMES[busiest],
                "quietest_day": _NAMES[quietest],
                **{f"per_{_NAMES[day].lower()}": f"{rate:.4g}" for day, rate in rates.items()},
            },
        )

    def _start_over(self, week: Week, day: int) -> None:
        fresh = Week(day=day)
        week.day, week.today = day, 0
        week.days, week.sums, week.squares = fresh.days, fresh.sums, fresh.squares


def _close(week: Week, day: int) -> None:
    """Close the open day and the silent ones up to ``day``, which opens."""
    for closing in range(week.day, day):
        weekday = (closing + _EPOCH_WEEKDAY) % WEEKDAYS
        week.days[weekday] += 1
        week.sums[weekday] += week.today
        week.squares[weekday] += week.today**2
        week.today = 0
    week.day = day
    if sum(week.days) >= _MEMORY:
        week.days = [value / 2 for value in week.days]
        week.sums = [value / 2 for value in week.sums]
        week.squares = [value / 2 for value in week.squares]


def _rates(week: Week) -> dict[int, float]:
    """Events per day, of each weekday that has been seen."""
    return {
        weekday: week.sums[weekday] / days for weekday, days in enumerate(week.days) if days > 0
    }


def _p_value(week: Week) -> float:
    """Chance of weekdays as different as these when in truth all are alike."""
    rates = _rates(week)
    days, events = sum(week.days), sum(week.sums)
    mean = events / days
    within, between = days - len(rates), len(rates) - 1
    if within <= 0 or between <= 0 or mean <= 0:
        return 1.0
    explained = sum(week.days[weekday] * (rate - mean) ** 2 for weekday, rate in rates.items())
    scatter = sum(
        week.squares[weekday] - week.days[weekday] * rate**2 for weekday, rate in rates.items()
    )
    return f_tail(explained / between / max(scatter / within, mean), between, within)
