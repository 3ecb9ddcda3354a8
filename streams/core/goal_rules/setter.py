"""The goals that the engine wants, of all rules together."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from streams.core.goal_rules.adaptation import adaptation_goals
from streams.core.goal_rules.bottleneck import bottleneck_goals
from streams.core.goal_rules.capacity import capacity_goals
from streams.core.goal_rules.config import RulesConfig
from streams.core.goal_rules.cost import cost_goals
from streams.core.goal_rules.performance import performance_goals
from streams.core.goal_rules.resource import resource_goals
from streams.core.goal_rules.scaling import scaling
from streams.core.goal_rules.service_level import service_level_goals
from streams.core.goal_rules.situation import Situation
from streams.core.goals.precedence import PRECEDENCE, is_covered
from streams.core.metric.progress import is_met
from streams.records import CauseKind, Goal, GoalOrigin

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
    its own hysteresis. ``asked`` is what ``wishes`` gives, where that is known already.
    """
    asked = wishes(situation, config) if asked is None else asked
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


def wishes(situation: Situation, config: RulesConfig) -> list[Goal]:
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
