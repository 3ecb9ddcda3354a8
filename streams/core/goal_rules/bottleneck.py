"""bottleneck_prevention: a resource that is predicted to run short."""

from __future__ import annotations

from streams.core.goal_rules.candidate import Wish, candidate
from streams.core.goal_rules.config import RulesConfig
from streams.core.goal_rules.situation import Situation
from streams.core.goals.measurement import NOT_BEFORE
from streams.core.metric.config import MetricConfig
from streams.records import CauseKind, Direction, Goal, GoalType, Prediction, Priority, Severity

_STEPS = ("analyse_bottleneck", "optimise_resource", "monitor_resource")


def bottleneck_goals(situation: Situation, config: RulesConfig) -> list[Goal]:
    """One goal for each predicted breach of a metric with a capacity.

    The target is that share of the capacity which the configuration asks for, due ``lead_ms``
    before the breach but never sooner than its hold could show.
    """
    known = ((config.metric(metric), breach) for metric, breach in situation.breaches.items())
    return [
        candidate(situation, config, _wish(breach, settings, settings.target, situation, config))
        for settings, breach in known
        if settings is not None and settings.target is not None
    ]


def prediction_numbers(prediction: Prediction) -> dict[str, float]:
    """The numbers of a predicted breach, by name."""
    numbers = {
        "probability": prediction.probability,
        "limit": prediction.threshold,
        "capacity": prediction.capacity,
        "predicted_value": prediction.predicted_value,
        "current": prediction.current_value,
        "horizon_ms": float(prediction.horizon_ms),
        NOT_BEFORE: None if prediction.predicted_time is None else float(prediction.predicted_time),
    }
    return {name: number for name, number in numbers.items() if number is not None}


def _wish(
    prediction: Prediction,
    settings: MetricConfig,
    target: float,
    situation: Situation,
    config: RulesConfig,
) -> Wish:
    critical = prediction.severity is Severity.CRITICAL
    predicted = prediction.predicted_time
    bound = "above" if settings.direction is Direction.AT_LEAST else "below"
    unit = f" {settings.unit}" if settings.unit else ""
    return Wish(
        goal_type=GoalType.BOTTLENECK_PREVENTION,
        metric=prediction.metric,
        target=target,
        unit=settings.unit,
        direction=settings.direction,
        priority=Priority.CRITICAL if critical else Priority.HIGH,
        description=f"keep {prediction.metric} {bound} {target:g}{unit}: {prediction.description}",
        steps=_STEPS,
        due=(situation.now if predicted is None else predicted) - config.goals.lead_ms,
        cause_kind=CauseKind.PREDICTION,
        cause_id=prediction.prediction_id,
        numbers=prediction_numbers(prediction),
        metadata={
            "severity": prediction.severity.value,
            "prediction_confidence": f"{prediction.confidence:g}",
            "mitigations": "; ".join(prediction.mitigations),
        },
    )
