"""Which goals an entity takes on: requests of users and candidates of the engine."""

from __future__ import annotations

import math
from dataclasses import dataclass
from enum import StrEnum

from msgspec.structs import replace

from streams.core.goals.config import GoalConfig
from streams.core.goals.measurement import CloseReason, aim, cancel, restarted, revise
from streams.core.goals.precedence import contradicts, gives_way
from streams.core.goals.refresh import refresh
from streams.core.goals.relations import relation_fault
from streams.core.goals.state import Goals
from streams.core.kernel.ids import stable_id
from streams.core.metric.progress import is_met
from streams.records import CauseKind, Direction, Goal, GoalOrigin, GoalStatus

_REQUESTABLE = (
    "goal_type",
    "priority",
    "description",
    "target_metric",
    "target_value",
    "unit",
    "direction",
    "hold_ms",
    "deadline",
    "actions",
    "dependencies",
    "group_id",
    "parent_id",
    "metadata",
)
"""Fields that a request decides; everything else belongs to the engine."""


class RefusalReason(StrEnum):
    """Stable codes of what can be wrong with a goal."""

    INVALID = "invalid_goal"
    DUPLICATE = "duplicate_goal"
    CLOSED = "closed_goal"
    UNKNOWN = "unknown_goal"
    DEADLINE = "deadline_passed"
    ALREADY_MET = "already_met"
    CONTRADICTS = "contradicts_open_goal"
    CAP = "max_active_goals"
    RELATION = "invalid_relation"


@dataclass(frozen=True, slots=True)
class Refusal:
    """A goal that was not taken on. ``text`` names the field, its value and the remedy."""

    goal_id: str
    reason: RefusalReason
    text: str


def admit(
    request: Goal, goals: Goals, current: float | None, now: int, config: GoalConfig
) -> Goal | Refusal | None:
    """The revision that a request or candidate leads to; None when it changes nothing.

    ``current`` is the latest value of the target metric, None when it was never measured. A new
    goal becomes revision 1, active, with ``current`` as its baseline; whether it is achieved is
    left to the measurements that follow. A request that names an open goal, or that has no id
    but the key of an open one, replaces what a request decides (target, direction, deadline,
    priority, description, ...) and restarts the baseline when the target moves; with status
    cancelled it cancels that goal.

    Candidates of the engine (origin autonomous) refresh its own open goal of the same key. They
    are refused when they contradict an open goal on the metric that does not give way, when the
    cap would cancel them at once, and when they are already met; the last does not hold for a
    prediction, which is a reason while all is still well. ``displaced`` are those that give way.
    """
    request = _identified(request, goals, now)
    known = goals.get(request.goal_id)
    if known is not None and not known.status.is_open:
        return _refuse(
            request,
            RefusalReason.CLOSED,
            f"goal_id {request.goal_id!r} is {known.status.value}; use a new goal_id",
        )
    if request.status is GoalStatus.CANCELLED:
        if known is None:
            text = f"goal_id {request.goal_id!r} is not known here; name an open goal to cancel it"
            return _refuse(request, RefusalReason.UNKNOWN, text)
        return cancel(known, request.close_reason or CloseReason.REQUESTED, now)
    refusal = (
        _check_fields(request, now)
        or _check_duplicate(request, known, goals)
        or _check_relations(request, known, goals)
    )
    if refusal is not None:
        return refusal
    if request.origin is GoalOrigin.AUTONOMOUS:
        return _admit_candidate(request, known, goals, current, now, config)
    if known is not None:
        return _update(known, request, current, now)
    return _create(request, current, now)


def displaced(admitted: Goal, goals: Goals) -> list[Goal]:
    """Open goals of the engine that give way to one that was just admitted."""
    return [goal for goal in goals.open() if gives_way(goal, admitted)]


def enforce_cap(goals: Goals, now: int, config: GoalConfig) -> list[Goal]:
    """Cancelled revisions of the active goals beyond ``max_active_goals``.

    The lowest priority goes first, among equals the newest. Goals in progress are not counted.
    """
    active = [goal for goal in goals.all() if goal.status is GoalStatus.ACTIVE]
    ranked = sorted(active, key=lambda goal: (goal.priority.rank, _created(goal)))
    return [cancel(goal, CloseReason.CAP, now) for goal in ranked[config.max_active_goals :]]


def dedupe_key(goal: Goal) -> str:
    """What makes two goals the same: entity, type, metric and cause.

    The cause is its kind and id. A request without a cause id is known by its direction and
    group instead, so one metric may have a floor and a ceiling, but not two ceilings.
    """
    cause = goal.cause_id
    if not cause and goal.cause_kind is CauseKind.REQUEST:
        cause = f"{goal.direction.value}:{goal.group_id}"
    return "|".join(
        (goal.entity_id, goal.goal_type.value, goal.target_metric, goal.cause_kind.value, cause)
    )


def _identified(request: Goal, goals: Goals, now: int) -> Goal:
    """``request`` with its key and id.

    One without an id means the open goal of that key, or a new one; a candidate of the engine
    always means the engine's own open goal of that key where there is one.
    """
    key = request.dedupe_key or dedupe_key(request)
    same = next((goal for goal in goals.open() if goal.dedupe_key == key), None)
    goal_id = request.goal_id or stable_id("goal", key, now)
    if same is not None:
        own = request.origin is same.origin is GoalOrigin.AUTONOMOUS
        own = own and request.status is not GoalStatus.CANCELLED  # which names what it cancels
        goal_id = same.goal_id if own or not request.goal_id else goal_id
    return replace(request, dedupe_key=key, goal_id=goal_id)


