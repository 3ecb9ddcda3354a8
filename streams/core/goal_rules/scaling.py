"""Capacity that follows a demand: as many units as the forecast asks for, a little while ahead.

Planning for the largest upper quantile within the time that a new unit needs to serve, and keeping
the largest of the latest plans, is what the closed loop of ``benchmarks.quality`` measures. Two
rules of other systems are in it: to scale out early and in only on evidence (AWS predictive
scaling), and to take the largest of the latest recommendations (the stabilisation window of the
Kubernetes autoscaler).
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

from streams.core.forecasting.interval import half_width
from streams.core.kernel.checks import (
    Count,
    CountOrZero,
    Positive,
    PositiveOrZero,
    PositiveShare,
    check,
    require,
)
from streams.core.kernel.ids import stable_id
from streams.core.kernel.model_results import SeriesForecast
from streams.records import CauseKind, Direction, Goal, GoalOrigin, GoalType, Priority

if TYPE_CHECKING:  # the core's configuration holds rules, and a situation may know it
    from streams.core.goal_rules.situation import Situation

SCALE_TO = "scale_to"
"""Action that brings the capacity metric to the goal's target."""
_MIN_TIME_MS = 60_000
"""Least time that a goal is given, also where the timestamps show no step."""
_ROUNDING = 1e-9
"""Units by which a need may pass a whole number and still be that number."""


@dataclass(frozen=True, slots=True)
class ScalingRule:
    """How many units a demand needs."""

    capacity_metric: str
    """Metric that says how many units there are, those on their way included."""
    unit_capacity: Positive
    """What one unit can do, in the demand's unit."""
    utilisation: PositiveShare = 0.8
    """Highest load of the ready units that is no violation, 0..1."""
    lookahead: Count = 6
    """Steps that are planned for: those until a unit asked for now serves, and one more."""
    caution: PositiveOrZero = 1.2816
    """Deviations above the mean that are planned for; 1.2816 plans for the 90 % quantile."""
    hold: Count = 3
    """Analyses for which the largest plan is kept."""
    min_units: CountOrZero = 1
    max_units: int | None = None
    """None for no bound."""

    def __post_init__(self) -> None:
        check(self, "setting.scaling.*")
        named = bool(self.capacity_metric)
        require(named, "setting.scaling.*.capacity_metric", "", "name the metric")
        most = self.max_units
        require(
            most is None or most >= max(self.min_units, 1),
            "setting.scaling.*.max_units",
            most,
            "use min_units or more, or none",
        )

    def units_for(self, demand: float) -> int:
        """Units whose load such a demand does not bring above ``utilisation``."""
        units = math.ceil(max(demand, 0.0) / (self.utilisation * self.unit_capacity) - _ROUNDING)
        bounded = max(units, self.min_units)
        return bounded if self.max_units is None else min(bounded, self.max_units)

    def peak(self, forecast: SeriesForecast) -> float:
        """Largest demand to plan for within the lookahead; NaN for a forecast without steps.

        The deviation of a step is that of the normal distribution whose upper quantile is the
        forecast's.
        """
        mean = forecast.mean[: self.lookahead]
        if not mean.size:
            return math.nan
        deviation = (forecast.upper[: self.lookahead] - mean) / half_width(forecast.level)
        return float((mean + self.caution * deviation).max())


def scaling(situation: Situation, rules: Mapping[str, ScalingRule]) -> list[Goal]:
    """Goals by which the capacity follows the demands that were just analysed.

    ``rules`` are by demand metric, and so is ``situation.needs``: the latest needs, oldest first,
    to which this call adds one for each demand in ``situation.forecasts``. More units than there
    are is urgent; fewer only saves. No goal without a reading of the capacity metric.
    """
    found = (
        _goal(situation, metric, rule, forecast)
        for metric, rule in rules.items()
        if (forecast := situation.forecasts.get(metric)) is not None
    )
    return [goal for goal in found if goal is not None]


def _goal(
    situation: Situation, metric: str, rule: ScalingRule, forecast: SeriesForecast
) -> Goal | None:
    peak = rule.peak(forecast)
    if not math.isfinite(peak):
        return None
    needed = rule.units_for(peak)
    wanted = _held(situation.needs, metric, needed, rule.hold)
    current = situation.readings.get(rule.capacity_metric)
    if current is None or wanted == current.value:
        return None
    numbers = {
        "predicted_peak": peak,
        "needed": float(needed),
        "wanted": float(wanted),
        "current": current.value,
        "unit_capacity": rule.unit_capacity,
    }
    demand = situation.readings.get(metric)
    if demand is not None:
        numbers["demand"] = demand.value
    return _wish(situation, metric, rule, forecast, numbers)


def _held(needs: dict[str, list[int]], metric: str, needed: int, hold: int) -> int:
    """The largest of the latest needs, this one included."""
    latest = needs.setdefault(metric, [])
    latest.append(needed)
    del latest[:-hold]
    return max(latest)


def _wish(
    situation: Situation,
    metric: str,
    rule: ScalingRule,
    forecast: SeriesForecast,
    numbers: Mapping[str, float],
) -> Goal:
    target, current = numbers["wanted"], numbers["current"]
    grows = target > current
    goal_type = GoalType.CAPACITY_PLANNING if grows else GoalType.COST_REDUCTION
    key = "|".join((situation.entity_id, goal_type.value, rule.capacity_metric))
    return Goal(
        entity_id=situation.entity_id,
        entity_type=situation.entity_type,
        timestamp=situation.now,
        correlation_id=situation.correlation_id,
        goal_id=stable_id("goal", key, situation.now),
        goal_type=goal_type,
        priority=Priority.CRITICAL if grows else Priority.MEDIUM,
        description=(
            f"{target:g} {rule.capacity_metric} instead of {current:g}: {metric} up to "
            f"{numbers['predicted_peak']:.4g} is to be planned for, a unit carries "
            f"{rule.utilisation * rule.unit_capacity:.4g}"
        ),
        target_metric=rule.capacity_metric,
        target_value=target,
        direction=Direction.AT_LEAST if grows else Direction.AT_MOST,
        hold_ms=0,
        deadline=situation.now + max(_MIN_TIME_MS, rule.lookahead * forecast.step_ms),
        actions=(SCALE_TO,),
        origin=GoalOrigin.AUTONOMOUS,
        cause_kind=CauseKind.RULE,
        cause_id=f"scaling:{metric}",
        cause_numbers=dict(numbers),
        dedupe_key=key,
        metadata={"demand_metric": metric},
    )
