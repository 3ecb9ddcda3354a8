"""What an entity's state can be taken elsewhere: its goals, its patterns, its metrics' names.

Forecasters are not part of it: they learn anew from the values that follow.
"""

from __future__ import annotations

import msgspec

from streams.core.kernel.entity import EntityState
from streams.core.patterns.state import PatternState
from streams.errors import InvalidRecord
from streams.records import Goal

IMPORT = "entity.import"
"""The command; its argument ``knowledge`` is the JSON of a ``Knowledge``."""


class Knowledge(msgspec.Struct, kw_only=True, forbid_unknown_fields=True):
    """All that moves."""

    goals: list[Goal] = []
    patterns: PatternState = msgspec.field(default_factory=PatternState)
    metrics: list[str] = []


def knowledge_of(state: EntityState) -> Knowledge:
    """What of the state can be imported elsewhere; shares its parts."""
    return Knowledge(
        goals=list(state.goals.values()), patterns=state.patterns, metrics=state.metrics
    )


def decode_knowledge(text: str, entity_id: str) -> Knowledge:
    """Raises InvalidRecord when it is not what an export wrote for this entity."""
    try:
        knowledge = msgspec.json.decode(text, type=Knowledge)
    except msgspec.MsgspecError as error:
        raise InvalidRecord(
            f"not an export: {error}",
            field="arguments.knowledge",
            value=text[:80],
            remedy="send the lines that goalstream export writes, unchanged",
        ) from error
    foreign = next((goal for goal in knowledge.goals if goal.entity_id != entity_id), None)
    if foreign is not None:
        raise InvalidRecord(
            "a goal of another entity",
            field="arguments.knowledge.goals.entity_id",
            value=foreign.entity_id,
            remedy=f"import it for {foreign.entity_id!r}",
        )
    return knowledge


def is_empty(state: EntityState) -> bool:
    """Whether nothing would be lost by an import."""
    return not state.goals and not state.patterns.events
