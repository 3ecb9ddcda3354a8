"""Which of the engine's own goals on one metric gives way."""

from __future__ import annotations

from streams.core.metric.progress import satisfying
from streams.records import Goal, GoalOrigin, GoalType

PRECEDENCE = (
    GoalType.BOTTLENECK_PREVENTION,
    GoalType.SLA_MAINTENANCE,
    GoalType.PERFORMANCE_TARGET,
    GoalType.CAPACITY_PLANNING,
    GoalType.RESOURCE_OPTIMIZATION,
    GoalType.COST_REDUCTION,
    GoalType.PATTERN_ADAPTATION,
)
"""What a metric is steered by first, when several rules speak about it."""


def contradicts(one: Goal, other: Goal) -> bool:
    """Whether no value of their common metric satisfies both."""
    if one.target_metric != other.target_metric:
        return False
    low_one, high_one = satisfying(one.direction, one.target_value)
    low_other, high_other = satisfying(other.direction, other.target_value)
    return max(low_one, low_other) > min(high_one, high_other)


def gives_way(known: Goal, candidate: Goal) -> bool:
    """Whether an open goal of the engine is replaced by its new candidate on the same metric.

    It is when the two contradict each other and the candidate is more urgent, or when they pull
    the same way and the candidate's kind comes first. Goals of users never give way.
    """
    own = known.origin is candidate.origin is GoalOrigin.AUTONOMOUS
    if not own or not _compete(known, candidate):
        return False
    if contradicts(known, candidate):
        return candidate.priority.rank < known.priority.rank
    return _is_covered(known, candidate)


def is_covered(candidate: Goal, known: Goal) -> bool:
    """Whether an open goal of the engine already does more than its candidate would."""
    own = known.origin is candidate.origin is GoalOrigin.AUTONOMOUS
    return own and _compete(known, candidate) and _is_covered(candidate, known)


def _compete(one: Goal, other: Goal) -> bool:
    return one.target_metric == other.target_metric and one.dedupe_key != other.dedupe_key


def _is_covered(lesser: Goal, greater: Goal) -> bool:
    order = PRECEDENCE.index(greater.goal_type) < PRECEDENCE.index(lesser.goal_type)
    return lesser.direction is greater.direction and order
