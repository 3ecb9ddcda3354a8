"""The core fed with what was recorded, and its decisions beside those recorded.

There is no broker and no store, and nothing is published.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field

import msgspec

from streams.core.config import CoreConfig
from streams.core.kernel.batch import MetricBatch
from streams.core.kernel.store import NothingStored
from streams.core.partition import Partition
from streams.core.replay.order import Order, latest, marks
from streams.core.replay.tape import Recorded
from streams.records import Decision

BATCH_ROWS = 2_000
"""Rows applied at once; results do not depend on it."""


def replay(recorded: Recorded, config: CoreConfig) -> Iterator[Decision]:
    """Decisions of the core over the recorded records of one partition, in order.

    Actions and outcomes are those recorded, also where ``config`` leads to other decisions: what
    the world did is known only for what was done.
    """
    partition = Partition(recorded.partition, config, NothingStored())
    order = Order(recorded.tapes, marks(latest(recorded.decisions), recorded.partition))
    for run in order.runs():
        for start in range(run.start, run.end, BATCH_ROWS):
            rows = recorded.tapes[run.source].part(start, min(run.end, start + BATCH_ROWS))
            if isinstance(rows, MetricBatch):
                applied = partition.apply_metrics(rows)
            else:
                applied = partition.apply(run.source, rows)
            for emission in applied.emissions:
                if isinstance(emission.record, Decision):
                    yield emission.record


@dataclass(frozen=True, slots=True)
class DecisionDiff:
    """One decision, made at the same record, that came out otherwise."""

    recorded: Decision
    replayed: Decision
    fields: tuple[str, ...]
    """Names of the fields that differ, in the order of the record."""


@dataclass(slots=True)
class Comparison:
    """Lists are in the order in which the decisions were made."""

    same: int = 0
    changed: list[DecisionDiff] = field(default_factory=list[DecisionDiff])
    missing: list[Decision] = field(default_factory=list[Decision])
    """Recorded, and not made in the replay."""
    extra: list[Decision] = field(default_factory=list[Decision])
    """Made in the replay only."""
    recorded: Counter[str] = field(default_factory=Counter[str])
    """Recorded decisions by kind."""

    @property
    def is_same(self) -> bool:
        """Whether nothing differs."""
        return not (self.changed or self.missing or self.extra)

    def add(self, other: Comparison) -> None:
        """Take in what was found in another partition."""
        self.same += other.same
        self.changed += other.changed
        self.missing += other.missing
        self.extra += other.extra
        self.recorded.update(other.recorded)


@dataclass(frozen=True, slots=True)
class Window:
    """Decisions to compare by their event time, ms: ``since`` inclusive, ``until`` exclusive."""

    since: int | None = None
    until: int | None = None

    def holds(self, decision: Decision) -> bool:
        at = decision.timestamp
        after = self.since is None or at >= self.since
        return after and (self.until is None or at < self.until)


def compare(
    recorded: Iterable[Decision], replayed: Iterable[Decision], window: Window | None = None
) -> Comparison:
    """Compare the decisions in ``window``. An id that was written twice counts as last written."""
    window = window or Window()
    made = {decision.decision_id: decision for decision in replayed}
    known = {decision.decision_id: decision for decision in latest(recorded)}
    found = Comparison(
        extra=[each for id_, each in made.items() if id_ not in known and window.holds(each)]
    )
    for id_, before in known.items():
        if not window.holds(before):
            continue
        found.recorded[before.kind] += 1
        after = made.get(id_)
        if after is None:
            found.missing.append(before)
        elif encoded(before) == encoded(after):
            found.same += 1
        else:
            found.changed.append(DecisionDiff(before, after, _differing(before, after)))
    return found


def encoded(decision: Decision) -> bytes:
    """The decision as bytes that are the same for the same content."""
    return msgspec.json.encode(decision, order="deterministic")


def _differing(before: Decision, after: Decision) -> tuple[str, ...]:
    names = Decision.__struct_fields__
    return tuple(
        name
        for name in names
        if msgspec.json.encode(getattr(before, name), order="deterministic")
        != msgspec.json.encode(getattr(after, name), order="deterministic")
    )
