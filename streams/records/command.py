"""A request to change how an entity is handled."""

from __future__ import annotations

from streams.records.base import Record


class Command(Record, frozen=True, kw_only=True):
    command_id: str
    command: str
    """goal.create, goal.cancel, mode.set, loop.trigger, …"""
    target: str = ""
    """Id of the goal, plan or loop that is meant; empty for the entity."""
    arguments: dict[str, str] = {}
    """Arguments as text; values that are not text are JSON."""
    issued_by: str = ""
