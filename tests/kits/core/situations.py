"""Situations to set goals in."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from streams.core.analysis.breach import predict_breach, prediction_record
from streams.core.config import CoreConfig
from streams.core.goal_rules.situation import History, Reading, Situation
from streams.core.metric.config import MetricConfig
from streams.records import (
    Direction,
    Goal,
    GoalOrigin,
    Pattern,
    PatternType,
    Prediction,
    PredictionKind,
    ResourceDemand,
)
from tests.kits.core.goals import ENTITY, HOUR, MINUTE, NOW, admitted

CPU = MetricConfig(capacity=100.0, unit="%")
API = MetricConfig(capacity=10_000.0, unit="calls")
CONFIG = CoreConfig(metrics={"cpu": CPU, "api_calls": API})


def situation(readings: dict[str, float] | None = None, **fields: Any) -> Situation:
    """One entity at NOW; ``readings`` are fresh values."""
    fresh = {metric: Reading(value, 0, value) for metric, value in (readings or {}).items()}
    base: dict[str, Any] = {"entity_id": ENTITY, "now": NOW, "correlation_id": "c-1"}
    return Situation(**(base | {"readings": fresh} | fields))


def holding(*goals: Goal) -> dict[str, Goal]:
    return {goal.goal_id: goal for goal in goals}


def own(**fields: Any) -> Goal:
    """An open goal that the engine has set itself."""
    return admitted(**({"origin": GoalOrigin.AUTONOMOUS} | fields))


def breach(
    metric: str,
    means: Sequence[float],
    known: MetricConfig = CPU,
    *,
    current: float = 60.0,
    limit: float | None = None,
    now: int = NOW,
    prediction_id: str = "p-1",
) -> Prediction:
    """The predicted breach of hourly means with a narrow interval."""
    found = predict_breach(
        metric,
        means,
        [mean - 0.1 for mean in means],
        [mean + 0.1 for mean in means],
        0.95,
        HOUR,
        now,
        current,
        known.limit if limit is None and known.limit is not None else limit or 0.0,
        known.direction,
    )
    assert found is not None
    return prediction_record(
        found,
        known,
        entity_id=ENTITY,
        entity_type="service",
        now=now,
        prediction_id=prediction_id,
        confidence=0.9,
        correlation_id="c-1",
    )


def ramp(start: float, step: float, count: int = 24) -> list[float]:
    return [start + step * index for index in range(1, count + 1)]


def demand(metric: str, usage: float, capacity: float = 100.0) -> ResourceDemand:
    """An average of ``usage`` predicted over a day."""
    return ResourceDemand(
        resource_type=metric,
        method="ensemble",
        prediction_time=NOW + 24 * HOUR,
        current_usage=usage,
        predicted_usage=usage,
        predicted_peak=usage,
        upper_peak=usage,
        capacity=capacity,
        utilization_percent=100 * usage / capacity,
        peak_utilization_percent=100 * usage / capacity,
        predicted_state="healthy",
        will_exceed_capacity=usage > capacity,
        probability=0.0,
        confidence=0.9,
    )


def outlook(*demands: ResourceDemand, prediction_id: str = "s-1") -> Prediction:
    return Prediction(
        entity_id=ENTITY,
        timestamp=NOW,
        prediction_id=prediction_id,
        kind=PredictionKind.STATE,
        probability=0.5,
        horizon_ms=24 * HOUR,
        predicted_state="degraded",
        confidence=0.9,
        resource_demands=demands,
    )


def pattern(pattern_id: str = "pat-1", **fields: Any) -> Pattern:
    base = {
        "entity_id": ENTITY,
        "timestamp": NOW,
        "pattern_id": pattern_id,
        "pattern_type": PatternType.RECURRING_TASK,
        "description": "backup recurs every 1 hours",
        "frequency": "every 1 hours",
        "occurrences": 12,
        "confidence": 0.9,
    }
    return Pattern(**(base | fields))


def minutes(*values: float) -> History:
    return History(values, MINUTE)


FLOOR = Direction.AT_LEAST
CEILING = Direction.AT_MOST
