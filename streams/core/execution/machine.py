"""The states of a plan that is carried out.

Pure functions from one plan to the next. A plan that does not change comes back as the same
object; each other has the next ``revision``. One thing is in flight at a time: an action, or,
once the plan has failed, an undo. Times are event time in ms and never go back within a plan.

A plan that fails is compensated: the steps that were done are undone, the last one first, each
once, as in a saga (Garcia-Molina and Salem, Sagas, 1987). Work asked for is held by a lease: when
it ends without an outcome, the step has failed, and a later outcome is noted but changes nothing.
"""

from __future__ import annotations

from msgspec import structs

from streams.core.execution.requests import KILL_SWITCH, step_action, undo_action
from streams.core.execution.steps import (
    Steps,
    any_failed,
    ended,
    in_flight,
    last_end,
    next_pending,
    next_undo,
    skip_pending,
    succeeded,
    with_step,
)
from streams.core.metric.text import plain_text
from streams.records import (
    Action,
    Goal,
    Outcome,
    OutcomeStatus,
    Plan,
    PlanPolicy,
    PlanStatus,
    PlanStep,
    StepStatus,
)

LEASE_OVER = "lease expired"
REASON_LIMIT = 1_000
"""Characters of a plan's reason."""

ENDED = (PlanStatus.DONE, PlanStatus.FAILED, PlanStatus.CANCELLED)
_GOOD = (OutcomeStatus.SUCCESS, OutcomeStatus.PARTIAL)


def begin(plan: Plan, now: int) -> Plan:
    """Start a plan that is scheduled. One that waits, has begun or is a dry run is left alone.

    A plan without actions fails at once: nothing was done.
    """
    if plan.status is not PlanStatus.SCHEDULED or plan.dry_run:
        return plan
    moment = _moment(plan, now)
    running = structs.replace(
        plan, status=PlanStatus.RUNNING, started_at=moment, reason="", expires_at=None
    )
    return _revised(plan, _settled(running, moment), moment)


def next_action(
    plan: Plan, goal: Goal, now: int, *, lease_ms: int, action_delay_ms: int
) -> tuple[Plan, Action | None]:
    """What is to be asked for now: the next step, or, in a plan that failed, the next undo.

    Nothing while something is in flight, and nothing within ``action_delay_ms`` after the last
    end. The action must start within ``lease_ms``. The plan that comes back remembers it, so no
    id is asked for twice.
    """
    if plan.status is not PlanStatus.RUNNING or plan.dry_run or in_flight(plan.actions) is not None:
        return plan, None
    last = last_end(plan.actions)
    if last is not None and now < last + action_delay_ms:
        return plan, None
    moment = _moment(plan, now)
    index = next_pending(plan.actions)
    if index is not None:
        action = step_action(plan, goal, index, moment, lease_ms)
        step = structs.replace(
            plan.actions[index],
            status=StepStatus.RUNNING,
            action_id=action.action_id,
            started_at=moment,
        )
        return _with(plan, index, step, moment), action
    index = next_undo(plan.actions)
    if index is None:
        return plan, None
    action = undo_action(plan, goal, index, moment, lease_ms)
    step = structs.replace(
        plan.actions[index],
        status=StepStatus.UNDOING,
        undo_action_id=action.action_id,
        started_at=moment,
        ended_at=None,
    )
    return _with(plan, index, step, moment), action


def on_outcome(plan: Plan, outcome: Outcome, now: int) -> Plan:
    """The plan after an outcome; unchanged by outcomes of other plans, repeats, and pending ones.

    Success and partial success complete a step, anything else fails it. A step that the kill
    switch stopped cancels the plan: a person has taken over, so nothing is undone either.
    """
    index = _asked_for(plan.actions, outcome.action_id)
    if index is None or not outcome.status.is_final:
        return plan
    step, moment = plan.actions[index], _moment(plan, now)
    if outcome.action_id != _awaited(step):
        late = _noted(step, outcome)
        return plan if late is step else _with(plan, index, late, moment)
    good = outcome.status in _GOOD
    steps = with_step(plan.actions, index, ended(step, moment, good=good, error=_error(outcome)))
    after = structs.replace(plan, actions=steps)
    if outcome.error_type == KILL_SWITCH and plan.status is PlanStatus.RUNNING:
        return _revised(plan, _cancelled(after, moment, _error(outcome)), moment)
    return _revised(plan, _settled(after, moment), moment)


