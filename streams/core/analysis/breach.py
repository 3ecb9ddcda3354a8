"""A forecast that passes a limit: how likely, when, and how bad."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from statistics import NormalDist

from streams.core.analysis.mitigations import mitigations
from streams.core.metric.config import MetricConfig
from streams.core.metric.progress import signed_gap
from streams.records import Direction, Prediction, PredictionKind, Severity

_CRITICAL_UTILISATION = 0.95
_BUSY_UTILISATION = 0.85


@dataclass(frozen=True, slots=True)
class BreachForecast:
    """How one metric is expected to stand to its limit within the horizon."""

    metric: str
    direction: Direction
    limit: float
    probability: float
    """0..1 that the limit is passed at some step. Where the forecaster keeps no record of how far
    extremes lie from its forecasts: the largest chance of any single step, a lower bound."""
    crosses: bool
    """Whether it is passed now or by the forecast mean."""
    predicted_time: int
    """First moment (ms) at which the mean is past the limit; without one, the likeliest step."""
    current: float
    mean: float
    """Mean of the forecast over the horizon."""
    peak: float
    """Worst value of the forecast mean, or the current value where that is past the limit."""
    horizon_ms: int


def predict_breach(  # noqa: PLR0913 - a forecast's columns and scale, and its limit
    metric: str,
    forecast_mean: Sequence[float],
    lower: Sequence[float],
    upper: Sequence[float],
    level: float,
    step_ms: int,
    now: int,
    current: float,
    limit: float,
    direction: Direction,
    path_probability: float | None = None,
) -> BreachForecast | None:
    """How ``forecast_mean`` (one value a step, the first at ``now + step_ms``) meets ``limit``.

    ``lower`` and ``upper`` enclose the mass ``level`` (0..1 exclusive) of a normal distribution
    at each step. ``path_probability`` is the forecaster's own chance that the limit is passed at
    some step, when it has one. A current value past the limit is a breach now, with probability 1.
    None when there is nothing to judge: no steps, no side (direction reach), or a number that is
    not finite.
    """
    numbers = (*forecast_mean, *lower, *upper, current, limit)
    if direction is Direction.REACH or not forecast_mean or not all(map(math.isfinite, numbers)):
        return None
    sign = 1.0 if direction is Direction.AT_MOST else -1.0
    scale = 2 * NormalDist().inv_cdf(0.5 + level / 2)
    margins = [sign * signed_gap(limit, mean) for mean in forecast_mean]
    scores = [
        _standardised(margin, (high - low) / scale)
        for margin, low, high in zip(margins, lower, upper, strict=True)
    ]
    worst = min(range(len(scores)), key=scores.__getitem__)
    first = next((step for step, margin in enumerate(margins) if margin < 0), worst)
    past_now = sign * (current - limit) > 0
    at_worst = _chance_past(scores[worst])
    probability = at_worst if path_probability is None else path_probability
    peak = sign * max(sign * mean for mean in forecast_mean)
    return BreachForecast(
        metric=metric,
        direction=direction,
        limit=limit,
        probability=1.0 if past_now else probability,
        crosses=past_now or margins[first] < 0,
        predicted_time=now if past_now else now + (first + 1) * step_ms,
        current=current,
        mean=math.fsum(mean / len(forecast_mean) for mean in forecast_mean),
        peak=sign * max(sign * peak, sign * current) if past_now else peak,
        horizon_ms=len(forecast_mean) * step_ms,
    )


def prediction_record(
    breach: BreachForecast,
    metric_config: MetricConfig,
    *,
    entity_id: str,
    entity_type: str,
    now: int,
    prediction_id: str,
    confidence: float,
    correlation_id: str = "",
) -> Prediction:
    """The published form. ``confidence`` (0..1) is that of the forecaster."""
    return Prediction(
        entity_id=entity_id,
        entity_type=entity_type,
        timestamp=now,
        correlation_id=correlation_id,
        prediction_id=prediction_id,
        kind=PredictionKind.BREACH,
        metric=breach.metric,
        threshold=breach.limit,
        probability=breach.probability,
        horizon_ms=breach.horizon_ms,
        predicted_time=breach.predicted_time,
        current_value=breach.current,
        predicted_value=breach.peak,
        capacity=metric_config.capacity,
        severity=severity(breach, metric_config.capacity),
        confidence=confidence,
        description=_describe(breach, metric_config, now),
        mitigations=mitigations(breach.metric),
    )


def severity(breach: BreachForecast, capacity: float | None) -> Severity:
    """critical, warning (high), caution (medium) or info (low).

    A crossing is critical when the forecast stays past the mark on average: 95 % of the capacity,
    or the limit itself where small values are bad or no capacity is known. Another crossing is
    a warning. Without a crossing, average use above 85 % of the capacity is worth caution.
    """
    at_most = breach.direction is Direction.AT_MOST
    use = breach.mean / capacity if at_most and capacity is not None else None
    if use is not None:
        lasting = use > _CRITICAL_UTILISATION
    else:
        lasting = breach.mean > breach.limit if at_most else breach.mean < breach.limit
    if breach.crosses:
        return Severity.CRITICAL if lasting else Severity.WARNING
    return Severity.CAUTION if use is not None and use > _BUSY_UTILISATION else Severity.INFO


def _standardised(margin: float, deviation: float) -> float:
    """Deviations between the mean and the limit; negative when the mean is past it."""
    if deviation > 0:
        return margin / deviation
    return -math.inf if margin < 0 else math.inf


def _chance_past(score: float) -> float:
    """Mass of the standard normal above ``score``."""
    return 0.5 * math.erfc(score / math.sqrt(2))


def _describe(breach: BreachForecast, metric_config: MetricConfig, now: int) -> str:
    unit = f" {metric_config.unit}" if metric_config.unit else ""
    side = "below" if breach.direction is Direction.AT_LEAST else "above"
    ahead = breach.predicted_time - now
    when = f"in {ahead / 60_000:.3g} min" if ahead > 0 else "now"
    of = "" if metric_config.capacity is None else f" of {metric_config.capacity:g}{unit} capacity"
    return (
        f"{breach.metric} is {breach.current:g}{unit}{of} and passes {side} {breach.limit:g}{unit} "
        f"{when} with probability {breach.probability:.2f}; worst forecast "
        f"{breach.peak:g}{unit} within {breach.horizon_ms / 60_000:.3g} min"
    )
