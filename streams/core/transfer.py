"""What an entity's state can be taken elsewhere: its goals, its patterns, its metrics' names.

Forecasters are not part of it: they learn anew from the values that follow.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import msgspec

from streams.core.analysis.state import Analyses
from streams.core.goals.book import GoalBook
from streams.core.goals.state import Goals
from streams.core.kernel.commands import Arguments, CommandSpec
from streams.core.kernel.entity import Entity
from streams.core.kernel.feature import Feature, View
from streams.core.kernel.turn import Turn
from streams.core.patterns.feature import Patterns
from streams.core.patterns.state import PatternState
from streams.errors import InvalidRecord
from streams.records import Command, Goal, Role
from streams.records.limits import ARGUMENT_BYTES, require_limits

IMPORT = "entity.import"
"""The command; its argument ``knowledge`` is the JSON of a ``Knowledge``."""


class Knowledge(msgspec.Struct, kw_only=True, forbid_unknown_fields=True):
    """All that moves."""

    goals: list[Goal] = []
    patterns: PatternState = msgspec.field(default_factory=PatternState)
    metrics: list[str] = []


class ImportArguments(Arguments, frozen=True):
    """What is imported."""

    knowledge: str = ""
    """A line that an export wrote, JSON."""


class Transfer(Feature):
    """Takes the knowledge of an entity out of one system and into another."""

    name = "transfer"

    def __init__(self, book: GoalBook, patterns: Patterns) -> None:
        self._book = book
        self._patterns = patterns

    def commands(self) -> Sequence[CommandSpec[Any]]:
        return (
            CommandSpec(
                IMPORT,
                "take over goals and patterns of another system",
                ImportArguments,
                self._import,
                role=Role.ADMIN,
                refusal="invalid_import",
                longest=ARGUMENT_BYTES,
            ),
        )

    def views(self) -> Sequence[View]:
        return (
            View(
                "knowledge",
                "what goalstream export takes along",
                "entity",
                lambda entity: {"": knowledge_of(entity)},
            ),
        )

    def _import(self, turn: Turn, command: Command, arguments: ImportArguments) -> None:
        if turn.read(Goals).entries or turn.read(PatternState).events:
            turn.reject("not_empty", f"{command.entity_id!r} has goals or patterns of its own")
            return
        knowledge = decode_knowledge(arguments.knowledge, command.entity_id)
        turn.entity.put(knowledge.patterns)
        turn.edit(Analyses).metrics = knowledge.metrics
        self._book.restore(turn, knowledge.goals)
        self._patterns.tell_all(turn)


def knowledge_of(entity: Entity) -> Knowledge:
    """What of an entity can be imported elsewhere; shares its parts."""
    return Knowledge(
        goals=entity.read(Goals).all(),
        patterns=entity.read(PatternState),
        metrics=entity.read(Analyses).metrics,
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
    for goal in knowledge.goals:
        require_limits(goal, "arguments.knowledge.goals.")
    return knowledge