def reap(plan: Plan, now: int, lease_ms: int) -> Plan:
    """The plan without work whose lease is over: it counts as failed."""
    if not overdue(plan, now, lease_ms):
        return plan
    index = in_flight(plan.actions)
    assert index is not None
    moment = _moment(plan, now)
    step = ended(plan.actions[index], moment, good=False, error=LEASE_OVER)
    after = structs.replace(plan, actions=with_step(plan.actions, index, step))
    return _revised(plan, _settled(after, moment), moment)


def cancel(plan: Plan, now: int, reason: str) -> Plan:
    """Nothing more is asked for, no undo either. What is in flight keeps its lease and outcome."""
    if plan.status in ENDED:
        return plan
    moment = _moment(plan, now)
    return _revised(plan, _cancelled(plan, moment, reason), moment)


def overdue(plan: Plan, now: int, lease_ms: int) -> str:
    """Id of the action whose lease is over at ``now``; empty when none is."""
    index = in_flight(plan.actions)
    if index is None:
        return ""
    started = plan.actions[index].started_at
    return _awaited(plan.actions[index]) if started is None or now >= started + lease_ms else ""


def is_settled(plan: Plan) -> bool:
    """Whether nothing about the plan will change any more, but for notes on late outcomes."""
    return plan.status in ENDED and in_flight(plan.actions) is None


def _settled(plan: Plan, now: int) -> Plan:
    """The plan in the state that its steps put it into."""
    if plan.status is not PlanStatus.RUNNING:
        return plan
    steps = plan.actions
    failed = any_failed(steps)
    if failed and plan.policy is PlanPolicy.STOP:
        steps = skip_pending(steps)
        plan = structs.replace(plan, actions=steps)
    if in_flight(steps) is not None or next_pending(steps) is not None:
        return plan
    if not failed and any(map(succeeded, steps)):
        return structs.replace(plan, status=PlanStatus.DONE, ended_at=now, reason="")
    plan = structs.replace(plan, reason=_why_failed(steps))
    if next_undo(steps) is not None:
        return plan
    return structs.replace(plan, status=PlanStatus.FAILED, ended_at=now)


def _cancelled(plan: Plan, now: int, reason: str) -> Plan:
    return structs.replace(
        plan,
        status=PlanStatus.CANCELLED,
        actions=skip_pending(plan.actions),
        ended_at=now,
        reason=plain_text(reason, REASON_LIMIT),
        expires_at=None,
    )


def _why_failed(steps: Steps) -> str:
    told = [_told(i, step) for i, step in enumerate(steps) if step.status is StepStatus.FAILED]
    stuck = [
        f"{_told(i, step)} (undo)"
        for i, step in enumerate(steps)
        if step.status is StepStatus.STUCK
    ]
    return plain_text("; ".join(told + stuck) or "no action was done", REASON_LIMIT)


def _told(index: int, step: PlanStep) -> str:
    return f"step {index} {step.name}: {step.error}"


def _asked_for(steps: Steps, action_id: str) -> int | None:
    """Index of the step that this action does or undoes."""
    if not action_id:
        return None
    return next(
        (i for i, step in enumerate(steps) if action_id in (step.action_id, step.undo_action_id)),
        None,
    )


def _awaited(step: PlanStep) -> str:
    """Id of the action whose outcome the step waits for; empty when it waits for none."""
    if step.status is StepStatus.RUNNING:
        return step.action_id
    return step.undo_action_id if step.status is StepStatus.UNDOING else ""


def _noted(step: PlanStep, outcome: Outcome) -> PlanStep:
    """The step with the late outcome in its error, once, if its lease was over before."""
    last_asked = step.undo_action_id or step.action_id
    if step.error != LEASE_OVER or outcome.action_id != last_asked:
        return step
    return structs.replace(step, error=f"{LEASE_OVER}; outcome came late: {outcome.status.value}")


def _error(outcome: Outcome) -> str:
    """Why it was not a plain success; empty when it was."""
    if outcome.status is OutcomeStatus.SUCCESS:
        return ""
    kind = outcome.error_type or outcome.status.value
    return f"{kind}: {outcome.error_message}" if outcome.error_message else kind


def _with(plan: Plan, index: int, step: PlanStep, now: int) -> Plan:
    changed = structs.replace(plan, actions=with_step(plan.actions, index, step))
    return _revised(plan, changed, now)


def _revised(before: Plan, after: Plan, now: int) -> Plan:
    return structs.replace(after, revision=before.revision + 1, timestamp=now)


def _moment(plan: Plan, now: int) -> int:
    """``now``, but not before what was recorded last."""
    return max(now, plan.timestamp)
