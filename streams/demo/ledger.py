"""What was seen on the topics: counts, and the latest of everything worth showing."""

from __future__ import annotations

from collections import Counter, deque
from collections.abc import Iterable

from streams.core.batch import MetricBatch
from streams.core.incidents import SOURCE
from streams.demo.intervals import IntervalCheck
from streams.records import (
    Action,
    DeadLetter,
    Event,
    Forecast,
    Goal,
    Outcome,
    Record,
    Suggestion,
)

LATEST_KEPT = 8


class Ledger:
    """Filled from outside, by whoever reads the topics; knows nothing of producers and worker."""

    def __init__(self) -> None:
        self.counts: Counter[str] = Counter()
        """Usable records by logical topic; of goals, what the engine wrote, of events, what not."""
        self.intervals = IntervalCheck()
        self.goals: dict[str, Goal] = {}
        """Latest revision by id, in order of creation."""
        self.suggestions: dict[str, Suggestion] = {}
        """Latest by entity."""
        self.forecasts: dict[tuple[str, str], Forecast] = {}
        """Latest by entity and metric."""
        self.actions: set[str] = set()
        """Ids asked for."""
        self.outcomes: dict[str, Outcome] = {}
        """By action id."""
        self.noticed: Counter[str] = Counter()
        """The engine's own events, by type."""
        self.dead: Counter[str] = Counter()
        """Dead letters by reason."""
        self.latest: deque[Record] = deque(maxlen=LATEST_KEPT)
        """What a reader would like to hear of, oldest first."""

    def take_metrics(self, batch: MetricBatch) -> None:
        self.counts["metrics"] += len(batch)
        self.intervals.measured(batch)

    def take(self, records: Iterable[tuple[str, Record]]) -> None:
        """Note records with their logical topics, in the order of their topics' partitions."""
        for topic, record in records:
            if isinstance(record, Goal) and record.revision == 0:
                continue
            if isinstance(record, Event) and record.source == SOURCE:
                self.noticed[record.event_type] += 1
                continue
            self.counts[topic] += 1
            self._note(record)

    def open_goals(self, entity_id: str) -> list[Goal]:
        return [
            goal
            for goal in self.goals.values()
            if goal.entity_id == entity_id and goal.status.is_open
        ]

    @property
    def unanswered(self) -> int:
        """Actions without an outcome."""
        return len(self.actions - self.outcomes.keys())

    def _note(self, record: Record) -> None:
        match record:
            case Goal():
                self._note_goal(record)
            case Suggestion():
                self.suggestions[record.entity_id] = record
            case Forecast():
                self.forecasts[record.entity_id, record.metric] = record
                self.intervals.forecast(record)
            case Action():
                self.actions.add(record.action_id)
            case Outcome():
                self.outcomes[record.action_id] = record
                self.latest.append(record)
            case DeadLetter():
                self.dead[record.reason] += 1
                self.latest.append(record)
            case Event():
                pass
            case _:
                raise TypeError(f"no place for a {type(record).__name__}")

    def _note_goal(self, goal: Goal) -> None:
        known = self.goals.get(goal.goal_id)
        if known is not None and known.revision >= goal.revision:
            return
        self.goals[goal.goal_id] = goal
        if known is None or known.status.is_open != goal.status.is_open:
            self.latest.append(goal)
