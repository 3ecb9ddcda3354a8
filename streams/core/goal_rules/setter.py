"""The goals that the engine wants, of all rules together, and those that it no longer needs."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from streams.core.goal_rules.config import RulesConfig
from streams.core.goal_rules.objectives import (
    adaptation_goals,
    cost_goals,
    performance_goals,
    service_level_goals,
)
from streams.core.goal_rules.resources import bottleneck_goals, capacity_goals, resource_goals
from streams.core.goal_rules.scaling import scaling
from streams.core.goal_rules.situation import Situation
from streams.core.goals.precedence import PRECEDENCE, is_covered
from streams.core.goals.state import Goals
from streams.core.metric.progress import is_met
from streams.records import CauseKind, Goal, GoalOrigin, GoalStatus

_RULES = (
    bottleneck_goals,
    service_level_goals,
    performance_goals,
    capacity_goals,
    resource_goals,
    cost_goals,
    adaptation_goals,
)


def propose(
    situation: Situation, config: RulesConfig, asked: Sequence[Goal] | None = None
) -> list[Goal]:
    """Candidates for admission, the most urgent first; at most one for each metric.

    Left out are kinds that are not enabled, targets that hold already (unless it is predicted that
    they will not), and what a goal of a kind that comes first already covers. Of the rest, each
    metric gets that of the kind that comes first; none, where such a goal was closed less than its
    cooldown ago and has not become more urgent. Scaling is not held back by the cooldown: it has
    its own hysteresis. ``asked`` is what ``wanted_goals`` gives, where that is known already.
    """
    asked = wanted_goals(situation, config) if asked is None else asked
    scaled = scaling(situation, config.setting.scaling)
    free = {goal.dedupe_key for goal in scaled}
    cooling = {
        goal.dedupe_key
        for goal in asked
        if goal.dedupe_key not in free and _is_cooling(goal, situation, config)
    }
    taken = cooling | {goal.dedupe_key for goal in _own(situation)}
    usable = _usable([*scaled, *asked], situation, config)
    usable.sort(key=lambda goal: (_precedence(goal), goal.dedupe_key in taken, goal.dedupe_key))
    first = {goal.target_metric: goal for goal in reversed(usable)}
    found = [goal for goal in first.values() if goal.dedupe_key not in cooling]
    return sorted(found, key=_urgency)


def wanted_goals(situation: Situation, config: RulesConfig) -> list[Goal]:
    """What every rule but scaling asks for, whether or not it is to be had."""
    return [goal for rule in _RULES for goal in rule(situation, config)]


def _usable(goals: Iterable[Goal], situation: Situation, config: RulesConfig) -> list[Goal]:
    return [
        goal
        for goal in goals
        if config.setting.type(goal.goal_type).enabled
        and not _holds(goal, situation)
        and not any(is_covered(goal, known) for known in _own(situation))
    ]


def _holds(goal: Goal, situation: Situation) -> bool:
    if goal.cause_kind is CauseKind.PREDICTION:
        return False
    reading = situation.readings.get(goal.target_metric)
    return reading is not None and is_met(goal.direction, goal.target_value, reading.value)


def _own(situation: Situation) -> list[Goal]:
    """Open goals that the engine set itself."""
    return [
        goal
        for goal in situation.goals.values()
        if goal.status.is_open and goal.origin is GoalOrigin.AUTONOMOUS
    ]


def _is_cooling(goal: Goal, situation: Situation, config: RulesConfig) -> bool:
    since = situation.now - config.setting.type(goal.goal_type).cooldown_ms
    return any(
        known.closed_at is not None
        and known.closed_at > since
        and known.priority.rank <= goal.priority.rank
        for known in situation.goals.values()
        if known.dedupe_key == goal.dedupe_key
    )


def _precedence(goal: Goal) -> tuple[int, int]:
    """The kind that comes first, and the more urgent of equals."""
    return PRECEDENCE.index(goal.goal_type), goal.priority.rank


def _urgency(goal: Goal) -> tuple[int, int, str]:
    deadline = goal.timestamp if goal.deadline is None else goal.deadline
    return goal.priority.rank, deadline, goal.dedupe_key


def due_for_review(goals: Goals, now: int, review_ms: int) -> list[Goal]:
    """Goals that the engine set itself, that nothing was done for, and that are old enough.

    What a plan has been carried out for is left to its measurements: there the cause may be gone
    because the plan helped.
    """
    return [
        goal
        for goal in goals.open()
        if goal.origin is GoalOrigin.AUTONOMOUS
        and goal.status is GoalStatus.ACTIVE
        and not goal.attempts
        and now - (goal.timestamp if goal.created_at is None else goal.created_at) >= review_ms
    ]


def not_needed(due: Sequence[Goal], asked: Sequence[Goal], situation: Situation) -> list[Goal]:
    """Those of ``due`` whose cause is gone: the rules have not ``asked`` for them, and their target
    holds or the pattern that they adapt to is gone. A silent metric says nothing."""
    wanted = {goal.dedupe_key for goal in asked}
    return [goal for goal in due if goal.dedupe_key not in wanted and _is_settled(goal, situation)]


def _is_settled(goal: Goal, situation: Situation) -> bool:
    reading = situation.readings.get(goal.target_metric)
    if reading is None:
        return False
    if goal.cause_kind is CauseKind.PATTERN:
        return True
    return is_met(goal.direction, goal.target_value, reading.value)
