"""Events to learn patterns from, and a learner that is fed one by one."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

import msgspec

from streams.core.patterns.detector import Origin
from streams.core.patterns.learner import PatternLearner
from streams.core.patterns.state import PatternState
from streams.records import Event, Pattern, PatternType

ENTITY = "checkout"
MINUTE = 60_000
HOUR = 60 * MINUTE
DAY = 24 * HOUR
MONDAY = 19_723 * DAY
"""2024-01-01, midnight UTC."""


def event(timestamp: int, event_type: str = "tick", **metadata: str) -> Event:
    return Event(
        entity_id=ENTITY,
        entity_type="service",
        timestamp=timestamp,
        event_id=f"{event_type}-{timestamp}",
        event_type=event_type,
        metadata=metadata,
    )


def every(period: int, count: int, event_type: str = "tick", start: int = MONDAY) -> list[Event]:
    return [event(start + n * period, event_type) for n in range(count)]


def workflow(start: int, *steps: str, gap: int = MINUTE, **metadata: str) -> Iterator[Event]:
    """One round of ``steps``, ``gap`` apart."""
    for n, step in enumerate(steps):
        yield event(start + n * gap, step, **metadata)


def spread(day: int, count: int, event_type: str = "tick") -> Iterator[Event]:
    """``count`` events evenly over the day that begins at ``day``."""
    for n in range(count):
        yield event(day + n * DAY // count, event_type)


def feed(
    events: Iterable[Event],
    learner: PatternLearner | None = None,
    state: PatternState | None = None,
) -> tuple[PatternState, list[Pattern]]:
    """The state after ``events`` and all records that were emitted on the way."""
    learner, state = learner or PatternLearner(), state or PatternState()
    return state, [found for each in events for found in learner.on_event(state, each)]


def at(timestamp: int, correlation_id: str = "") -> Origin:
    return Origin(ENTITY, "service", timestamp, correlation_id)


def of_type(records: Iterable[Pattern], kind: PatternType) -> list[Pattern]:
    return [record for record in records if record.pattern_type is kind]


def dump(state: PatternState) -> bytes:
    return msgspec.msgpack.encode(state)


def load(data: bytes) -> PatternState:
    return msgspec.msgpack.decode(data, type=PatternState)
