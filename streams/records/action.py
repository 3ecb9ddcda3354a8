"""A unit of work asked for. An intent, never an observation."""

from __future__ import annotations

from streams.records.base import Record


class Action(Record, frozen=True, kw_only=True):
    """Work that somebody wants done on an entity."""

    action_id: str
    """Identity of the intent: one final outcome per ``action_id``."""
    action_type: str
    """Name under which a handler is registered."""
    params: dict[str, str] = {}
    """Parameters as text; values that are not text are JSON."""
    goal_id: str = ""
    plan_id: str = ""
    step: int = 0
    requested_by: str = ""
    requested_at: int | None = None
    """When it was asked for, ms; ``timestamp`` when absent."""
    deadline: int | None = None
    """Moment after which it must not start any more, ms."""
    dry_run: bool = False
    parent_action_id: str = ""
