"""Patterns of one entity: every event is learned at once, and only news is reported.

>>> learner = PatternLearner()
>>> hourly = [
...     Event(entity_id="shop", event_id=str(n), event_type="backup", timestamp=n * 3_600_000)
...     for n in range(100, 110)
... ]
>>> [(found.description, found.confidence) for found in learner.analyse(hourly).patterns]
[('backup recurs every 1 hours', 1.0)]
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from datetime import UTC, tzinfo
from typing import Any, NamedTuple, TypeVar

from numpy.typing import ArrayLike

from streams.core.patterns.anomalies import Anomalies
from streams.core.patterns.config import PatternConfig
from streams.core.patterns.correlation import Correlations, correlate
from streams.core.patterns.detector import Detector, Origin
from streams.core.patterns.events import day_and_hour, follow, is_usable, short, track_of, user_of
from streams.core.patterns.recurring import RecurringTasks
from streams.core.patterns.seasons import WeeklySeason
from streams.core.patterns.sequences import Workflows
from streams.core.patterns.spikes import DailySpikes
from streams.core.patterns.state import (
    NEVER,
    Day,
    Habits,
    Incidents,
    Pair,
    PatternState,
    Rhythm,
    Trait,
    TypeTraits,
)
from streams.core.patterns.users import UserHabits
from streams.records import Event, Pattern

Case = tuple[Detector[Any], str, Trait]
"""A detector, the name of what it is to judge, and that."""


class Analysis(NamedTuple):
    """What a list of events shows."""

    patterns: tuple[Pattern, ...]
    warnings: tuple[str, ...]


class PatternLearner:
    """Learns into a ``PatternState`` that it is handed; holds nothing of its own.

    Methods return the records that are new, notably changed or retired. The result depends on
    the order of the events alone. Times are those of the events; one that comes late is counted,
    but no gap, step or day is derived from it.
    """

    def __init__(self, config: PatternConfig | None = None, zone: tzinfo = UTC) -> None:
        """Hours of the day and weekdays are those of ``zone``."""
        self.config = config or PatternConfig()
        self._zone = zone
        self._tasks = RecurringTasks(self.config)
        self._spikes = DailySpikes(self.config)
        self._season = WeeklySeason(self.config)
        self._workflows = Workflows(self.config)
        self._habits = UserHabits(self.config)
        self._correlations = Correlations(self.config)
        self._anomalies = Anomalies(self.config)

    def on_event(
        self, state: PatternState, event: Event, correlation_id: str = ""
    ) -> list[Pattern]:
        """Learn an event. One outside of 1970-01-02 to 9999 is left out."""
        timestamp = event.timestamp
        if not is_usable(timestamp):
            return []
        origin = Origin(
            event.entity_id, event.entity_type, timestamp, correlation_id or event.correlation_id
        )
        news = self.sweep(state, origin)
        day, hour = day_and_hour(timestamp, self._zone)
        follow(state, timestamp, day)
        state.events += 1
        due = self._learn(state, event, day, hour)
        if state.events == self.config.min_events:
            due = list(self._cases(state))
        news += self._review(state, due, origin)
        news += self._trim(state, origin)
        return news

    def on_anomaly(
        self,
        state: PatternState,
        metric: str,
        value: float,
        expected: float,
        score: float,
        origin: Origin,
    ) -> list[Pattern]:
        """Learn that an anomaly of a metric began; ``score`` in deviations."""
        name = short(metric)
        incidents = state.incidents.pop(name, None) or Incidents()
        state.incidents[name] = incidents
        self._anomalies.learn(incidents, value, expected, score, origin.timestamp)
        news = self._settle(state, [(self._anomalies, name, incidents)], origin)
        return news + self._trim(state, origin)

    def on_correlation(
        self,
        state: PatternState,
        metrics: tuple[str, str],
        values: tuple[ArrayLike, ArrayLike],
        origin: Origin,
    ) -> list[Pattern]:
        """Compare two metrics by their recent values (same length, same times, oldest first).

        What was found once stays until it was not found ``retire_after`` times in a row. Raises
        ConfigError when the lengths differ.
        """
        (first, one), (second, other) = sorted(
            zip(map(short, metrics), values, strict=True), key=lambda item: item[0]
        )
        found = correlate(one, other)
        known = (each for each in state.pairs if (each.first, each.second) == (first, second))
        pair = next(known, None)
        if pair is None:
            if found is None:
                return []
            pair = Pair(first=first, second=second)
        else:
            state.pairs.remove(pair)
        state.pairs.append(pair)
        self._correlations.learn(pair, found, origin.timestamp)
        news = self._settle(state, [(self._correlations, "", pair)], origin)
        return news + self._trim(state, origin)

    def is_due(self, state: PatternState, now: int) -> bool:
        """Whether ``sweep`` would change ``state``, with or without news."""
        return now >= state.next_expiry or self._workflows.is_due(state, now)

    def sweep(self, state: PatternState, origin: Origin) -> list[Pattern]:
        """What has changed by ``origin.timestamp`` because nothing happened: sequences that are
        over, patterns whose next occurrences did not come. Cheap when there is nothing to do."""
        news: list[Pattern] = []
        if self._workflows.close(state, origin.timestamp):
            news += self._review(state, self._sequences(state), origin)
            news += self._trim(state, origin)
        if origin.timestamp >= state.next_expiry:
            news += self._retire(state, origin)
        return news

    def patterns(self, state: PatternState, origin: Origin) -> list[Pattern]:
        """All that have been found and not been forgotten, as they are at ``origin.timestamp``."""
        records = (case[0].record(state, case[1], case[2], origin) for case in self._cases(state))
        return [record for record in records if record is not None]

    def usable(self, pattern: Pattern) -> bool:
        """Whether a pattern is sure enough, and alive, to be a reason for goals."""
        return pattern.active and pattern.confidence >= self.config.min_confidence

    def analyse(self, events: Iterable[Event], now: int | None = None) -> Analysis:
        """What ``events`` of one entity show, at ``now`` or else at the last of them.

        They are learned in order of time. A sequence under way at the end counts as whole.
        """
        state, newest = PatternState(), None
        for newest in sorted(events, key=lambda event: event.timestamp):
            self.on_event(state, newest)
        if newest is None or state.events < self.config.min_events:
            text = f"{state.events} events are too few; {self.config.min_events} are needed"
            return Analysis((), (text,))
        last = newest.timestamp if now is None else now
        origin = Origin(newest.entity_id, newest.entity_type, last, newest.correlation_id)
        self._workflows.close(state, NEVER)
        self._settle(state, list(self._cases(state)), origin)
        return Analysis(tuple(self.patterns(state, origin)), ())

    # -- learning -----------------------------------------------------------------------------

    def _learn(self, state: PatternState, event: Event, day: int, hour: int) -> list[Case]:
        """Take the event in; what is to be judged now."""
        name, timestamp = short(event.event_type), event.timestamp
        traits = state.types.pop(name, None) or TypeTraits(Rhythm(), Day())
        state.types[name] = traits
        due: list[Case] = [(self._tasks, name, traits.rhythm)]
        self._tasks.learn(traits.rhythm, timestamp)
        if self._spikes.learn(traits.day, timestamp, day, hour):
            due.append((self._spikes, name, traits.day))
        if self._season.learn(state.week, timestamp, day):
            due.append((self._season, "", state.week))
        user = user_of(event, self.config)
        self._workflows.learn(state, track_of(event, user, self.config), name, timestamp)
        if user:
            habits = state.users.pop(user, None) or Habits()
            state.users[user] = habits
            if self._habits.learn(habits, timestamp, day, hour, name):
                due.append((self._habits, user, habits))
        return due

    # -- judging ------------------------------------------------------------------------------

    def _review(self, state: PatternState, cases: Iterable[Case], origin: Origin) -> list[Pattern]:
        """News from events, once there have been enough of them."""
        if state.events < self.config.min_events:
            return []
        return self._settle(state, cases, origin)

    def _settle(self, state: PatternState, cases: Iterable[Case], origin: Origin) -> list[Pattern]:
        return [
            record
            for detector, name, trait in cases
            if detector.settle(state, trait, origin.timestamp)
            and (record := detector.record(state, name, trait, origin)) is not None
        ]

    def _retire(self, state: PatternState, origin: Origin) -> list[Pattern]:
        """Retire what is overdue, and find out when to look again."""
        news: list[Pattern] = []
        state.next_expiry = NEVER
        for detector, name, trait in self._cases(state):
            if not trait.is_active:
                continue
            expiry = detector.expiry(trait)
            if origin.timestamp < expiry:
                state.next_expiry = min(state.next_expiry, expiry)
            else:
                news += self._end(state, (detector, name, trait), origin)
        return news

    def _end(self, state: PatternState, case: Case, origin: Origin) -> list[Pattern]:
        """Retire a pattern; its last record, if it was active."""
        detector, name, trait = case
        if trait.known is None or not trait.known.active:
            return []
        trait.known.active = False
        record = detector.record(state, name, trait, origin)
        return [] if record is None else [record]

    # -- bounds -------------------------------------------------------------------------------

    def _trim(self, state: PatternState, origin: Origin) -> list[Pattern]:
        """Forget what is beyond the limits; the last records of patterns that go with it."""
        config = self.config
        if (
            len(state.types) <= config.max_types
            and len(state.users) <= config.max_users
            and len(state.sequences) <= config.max_sequences
            and len(state.pairs) <= config.max_pairs
            and len(state.incidents) <= config.max_metrics
        ):
            return []
        cases: list[Case] = []
        if len(state.types) > config.max_types:
            name = _victim((key, (each.rhythm, each.day)) for key, each in state.types.items())
            traits = state.types.pop(name)
            cases += [(self._tasks, name, traits.rhythm), (self._spikes, name, traits.day)]
        if len(state.users) > config.max_users:
            name = _victim((key, (each,)) for key, each in state.users.items())
            cases.append((self._habits, name, state.users.pop(name)))
        if len(state.incidents) > config.max_metrics:
            name = _victim((key, (each,)) for key, each in state.incidents.items())
            cases.append((self._anomalies, name, state.incidents.pop(name)))
        while len(state.sequences) > config.max_sequences:
            index = _victim((key, (each,)) for key, each in enumerate(state.sequences))
            cases.append((self._workflows, "", state.sequences.pop(index)))
        if len(state.pairs) > config.max_pairs:
            index = _victim((key, (each,)) for key, each in enumerate(state.pairs))
            cases.append((self._correlations, "", state.pairs.pop(index)))
        return [record for case in cases for record in self._end(state, case, origin)]

    # -- cases --------------------------------------------------------------------------------

    def _cases(self, state: PatternState) -> Iterator[Case]:
        for name, traits in state.types.items():
            yield self._tasks, name, traits.rhythm
            yield self._spikes, name, traits.day
        yield self._season, "", state.week
        yield from self._sequences(state)
        for name, habits in state.users.items():
            yield self._habits, name, habits
        for pair in state.pairs:
            yield self._correlations, "", pair
        for name, incidents in state.incidents.items():
            yield self._anomalies, name, incidents

    def _sequences(self, state: PatternState) -> Iterator[Case]:
        for sequence in state.sequences:
            yield self._workflows, "", sequence


K = TypeVar("K", str, int)


def _victim(items: Iterable[tuple[K, tuple[Trait, ...]]]) -> K:
    """Key of the least recently seen without an active pattern; the newest is spared.

    When all have one, the least recently seen.
    """
    older = list(items)[:-1]
    idle = (key for key, traits in older if not any(trait.is_active for trait in traits))
    return next(idle, older[0][0])
