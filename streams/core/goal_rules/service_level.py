"""sla_maintenance: an error budget that is used up too fast.

The burn rate is the share of bad requests over the share that the objective allows. It has to be
too high over a long window and still over a short one, so that neither a single bad moment nor an
incident that is over is a reason (multiwindow burn-rate alerts, The Site Reliability Workbook,
chapter 5). Values count alike, however many requests they stand for.
"""

from __future__ import annotations

from statistics import fmean
from typing import NamedTuple

from streams.core.goal_rules.candidate import Wish, candidate, measured
from streams.core.goal_rules.config import Objective, RulesConfig, SettingConfig
from streams.core.goal_rules.situation import History, Situation
from streams.records import CauseKind, Direction, Goal, GoalType, Priority

_STEPS = ("analyse_errors", "reduce_errors", "monitor_service_level")
_TYPE = GoalType.SLA_MAINTENANCE
_LEAST = 6
"""Values without which the long window says nothing."""
_SHORT = 12
"""The short window is this part of the long one."""
_CRITICAL, _HIGH = 14.4, 6.0
"""Burn rates that use 2 % of a month's budget in an hour, and 5 % in six."""


class Burn(NamedTuple):
    """Speed at which the budget is used up; 1 is what the objective allows."""

    long: float
    short: float


def service_level_goals(situation: Situation, config: RulesConfig) -> list[Goal]:
    """One goal for each objective whose budget burns faster than the configuration allows."""
    rules = config.setting
    goals: list[Goal] = []
    for metric, _, level in measured(situation, rules.service_levels, config.aliases):
        history = situation.histories.get(metric)
        burn = None if history is None else burn_rate(history, level, rules)
        if burn is not None and min(burn) > rules.burn_rate:
            goals.append(candidate(situation, config, _wish(metric, level, burn, rules)))
    return goals


def burn_rate(history: History, level: Objective, rules: SettingConfig) -> Burn | None:
    """Burn over both windows, as far as values are kept; None with fewer than six values."""
    if len(history.values) < _LEAST:
        return None
    step = history.step_ms
    steps = max(_LEAST, rules.burn_window_ms // step) if step > 0 else len(history.values)
    newest = history.values[-steps:]
    short = newest[-max(1, len(newest) // _SHORT) :]
    return Burn(_burn(newest, level), _burn(short, level))


def _burn(values: tuple[float, ...], level: Objective) -> float:
    floor = level.direction is Direction.AT_LEAST
    budget = 1 - level.target if floor else level.target
    bad = (1 - value if floor else value for value in values)
    return fmean(min(1.0, max(0.0, share)) for share in bad) / budget


def _wish(metric: str, level: Objective, burn: Burn, rules: SettingConfig) -> Wish:
    slowest = min(burn)
    urgent = Priority.HIGH if slowest >= _HIGH else Priority.MEDIUM
    bound = "at least" if level.direction is Direction.AT_LEAST else "at most"
    return Wish(
        goal_type=_TYPE,
        metric=metric,
        target=level.target,
        unit=level.unit,
        direction=level.direction,
        priority=Priority.CRITICAL if slowest >= _CRITICAL else urgent,
        description=(
            f"keep {metric} {bound} {level.target:g}: the error budget burns {burn.long:.3g} times "
            "as fast as it may"
        ),
        steps=_STEPS,
        cause_kind=CauseKind.RULE,
        cause_id=f"{_TYPE.value}:{metric}",
        numbers={
            "objective": level.target,
            "burn_rate": burn.long,
            "burn_rate_now": burn.short,
            "mark": rules.burn_rate,
            "window_ms": float(rules.burn_window_ms),
        },
    )
