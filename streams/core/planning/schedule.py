"""What decides when a plan runs: its strategy, its score, how long it takes, its due time.

All times are event time, ms, UTC.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence

from streams.core.kernel.checks import HOUR_MS
from streams.core.planning.config import PlanningConfig
from streams.records import Goal, GoalType, PlanStep, Priority, Strategy, SystemState

_HOURS = 24

_DELAY_FACTORS = {
    SystemState.OPTIMAL: 2.0,
    SystemState.HEALTHY: 1.0,
    SystemState.DEGRADED: 0.5,
    SystemState.CRITICAL: 0.0,
    SystemState.OVERLOADED: 0.0,
}
"""Of the adaptive delay: the worse the state, the sooner."""

Load = Sequence[tuple[int, float]]
"""Moments (ms) with the load expected then, in any one unit; larger is busier."""
MAX_SCORE = 150.0
_BASE = {
    Priority.CRITICAL: 100.0,
    Priority.HIGH: 75.0,
    Priority.MEDIUM: 50.0,
    Priority.LOW: 25.0,
}
_FACTORS = {GoalType.CAPACITY_PLANNING: 2.0, GoalType.PERFORMANCE_TARGET: 1.5}
"""By how much longer than ``step_ms`` a step takes that was never measured."""


def due_time(
    strategy: Strategy,
    goal: Goal,
    now: int,
    *,
    state: SystemState | None,
    load: Load,
    avoid_hours: frozenset[int],
    config: PlanningConfig,
    duration_ms: int = 0,
) -> int:
    """``now`` or later, and no later than leaves ``duration_ms`` before the goal's deadline.

    immediate: now. scheduled: the earliest moment of low load, or ``scheduled_delay_ms`` from now
    where none is known. adaptive and collaborative: the sooner the worse the state; now when it
    is critical or overloaded. None and unknown count as healthy. What can wait is put off out of
    ``avoid_hours`` (UTC, 0..23), unless that would miss the deadline.
    """
    urgent = state is not None and state.is_urgent
    if strategy is Strategy.IMMEDIATE or (strategy is not Strategy.SCHEDULED and urgent):
        return now
    latest = math.inf if goal.deadline is None else max(now, goal.deadline - duration_ms)
    if strategy is Strategy.SCHEDULED:
        ahead = [
            (moment, value) for moment, value in load if now <= moment and math.isfinite(value)
        ]
        windows = [each for each in _windows(ahead, duration_ms) if each[0] <= latest]
        quiet = _first_low(windows, avoid_hours, config.low_load_share)
        if quiet is not None:
            return quiet
        wanted = now + config.scheduled_delay_ms
    else:
        wanted = now + _adaptive_delay(state, config)
    return _put_off(int(min(wanted, latest)), latest, avoid_hours)


def _adaptive_delay(state: SystemState | None, config: PlanningConfig) -> int:
    factor = 1.0 if state is None else _DELAY_FACTORS.get(state, 1.0)
    return round(config.adaptive_delay_ms * factor)


def _windows(load: Load, duration_ms: int) -> list[tuple[int, float]]:
    """Each moment with the largest load of the time that the plan takes from there on."""
    return sorted(
        (start, max(value for moment, value in load if start <= moment <= start + duration_ms))
        for start, _ in load
    )


def _first_low(windows: Load, avoid_hours: frozenset[int], share: float) -> int | None:
    """The earliest start of low load, outside ``avoid_hours`` if any is; None without windows."""
    allowed = [each for each in windows if _hour(each[0]) not in avoid_hours] or windows
    if not allowed:
        return None
    lowest = min(value for _, value in allowed)
    highest = max(value for _, value in allowed)
    mark = lowest * (1 - share) + highest * share
    # Rounding may put the mark of a flat load just below it.
    return next(moment for moment, value in allowed if value <= max(mark, lowest))


def _put_off(moment: int, latest: float, avoid_hours: frozenset[int]) -> int:
    """``moment``, or the first full hour after it that is not to be avoided and not too late."""
    later = moment
    for _ in range(_HOURS):
        if later > latest:
            break
        if _hour(later) not in avoid_hours:
            return later
        later = (later // HOUR_MS + 1) * HOUR_MS
    return moment


def _hour(moment: int) -> int:
    return moment // HOUR_MS % _HOURS


def choose_strategy(goal: Goal, best: Mapping[GoalType, Strategy], shared: bool) -> Strategy:
    """The strategy that did best for this type of goal, where enough was seen to tell.

    Otherwise at once for a critical goal, together with others where its metric is ``shared``
    with another open plan, at a time of low load for capacity planning, else as the state of
    the entity asks for.
    """
    learned = best.get(goal.goal_type)
    if learned is not None:
        return learned
    if goal.priority is Priority.CRITICAL:
        return Strategy.IMMEDIATE
    if shared:
        return Strategy.COLLABORATIVE
    if goal.goal_type is GoalType.CAPACITY_PLANNING:
        return Strategy.SCHEDULED
    return Strategy.ADAPTIVE


def priority_score(goal: Goal, now: int) -> float:
    """0..150: priority, plus what the deadline adds, plus 10 for all that is still to be done.

    The deadline adds 25 within an hour or when it has passed, 15 within 24 hours.
    """
    missing = 1 - min(1.0, max(0.0, goal.progress))
    return min(MAX_SCORE, _BASE[goal.priority] + _urgency(goal.deadline, now) + 10 * missing)


def _urgency(deadline: int | None, now: int) -> float:
    if deadline is None:
        return 0.0
    left = deadline - now
    if left < HOUR_MS:
        return 25.0
    return 15.0 if left < 24 * HOUR_MS else 0.0


def estimate_ms(
    goal: Goal, steps: Iterable[PlanStep], medians: Mapping[str, float], config: PlanningConfig
) -> int:
    """Sum over the steps of the median duration of their action type, ms.

    A type without a usable median takes ``step_ms``, twice that for capacity planning and half
    as much again for a performance target.
    """
    guess = config.step_ms * _FACTORS.get(goal.goal_type, 1.0)
    return round(math.fsum(_step_ms(medians.get(step.name), guess) for step in steps))


def _step_ms(median: float | None, guess: float) -> float:
    return guess if median is None or not 0 <= median < math.inf else median
