"""Actions that were asked for: each is dispatched once and settled by one final outcome."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import msgspec

from streams.core.kernel.engine_events import duration_of, execution_event
from streams.core.kernel.feature import Feature, Handler, View
from streams.core.kernel.names import EVENTS, METRICS
from streams.core.kernel.slices import Slice
from streams.core.kernel.turn import Turn
from streams.core.metric.text import plain_text
from streams.core.planning.config import ActionSpec
from streams.records import Action, Outcome, Record

KEPT_BYTES = 4_096
"""An outcome that takes more is kept without its details, which are on its topic."""
_DETAIL_BYTES = 1_024
_encode = msgspec.msgpack.Encoder().encode


class PendingAction(msgspec.Struct, kw_only=True):
    """An action that was accepted and has no final outcome yet."""

    action: Action
    accepted_at: int
    """Event time, ms."""
    released: bool = True
    """False when the worker that accepted it gave it up before its handler could start."""


class Actions(Slice):
    """Actions of an entity that are not settled yet, and how the latest ones ended."""

    slice_name = "actions"

    pending: dict[str, PendingAction] = {}
    """By action id."""
    outcomes: list[Outcome] = []
    """Latest final outcomes, oldest first."""


class ActionFeature(Feature):
    """Intent before act: an action is pending before its handler starts."""

    name = "actions"
    State = Actions

    def __init__(
        self,
        outcomes_kept: int,
        duration_metric: str = "",
        catalogue: Mapping[str, ActionSpec] | None = None,
    ) -> None:
        """``duration_metric``: metric that gets the run time of each action; empty for none."""
        self._kept = outcomes_kept
        self._catalogue = catalogue or {}
        self._duration_metric = duration_metric

    def handlers(self) -> Mapping[type[Record], Handler]:
        return {Action: self._on_action, Outcome: self._on_outcome}

    def views(self) -> Sequence[View]:
        return (
            View(
                "outcomes",
                "latest outcomes, oldest first",
                "entity",
                lambda entity: {"": kept} if (kept := entity.read(Actions).outcomes) else {},
            ),
            View(
                "pending_actions",
                "actions without an outcome",
                "entity/action id",
                lambda entity: entity.read(Actions).pending,
            ),
        )

    def on_known(self, turn: Turn, record: Record) -> None:
        if not isinstance(record, Action):
            return
        pending = turn.read(Actions).pending.get(record.action_id)
        if pending is None:
            return
        turn.dispatch(record, resumed=pending.released)
        if not pending.released:
            turn.edit(Actions).pending[record.action_id].released = True

    def _on_action(self, turn: Turn, action: Action) -> None:
        if action.dry_run:
            return
        spec = self._catalogue.get(action.action_type)
        if spec is not None and not spec.reversible and not action.plan_id:
            turn.reject(
                "approval_needed",
                f"{action.action_type!r} cannot be undone, so it runs as part of a plan that a "
                "person has approved; ask for a goal that names it (actions)",
            )
            return
        turn.emit(EVENTS, execution_event(turn, action))
        pending = PendingAction(action=action, accepted_at=turn.now)
        turn.edit(Actions).pending[action.action_id] = pending
        turn.dispatch(action)

    def _on_outcome(self, turn: Turn, outcome: Outcome) -> None:
        actions = turn.edit(Actions)
        if actions.pending.pop(outcome.action_id, None) is not None:
            turn.settled.append(outcome.action_id)
        if self._duration_metric:
            turn.emit(METRICS, duration_of(turn, outcome, self._duration_metric))
        actions.outcomes.append(_kept_form(outcome))
        del actions.outcomes[: -self._kept]


def _kept_form(outcome: Outcome) -> Outcome:
    """What an entity remembers: settling an action must always have room."""
    if len(_encode(outcome)) <= KEPT_BYTES:
        return outcome
    details = ("output", "error_message", "stack_trace", "input_data", "context_snapshot")
    told = {name: text for name in details if (text := getattr(outcome, name)) is not None}
    return msgspec.structs.replace(
        outcome,
        **{name: plain_text(text, _DETAIL_BYTES) for name, text in told.items()},
        tags=(),
        metadata={"kept": "shortened; the whole outcome is on its topic"},
        impact_claimed={},
        impact_measured={},
    )
