"""A feature of one's own: a table, a command, a view and a timer in one short file.

It counts the visits of each shop and raises an alert when none came for a while. In the settings:

    [features."examples.own_feature:Visits"]
    quiet_seconds = 600
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from streams.core.kernel import Arguments, CommandSpec, Feature, Handler, Slice, Turn, View
from streams.core.kernel.checks import Time
from streams.records import Alert, Command, Event, Record, Severity


class Visited(Slice):
    """What is kept of one shop: the table."""

    slice_name = "visits"

    count: int = 0
    last: int | None = None
    """Event time, ms; None once the alert was raised."""


class ResetArguments(Arguments, frozen=True):
    """Arguments of the command."""

    count: int = 0


@dataclass(frozen=True, slots=True)
class VisitsConfig:
    """The section in the settings."""

    quiet_ms: Time = 3_600_000
    """Time without a visit after which an alert is raised."""


class Visits(Feature):
    """Counts events of type ``visit``."""

    name = "visits"
    State = Visited
    settings = VisitsConfig

    def __init__(self, config: VisitsConfig = VisitsConfig()) -> None:
        self._quiet_ms = config.quiet_ms

    def handlers(self) -> Mapping[type[Record], Handler]:
        return {Event: self._visit}

    def commands(self) -> Sequence[CommandSpec[Any]]:
        return (CommandSpec("visits.reset", "count visits anew", ResetArguments, self._reset),)

    def views(self) -> Sequence[View]:
        return (View("visits", "visits of each shop", "entity", _row),)

    def due_at(self, turn: Turn) -> int | None:
        last = turn.read(Visited).last
        return None if last is None else last + self._quiet_ms

    def on_due(self, turn: Turn) -> None:
        visited = turn.edit(Visited)
        visited.last = None
        turn.emit("alerts", _alert(turn, visited.count))

    def _visit(self, turn: Turn, event: Event) -> None:
        if event.event_type == "visit":
            visited = turn.edit(Visited)
            visited.count += 1
            visited.last = turn.now

    def _reset(self, turn: Turn, command: Command, arguments: ResetArguments) -> None:
        turn.edit(Visited).count = arguments.count


def _row(entity: Any) -> Mapping[str, Any]:
    visited = entity.read(Visited)
    return {"": visited} if visited.count else {}


def _alert(turn: Turn, count: int) -> Alert:
    return Alert(
        entity_id=turn.entity.entity_id,
        entity_type=turn.entity.entity_type,
        timestamp=turn.now,
        correlation_id=turn.correlation_id,
        alert_id=turn.new_id("alert"),
        rule="no_visits",
        severity=Severity.WARNING,
        summary=f"nobody came after {count} visits",
    )
