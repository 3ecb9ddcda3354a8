"""What is expected of a metric, what is predicted of an entity, what recurs."""

from __future__ import annotations

from enum import StrEnum

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
    """Share of past values inside their one-step interval, 0..1."""
    points: int
    """Values learned so far."""


class PredictionKind(StrEnum):
    BREACH = "breach"
    BOTTLENECK = "bottleneck"
    STATE = "state"


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
