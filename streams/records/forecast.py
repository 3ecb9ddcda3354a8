"""What is expected of a metric, what is predicted of an entity, what recurs."""

from __future__ import annotations

from enum import StrEnum

import msgspec

from streams.records.base import Record, Severity


class Forecast(Record, frozen=True, kw_only=True):
    """Expected values of one metric, one per step from the next on."""

    forecast_id: str
    metric: str
    method: str
    step_seconds: float
    predictions: tuple[float, ...]
    lower: tuple[float, ...]
    upper: tuple[float, ...]
    level: float
    """Probability that a value lies between lower and upper, 0..1."""
    error: float | None = None
    """Running mean absolute one-step error; None before the first score."""
    coverage: float | None = None
    """Share of past values inside their interval, 0..1."""
    members: tuple[str, ...] = ()
    """What the method combines, heaviest first."""
    points: int
    """Values learned so far."""


class PredictionKind(StrEnum):
    BREACH = "breach"
    BOTTLENECK = "bottleneck"
    STATE = "state"


class ResourceDemand(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What one resource of the entity is expected to be asked for, up to ``prediction_time``.

    Usages are in the metric's unit, percentages are shares of the capacity.
    """

    resource_type: str
    """The metric."""
    method: str
    """The forecaster."""
    prediction_time: int
    """End of the horizon, ms."""
    current_usage: float | None = None
    predicted_usage: float
    """Mean of the forecast over the horizon."""
    predicted_peak: float
    """Largest expected value of a single step."""
    upper_peak: float
    """The peak to plan for: largest upper quantile of a single step."""
    capacity: float
    utilization_percent: float
    """Of ``predicted_usage``."""
    peak_utilization_percent: float
    """Of ``upper_peak``."""
    predicted_state: str
    """Of this resource alone, at ``upper_peak``."""
    will_exceed_capacity: bool
    """Whether it is above its capacity now or at ``upper_peak``."""
    time_to_capacity_ms: int | None = None
    """From the prediction to the first such moment; None without one."""
    probability: float
    """0..1 that the capacity is passed within the horizon."""
    confidence: float
    """0..1, from interval coverage and running error."""


class Bottleneck(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A resource of the entity that is expected to run short."""

    bottleneck_id: str
    location: str
    """The metric."""
    severity: Severity
    """critical, warning (high) or caution (medium)."""
    description: str
    predicted_time: int
    """When use passes ``threshold``, ms."""
    threshold: float
    """The capacity, or the value from which use is worth caution."""
    probability: float
    """0..1 that the threshold is passed within the horizon."""
    confidence: float
    affected_resources: tuple[str, ...] = ()
    mitigation_suggestions: tuple[str, ...] = ()


class Prediction(Record, frozen=True, kw_only=True):
    """A statement about the future of an entity that can be checked later."""

    prediction_id: str
    kind: PredictionKind
    metric: str = ""
    threshold: float | None = None
    probability: float
    """0..1 that it happens within the horizon."""
    horizon_ms: int
    predicted_time: int | None = None
    """When it is expected to happen, ms."""
    current_value: float | None = None
    predicted_value: float | None = None
    capacity: float | None = None
    current_state: str = ""
    predicted_state: str = ""
    severity: Severity = Severity.INFO
    confidence: float
    """0..1, from interval coverage and running error."""
    description: str = ""
    mitigations: tuple[str, ...] = ()
    risk_factors: tuple[str, ...] = ()
    recommendations: tuple[str, ...] = ()
    affected_resources: tuple[str, ...] = ()
    """Metrics that the statement is about, the most pressing first."""
    resource_demands: tuple[ResourceDemand, ...] = ()
    predicted_bottlenecks: tuple[Bottleneck, ...] = ()
    """The most pressing first."""
    missing_resources: tuple[str, ...] = ()
    """Metrics with a capacity that could not be forecast."""


class PatternType(StrEnum):
    RECURRING_TASK = "recurring_task"
    PERIODIC_SPIKE = "periodic_spike"
    SEASONAL_TREND = "seasonal_trend"
    WORKFLOW_SEQUENCE = "workflow_sequence"
    USER_BEHAVIOR = "user_behavior"
    CORRELATION = "correlation"
    ANOMALY = "anomaly"


class Pattern(Record, frozen=True, kw_only=True):
    pattern_id: str
    pattern_type: PatternType
    description: str
    confidence: float
    frequency: str = ""
    last_occurrence: int | None = None
    next_occurrence: int | None = None
    occurrences: int = 0
    metadata: dict[str, str] = {}
    active: bool = True
