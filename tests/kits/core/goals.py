"""Records to test the rules of goals with."""

from __future__ import annotations

from typing import Any

import msgspec
from hypothesis import strategies as st

from streams.core.goals.admission import admit
from streams.core.goals.config import GoalConfig
from streams.core.goals.state import GoalEntry, Goals
from streams.records import Action, Goal

ENTITY = "checkout"
NOW = 1_700_000_000_000
MINUTE = 60_000
HOUR = 60 * MINUTE
CONFIG = GoalConfig()

numbers = st.floats(-1e9, 1e9, allow_subnormal=False)


def goal(**fields: Any) -> Goal:
    """A request by a user: bring queue_length to 10."""
    base = {
        "entity_id": ENTITY,
        "timestamp": NOW,
        "goal_id": "g-1",
        "target_metric": "queue_length",
        "target_value": 10.0,
    }
    return Goal(**(base | fields))


def admitted(current: float | None = None, now: int = NOW, **fields: Any) -> Goal:
    """The first revision of such a request for an entity without goals."""
    result = admit(goal(**fields), state(), current, now, CONFIG)
    assert isinstance(result, Goal)
    return result


def action(**fields: Any) -> Action:
    base = {"entity_id": ENTITY, "timestamp": NOW, "action_id": "a-1", "action_type": "scale"}
    return Action(**(base | fields))


def state(*goals: Goal) -> Goals:
    """An entity that holds ``goals``."""
    return Goals(entries={each.goal_id: GoalEntry(each) for each in goals})


def changed(record: Goal, **fields: Any) -> Goal:
    return msgspec.structs.replace(record, **fields)


def keep(goals: Goals, *records: Goal) -> None:
    """Have ``goals`` hold these revisions."""
    for record in records:
        goals.entries.setdefault(record.goal_id, GoalEntry(record)).goal = record