def _check_fields(request: Goal, now: int) -> Refusal | None:
    if not request.target_metric:
        text = "target_metric is empty; name the metric that the goal is about"
    elif not math.isfinite(request.target_value):
        text = f"target_value is {request.target_value}; use a finite number"
    elif request.hold_ms < 0:
        text = f"hold_ms is {request.hold_ms}; use 0 or more"
    elif request.deadline is not None and request.deadline <= now:
        text = f"deadline {request.deadline} is not after {now}; use a later moment or none"
        return _refuse(request, RefusalReason.DEADLINE, text)
    else:
        return None
    return _refuse(request, RefusalReason.INVALID, text)


def _check_duplicate(request: Goal, known: Goal | None, goals: Goals) -> Refusal | None:
    key = request.dedupe_key if known is None else _key_after(known, request)
    for goal in goals.open():
        if goal.dedupe_key == key and goal.goal_id != request.goal_id:
            text = (
                f"goal {goal.goal_id!r} is open for the same cause (dedupe_key {key!r}); "
                "send that goal_id to change it, or give another cause_id"
            )
            return _refuse(request, RefusalReason.DUPLICATE, text)
    return None


def _check_relations(request: Goal, known: Goal | None, goals: Goals) -> Refusal | None:
    text = relation_fault(request, known, goals)
    return _refuse(request, RefusalReason.RELATION, text) if text else None


def _admit_candidate(
    request: Goal,
    known: Goal | None,
    goals: Goals,
    current: float | None,
    now: int,
    config: GoalConfig,
) -> Goal | Refusal | None:
    if known is None:
        refusal = _check_conflict(request, goals) or _check_candidate(
            request, goals, current, config
        )
        return refusal or _create(request, current, now)
    if known.origin is not GoalOrigin.AUTONOMOUS or known.dedupe_key != request.dedupe_key:
        text = f"goal_id {known.goal_id!r} is that of another open goal; use a new one"
        return _refuse(request, RefusalReason.DUPLICATE, text)
    after = refresh(known, request, current, now)
    refusal = None if after is None or aim(after) == aim(known) else _check_conflict(after, goals)
    return refusal or after


def _check_conflict(request: Goal, goals: Goals) -> Refusal | None:
    for goal in goals.open(request.target_metric):
        if contradicts(goal, request) and not gives_way(goal, request):
            text = (
                f"{_wish(request)} cannot be had together with goal {goal.goal_id!r}, "
                f"{_wish(goal)}; close that goal first"
            )
            return _refuse(request, RefusalReason.CONTRADICTS, text)
    return None


def _check_candidate(
    request: Goal, goals: Goals, current: float | None, config: GoalConfig
) -> Refusal | None:
    predicted = request.cause_kind is CauseKind.PREDICTION
    bounded = request.direction is not Direction.REACH
    if bounded and not predicted and current is not None and _met(request, current):
        text = f"{_wish(request)} holds with {current:g}; nothing is to be done"
        return _refuse(request, RefusalReason.ALREADY_MET, text)
    ahead = sum(
        goal.status is GoalStatus.ACTIVE and goal.priority.rank <= request.priority.rank
        for goal in goals.all()
    )
    if ahead >= config.max_active_goals:
        text = (
            f"{ahead} active goals of equal or higher priority; close one, "
            "or raise goals.max_active_goals"
        )
        return _refuse(request, RefusalReason.CAP, text)
    return None


def _create(request: Goal, current: float | None, now: int) -> Goal:
    return replace(
        restarted(request, current),
        timestamp=now,
        revision=1,
        status=GoalStatus.ACTIVE,
        created_at=now,
        closed_at=None,
        close_reason="",
    )


def _update(known: Goal, request: Goal, current: float | None, now: int) -> Goal | None:
    goal = _with_wishes(known, request)
    if goal == known:
        return None
    if aim(goal) != aim(known):
        goal = restarted(goal, current)
    key = _key_after(known, request)
    correlation = request.correlation_id or known.correlation_id
    return revise(replace(goal, dedupe_key=key, correlation_id=correlation), now)


def _key_after(known: Goal, request: Goal) -> str:
    """The key of ``known`` once ``request`` has changed it; a key of one's own choice stays."""
    if known.dedupe_key != dedupe_key(known):
        return known.dedupe_key
    return dedupe_key(_with_wishes(known, request))


def _with_wishes(known: Goal, request: Goal) -> Goal:
    return replace(known, **{name: getattr(request, name) for name in _REQUESTABLE})


def _created(goal: Goal) -> int:
    return goal.timestamp if goal.created_at is None else goal.created_at


def _met(goal: Goal, current: float) -> bool:
    return is_met(goal.direction, goal.target_value, current)


def _wish(goal: Goal) -> str:
    return f"{goal.target_metric} {goal.direction.value} {goal.target_value:g}"


def _refuse(request: Goal, reason: RefusalReason, text: str) -> Refusal:
    return Refusal(goal_id=request.goal_id, reason=reason, text=text)
