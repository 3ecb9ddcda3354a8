"""The goals of one entity, as stored."""

from __future__ import annotations

import msgspec

from streams.core.kernel.slices import Slice
from streams.records import Goal


class Published(msgspec.Struct, frozen=True, omit_defaults=True):
    """What was last said of the progress of an open goal."""

    progress: float
    at: int
    """ms."""
    way: int = 0
    """1 when it had risen, -1 when it had fallen, 0 for the first."""
    turns: int = 0
    """How often in a row it had gone the other way than before."""

    def then(self, goal: Goal) -> Published:
        """The same once ``goal`` is published."""
        way = way_of(goal.progress - self.progress)
        turned = way * self.way < 0
        turns = self.turns + 1 if turned else 0 if way else self.turns
        return Published(goal.progress, goal.timestamp, way or self.way, turns)


def way_of(change: float) -> int:
    """1 up, -1 down, 0 neither."""
    return (change > 0) - (change < 0)


class GoalEntry(msgspec.Struct, omit_defaults=True):
    """A goal and what is remembered along with it."""

    goal: Goal
    said: Published | None = None
    """Progress of an open goal as last published."""
    effects_done: int = 0
    """Plans that were done for it while it is open."""
    held: str = ""
    """Why nothing is planned for it, as last published; empty when nothing keeps it."""


class Achievement(msgspec.Struct, frozen=True, kw_only=True):
    """How one goal ended."""

    goal_id: str
    achieved: bool
    achievement_time: int
    """When it was closed, ms."""
    final_value: float | None = None
    """Last measured, in the metric's unit."""
    target_value: float
    actions_taken: tuple[str, ...] = ()
    """Action types that were carried out for it, in order."""
    time_to_achieve_ms: int
    """From its creation to its end."""
    notes: str = ""
    """Why it was closed."""


class Goals(Slice):
    """All open goals and the latest closed ones, in order of their creation."""

    slice_name = "goals"

    entries: dict[str, GoalEntry] = {}
    """By goal id."""
    admitted: int = 0
    """Goals admitted so far."""
    achieved: int = 0
    closed: int = 0
    """Achieved, failed or cancelled."""
    achievements: list[Achievement] = []
    """How the latest goals ended, oldest first."""

    def __contains__(self, goal_id: str) -> bool:
        return goal_id in self.entries

    def get(self, goal_id: str) -> Goal | None:
        """The goal of this id, open or lately closed."""
        entry = self.entries.get(goal_id)
        return None if entry is None else entry.goal

    def all(self) -> list[Goal]:
        """Open and lately closed ones."""
        return [entry.goal for entry in self.entries.values()]

    def by_id(self) -> dict[str, Goal]:
        """The same by goal id."""
        return {goal_id: entry.goal for goal_id, entry in self.entries.items()}

    def open(self, metric: str | None = None) -> list[Goal]:
        """Open goals, of one metric when given."""
        return [
            entry.goal
            for entry in self.entries.values()
            if entry.goal.status.is_open and (metric is None or entry.goal.target_metric == metric)
        ]
