"""Actions that were asked for: each is dispatched once and settled by one final outcome."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

import msgspec

from streams.core.kernel.engine_events import duration_of, execution_event
from streams.core.kernel.feature import Feature, Handler, Objection, View
from streams.core.kernel.names import EVENTS, METRICS, SETTLED
from streams.core.kernel.slices import Slice
from streams.core.kernel.turn import Turn
from streams.core.metric.text import plain_text
from streams.core.planning.config import ActionSpec
from streams.records import Action, Outcome, Record, StepStatus

IN_FLIGHT = (StepStatus.RUNNING, StepStatus.UNDOING)
"""Of steps whose action has no outcome yet."""

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
        *,
        catalogue: Mapping[str, ActionSpec],
        step_status: Callable[[Turn, Action], StepStatus | None],
        is_still_to_ask: Callable[[Turn, str], bool],
    ) -> None:
        """``duration_metric``: metric that gets the run time of each action; empty for none.

        ``step_status`` tells how far the step of an action of a plan is, None for one that no plan
        has asked for; ``is_still_to_ask``, whether a plan may yet ask for the action of an id.
        """
        self._kept = outcomes_kept
        self._step_status = step_status
        self._is_still_to_ask = is_still_to_ask
        self._catalogue = catalogue
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

    def objection(self, turn: Turn, record: Record) -> Objection | None:
        if isinstance(record, Action):
            return self._objection_to_action(turn, record)
        if isinstance(record, Outcome):
            return self._objection_to_outcome(turn, record)
        return None

    def _objection_to_action(self, turn: Turn, action: Action) -> Objection | None:
        if action.plan_id:
            if self._step_status(turn, action) is not None:
                return None
            detail = (
                f"plan_id is {action.plan_id!r}, and no plan of the entity has asked for action "
                f"{action.action_id!r}; leave plan_id out of actions that are no step of a plan"
            )
            return Objection("not_asked_for", detail)
        spec = self._catalogue.get(action.action_type)
        if spec is None or spec.reversible or action.dry_run:
            return None
        detail = (
            f"{action.action_type!r} cannot be undone, so it runs as part of a plan that a person "
            "has approved; ask for a goal that names it (actions)"
        )
        return Objection("approval_needed", detail)

    def _objection_to_outcome(self, turn: Turn, outcome: Outcome) -> Objection | None:
        pending = turn.read(Actions).pending.get(outcome.action_id)
        if pending is not None and pending.action.action_type != outcome.action_type:
            detail = (
                f"action_type is {outcome.action_type!r}, and that of action "
                f"{outcome.action_id!r} {pending.action.action_type!r}; report its own"
            )
            return Objection("foreign_outcome", detail)
        if pending is None and self._is_still_to_ask(turn, outcome.action_id):
            detail = (
                f"action {outcome.action_id!r} is a step that its plan has not asked for yet; "
                "report what was done after it was asked for"
            )
            return Objection("not_asked_for", detail)
        return None

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
        if self._is_settled(turn, action):
            return  # its outcome came first, from elsewhere
        turn.emit(EVENTS, execution_event(turn, action))
        pending = PendingAction(action=action, accepted_at=turn.now)
        turn.edit(Actions).pending[action.action_id] = pending
        turn.dispatch(action)

    def _is_settled(self, turn: Turn, action: Action) -> bool:
        if action.plan_id:
            return self._step_status(turn, action) not in IN_FLIGHT
        return turn.entity.knows(f"{SETTLED}:{action.action_id}")

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
