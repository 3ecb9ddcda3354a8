"""Goals as they are asked for, measured, and shown."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from msgspec import UNSET, UnsetType, structs

from streams.core.goals.book import GoalBook
from streams.core.goals.state import Goals
from streams.core.kernel.commands import Arguments, CommandSpec
from streams.core.kernel.entity import Entity
from streams.core.kernel.feature import Feature, Handler, View
from streams.core.kernel.names import GOAL_STATE
from streams.core.kernel.turn import Turn
from streams.records import (
    CauseKind,
    Command,
    Direction,
    Event,
    Goal,
    GoalOrigin,
    GoalType,
    Priority,
    Record,
)
from streams.records.limits import require_limits

REQUESTER = "requested_by"
"""Name in a goal's metadata of who asked for it."""


class GoalArguments(Arguments, frozen=True):
    """What a request decides of a goal; all else belongs to the engine."""

    target_metric: str
    target_value: float
    goal_type: GoalType | UnsetType = UNSET
    priority: Priority | UnsetType = UNSET
    description: str | UnsetType = UNSET
    unit: str | UnsetType = UNSET
    direction: Direction | UnsetType = UNSET
    hold_ms: int | UnsetType = UNSET
    deadline: int | UnsetType | None = UNSET
    actions: tuple[str, ...] | UnsetType = UNSET
    dependencies: tuple[str, ...] | UnsetType = UNSET
    group_id: str | UnsetType = UNSET
    parent_id: str | UnsetType = UNSET
    cause_id: str | UnsetType = UNSET
    dedupe_key: str | UnsetType = UNSET
    metadata: dict[str, str] | UnsetType = UNSET


class CancelArguments(Arguments, frozen=True):
    """Who does not want a goal any more, and why."""

    by: str = ""
    reason: str = ""


class GoalFeature(Feature):
    """Takes requests for goals from the topic, from events and from commands."""

    name = "goals"
    State = Goals

    def __init__(self, book: GoalBook) -> None:
        self._book = book

    def handlers(self) -> Mapping[type[Record], Handler]:
        return {Goal: self._request, Event: self._on_event}

    def commands(self) -> Sequence[CommandSpec[Any]]:
        return (
            CommandSpec(
                "goal.create",
                "ask for a goal, or change an open one",
                GoalArguments,
                self._create,
                target="goal id; empty for a new one",
                refusal="invalid_goal",
            ),
            CommandSpec(
                "goal.cancel",
                "close a goal that is not wanted any more",
                CancelArguments,
                self._cancel,
                target="goal id",
            ),
        )

    def views(self) -> Sequence[View]:
        return (
            View(
                "goals",
                "goals, open and lately closed",
                "entity/goal id",
                lambda entity: entity.read(Goals).by_id(),
            ),
            View(
                "goal_index",
                "open goal by what it is about",
                "entity/dedupe key",
                lambda entity: {g.dedupe_key: g.goal_id for g in entity.read(Goals).open()},
            ),
        )

    def on_value(self, turn: Turn, metric: str) -> None:
        self._book.measure(turn, metric)

    def on_time(self, turn: Turn) -> None:
        self._book.sweep(turn)

    def watches(self, entity: Entity, metric: str) -> bool:
        return bool(entity.read(Goals).open(metric))

    def metrics(self, entity: Entity) -> Iterable[str]:
        return [goal.target_metric for goal in entity.read(Goals).open()]

    def _on_event(self, turn: Turn, event: Event) -> None:
        if event.event_type == GOAL_STATE:
            self._book.replace_targets(turn, event)

    def _request(self, turn: Turn, goal: Goal) -> None:
        """A goal from outside is a user's, whatever it says of itself."""
        goal = structs.replace(
            goal, revision=0, origin=GoalOrigin.USER, cause_kind=CauseKind.REQUEST
        )
        self._book.request(turn, goal)

    def _create(self, turn: Turn, command: Command, arguments: GoalArguments) -> None:
        given = structs.asdict(arguments).items()
        said = {name: value for name, value in given if value is not UNSET}
        if command.issued_by:
            said["metadata"] = {**said.get("metadata", {}), REQUESTER: command.issued_by}
        goal = Goal(
            entity_id=command.entity_id,
            entity_type=command.entity_type,
            timestamp=command.timestamp,
            correlation_id=turn.correlation_id,
            goal_id=command.target,
            **said,
        )
        require_limits(goal)
        self._request(turn, goal)

    def _cancel(self, turn: Turn, command: Command, arguments: CancelArguments) -> None:
        if not self._book.cancel(turn, command.target, arguments.reason):
            turn.reject("unknown_goal", f"target is {command.target!r}; name an open goal")
