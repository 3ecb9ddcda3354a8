"""Which of the scheduled plans start now, and why the others do not."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from streams.core.planning.config import ActionSpec
from streams.core.planning.plan import shortage
from streams.records import Goal, GoalStatus, Plan, PlanStatus


@dataclass(frozen=True, slots=True)
class Selection:
    """What becomes of the due plans of one entity."""

    start: tuple[Plan, ...]
    """The highest score first."""
    blocked: tuple[tuple[Plan, str], ...]
    """Plans that have to wait, with the reason. Those that lack only a slot are not among them."""


def due_plans(plans: Iterable[Plan], now: int, slots: int) -> list[Plan]:
    """The at most ``slots`` scheduled plans whose time has come, the highest score first.

    Among equals the one that was due first, then the first by id. Dry runs are never due.
    """
    due = [
        plan
        for plan in plans
        if plan.status is PlanStatus.SCHEDULED and plan.scheduled_time <= now and not plan.dry_run
    ]
    due.sort(key=lambda plan: (-plan.priority_score, plan.scheduled_time, plan.plan_id))
    return due[: max(0, slots)]


def blocker(
    plan: Plan,
    running: Sequence[Plan],
    goals: Mapping[str, Goal],
    free: Mapping[str, float],
    actions: Mapping[str, ActionSpec] | None = None,
) -> str:
    """Why ``plan`` may not start now; empty when it may.

    It waits until the goals that it depends on are achieved, until no plan that runs for the same
    entity moves a metric that it moves, too, and until what it requires is free. ``free`` is the
    measured free amount by resource metric. With the catalogue ``actions``, a plan moves every
    metric on which its actions are declared to have an effect, else its goal's metric alone.
    """
    others = [each for each in running if each.plan_id != plan.plan_id]
    return (
        _dependency(plan, goals)
        or _conflict(plan, others, goals, actions or {})
        or shortage(
            plan.resource_requirements, (each.resource_requirements for each in others), free
        )
    )


def select(
    plans: Iterable[Plan],
    now: int,
    *,
    limit: int,
    goals: Mapping[str, Goal],
    free: Mapping[str, float],
    actions: Mapping[str, ActionSpec] | None = None,
) -> Selection:
    """Which plans of an entity start now, so that at most ``limit`` of them run.

    ``plans`` are all of its plans, running ones included. One that is blocked takes no slot, and
    one that starts counts as running for those behind it.
    """
    known = list(plans)
    running = [plan for plan in known if plan.status is PlanStatus.RUNNING]
    slots = limit - len(running)
    start: list[Plan] = []
    blocked: list[tuple[Plan, str]] = []
    for plan in due_plans(known, now, len(known)):
        reason = blocker(plan, running + start, goals, free, actions)
        if reason:
            blocked.append((plan, reason))
        elif len(start) < slots:
            start.append(plan)
    return Selection(tuple(start), tuple(blocked))


def _dependency(plan: Plan, goals: Mapping[str, Goal]) -> str:
    for goal_id in plan.dependencies:
        goal = goals.get(goal_id)
        if goal is None:
            return f"depends on goal {goal_id!r}, which is not known here"
        if goal.status is not GoalStatus.ACHIEVED:
            return f"depends on goal {goal_id!r}, which is {goal.status.value}"
    return ""


def _conflict(
    plan: Plan,
    others: Sequence[Plan],
    goals: Mapping[str, Goal],
    actions: Mapping[str, ActionSpec],
) -> str:
    moved = _moved(plan, goals, actions)
    for other in others:
        common = moved & _moved(other, goals, actions)
        if other.entity_id == plan.entity_id and common:
            return f"plan {other.plan_id!r} moves {', '.join(sorted(common))} until it ends"
    return ""


def _moved(
    plan: Plan, goals: Mapping[str, Goal], actions: Mapping[str, ActionSpec]
) -> frozenset[str]:
    """Metrics that a plan is about or that its actions are declared to change."""
    goal = goals.get(plan.goal_id)
    about = {plan.expected_metric, "" if goal is None else goal.target_metric} - {""}
    specs = (actions.get(step.name) for step in plan.actions)
    return frozenset(about).union(*(spec.effect for spec in specs if spec is not None))
