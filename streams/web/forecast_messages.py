"""What the forecasting API is asked and what it answers."""

from __future__ import annotations

from typing import Annotated

import msgspec
from msgspec import Meta

from streams.web.requests import Message, Name

HORIZON_DEFAULT = 24
HORIZON_MAX = 168
"""Points of a forecast answer, and hours of a horizon."""
LIMIT_DEFAULT = 100
LIMIT_MAX = 1000

Steps = Annotated[int, Meta(ge=1, le=HORIZON_MAX)]
Hours = Annotated[float, Meta(ge=1, le=HORIZON_MAX)]
Level = Annotated[float, Meta(gt=0, lt=1)]
Limit = Annotated[int, Meta(ge=1, le=LIMIT_MAX)]

_SERIES_ALIASES = {"entity": "entity_id", "metric": "metric_name"}
_ENTITY_ALIASES = {"entity": "entity_id"}


class ForecastRequest(Message, frozen=True, kw_only=True):
    """Which series is to be forecast, how, and how far."""

    aliases = _SERIES_ALIASES
    entity_id: Name
    metric_name: Name
    method: str = ""
    """One of GET /api/forecasting/methods. Empty: the first configured one that is ready, which
    is the ensemble unless configured otherwise."""
    horizon: Steps | None = None
    """In steps of the series; 24 when neither this nor horizon_hours is given."""
    horizon_hours: Hours | None = None
    """In hours instead: converted with the time step of the series."""
    confidence_level: Level = 0.95
    """Share of the values that the intervals hold."""


class ForecastMetadata(msgspec.Struct, frozen=True, kw_only=True):
    members: tuple[str, ...]
    """What the method combines, heaviest first."""
    step_ms: int
    """Time between two steps; 0 when the timestamps do not show one."""
    stride: int
    """Steps between two predictions."""
    points: int
    """Values learned."""
    newest_timestamp: int
    """Event time of the newest value, ms."""
    coverage: float
    """Running share of values inside the interval that was given for them."""
    promised_coverage: float
    """The share that should have been inside."""
    confidence: float
    """0..1, how far the intervals can be taken at their word."""


class ForecastAnswer(msgspec.Struct, frozen=True, kw_only=True):
    """Expected values of one series with their intervals, nearest first."""

    entity_id: str
    metric_name: str
    method: str
    """The forecaster that was asked."""
    forecast_horizon: int
    """Steps up to the last prediction."""
    predictions: list[float]
    confidence_intervals: list[tuple[float, float]]
    """Lower and upper bound of each prediction."""
    prediction_timestamps: list[int]
    """Of each prediction, ms; empty when the time step is not known."""
    confidence_level: float
    mae: float | None
    """Running mean absolute one-step error of the method; null before the first score."""
    rmse: float | None
    """Running root mean square one-step error of the default method; null for others."""
    recent: list[float]
    """The newest values, oldest first, 72 at most."""
    metadata: ForecastMetadata


class SeriesRequest(Message, frozen=True, kw_only=True):
    """One series."""

    aliases = _SERIES_ALIASES
    entity_id: Name
    metric_name: Name


class HorizonAccuracy(msgspec.Struct, frozen=True, kw_only=True):
    horizon: int
    """Steps ahead."""
    mae: float
    coverage: float
    """Share of values between the 10 % and the 90 % quantile."""
    scored: int
    """Forecasts compared with their value."""


class AccuracyAnswer(msgspec.Struct, frozen=True, kw_only=True):
    """Running errors of forecasts that were made before their values."""

    entity_id: str
    metric_name: str
    points: int
    """Values learned."""
    mae: float | None
    """One step ahead; null before the first score."""
    rmse: float | None
    mape: float | None
    """Percent, over values that are not 0; null when there were none."""
    convergence: float | None
    """0..1, near 1 when the errors have settled."""
    horizon_evaluated: int | None
    """The farthest step ahead with a scored forecast; null when there is none."""
    models: dict[str, float]
    """One-step mean absolute error of every model that runs for the series."""
    horizons: list[HorizonAccuracy]


class EntityRequest(Message, frozen=True, kw_only=True):
    """One entity."""

    aliases = _ENTITY_ALIASES
    entity_id: Name


class RowsRequest(Message, frozen=True, kw_only=True):
    """A page of stored rows, of one entity or of all."""

    aliases = _ENTITY_ALIASES
    entity_id: Name | None = None
    """All rows of this entity; without it a page of all entities."""
    after: str = ""
    """``next`` of the page before; for all entities only."""
    limit: Limit = LIMIT_DEFAULT
    """Rows looked at; for all entities only."""


class PredictionsRequest(RowsRequest, frozen=True, kw_only=True):
    horizon_hours: Hours = 24
    """Predictions of what lies at most so many hours after they were made."""


class PatternsRequest(RowsRequest, frozen=True, kw_only=True):
    pattern_type: str = ""
    """Of this type only; empty for all."""


class RowsAnswer(msgspec.Struct, frozen=True, kw_only=True):
    next: str | None = None
    """Value of ``after`` for the following page; null at the end."""
    complete: bool = True
    """Whether every partition of the group was looked at, or the one of the entity."""
    unavailable: list[str] = []
    """Peers that did not answer."""


class PredictionsAnswer(RowsAnswer, frozen=True, kw_only=True):
    """The latest predictions."""

    predictions: list[object]
    horizon_hours: float


class PatternsAnswer(RowsAnswer, frozen=True, kw_only=True):
    """What is known to recur."""

    patterns: list[object]


class MethodAnswer(msgspec.Struct, frozen=True, kw_only=True):
    name: str
    """Name in requests."""
    runs: str
    """The forecaster that it stands for; empty when there is none."""
    running: bool
    """Whether it can be asked now."""
    about: str = ""
    reason: str = ""
    """Why it does not run."""
    remedy: str = ""


class MethodsAnswer(msgspec.Struct, frozen=True, kw_only=True):
    """The forecasting methods that can be named, and which of them run."""

    default: str
    methods: list[MethodAnswer]


class HealthAnswer(msgspec.Struct, frozen=True, kw_only=True):
    status: str
    """ok, not_ready or failing."""
    timestamp: int
    """Now, ms."""
    methods: list[str]
    """Forecasters that run."""
    writable: bool
    """Whether metrics and events may be posted: only with a token."""
