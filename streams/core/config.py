"""What the core can be told: one frozen object, checked once at start."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, tzinfo

from streams.core.capacity.config import StateConfig
from streams.core.effects.config import EffectsConfig
from streams.core.forecasting.calendar import CalendarConfig
from streams.core.forecasting.regressors import RegressorConfig
from streams.core.goal_rules.config import SettingConfig
from streams.core.learning.config import LearningConfig
from streams.core.patterns.config import PatternConfig
from streams.core.planning.config import ActionSpec, PlanningConfig
from streams.core.safety.config import SafetyConfig
from streams.errors import ConfigError
from streams.records import Direction

HOUR_MS = 3_600_000
CALENDAR_TERMS = ("hour", "weekday", "holidays")


def _require(condition: bool, name: str, value: object, remedy: str) -> None:
    if not condition:
        raise ConfigError("setting out of range", field=name, value=value, remedy=remedy)


@dataclass(frozen=True, slots=True)
class ForecastConfig:
    """Which models run for every series, and how far and how sure they forecast."""

    models: tuple[str, ...] = ("ensemble", "holt_winters")
    """Registered forecasters that learn every value; forecasts come from the first ready one."""
    alpha: float = 0.3
    """Holt-Winters level smoothing, 0..1 exclusive."""
    beta: float = 0.1
    """Holt-Winters trend smoothing, 0..1 exclusive."""
    gamma: float = 0.1
    """Holt-Winters season smoothing, used when ``season`` is set."""
    season: int = 0
    """Steps in a season; 0 for none."""
    ar_order: int = 2
    difference: int = 1
    ma_order: int = 1
    drift_delta: float = 0.002
    """ADWIN's confidence: smaller is later and with fewer false alarms."""
    anomaly_threshold: float = 3.2
    """Score from which an anomaly is reported."""
    anomaly_quiet_steps: int = 120
    """Values after an anomaly in which the series raises no other."""
    horizon: int = 24
    """Steps of a forecast record, 1..168."""
    level: float = 0.95
    """Probability mass of the interval, 0..1 exclusive."""
    min_points: int = 10
    """Values needed before a forecast is given."""
    auto_analysis: bool = True
    """Whether series are analysed by themselves; without, only by command."""
    interval_ms: int = HOUR_MS
    """Event time between two analyses of a series; 0 analyses at every value."""

    def __post_init__(self) -> None:
        _require(bool(self.models), "forecasting.models", self.models, "name at least one model")
        for name in ("alpha", "beta", "gamma", "level", "drift_delta"):
            value = getattr(self, name)
            _require(0 < value < 1, f"forecasting.{name}", value, "use a number between 0 and 1")
        _require(1 <= self.horizon <= 168, "forecasting.horizon", self.horizon, "use 1 to 168")
        _require(self.min_points >= 2, "forecasting.min_points", self.min_points, "use 2 or more")
        _require(
            self.interval_ms >= 0, "forecasting.interval_ms", self.interval_ms, "use 0 or more"
        )
        _require(
            self.anomaly_threshold > 0,
            "forecasting.anomaly_threshold",
            self.anomaly_threshold,
            "use a positive number",
        )
        _require(
            self.anomaly_quiet_steps >= 0,
            "forecasting.anomaly_quiet_steps",
            self.anomaly_quiet_steps,
            "use 0 or more",
        )
        _require(self.season >= 0, "forecasting.season", self.season, "use 0 or more")


@dataclass(frozen=True, slots=True)
class MetricConfig:
    """What is known about one metric name, for every entity that has it."""

    capacity: float | None = None
    """Value at which the resource is full, in the metric's unit."""
    limit_ratio: float = 0.95
    """Share of the capacity whose crossing is a breach."""
    target_ratio: float = 0.8
    """Share of the capacity that a goal asks for."""
    unit: str = ""
    direction: Direction = Direction.AT_MOST
    """AT_MOST: large values are bad; AT_LEAST: small values are bad."""
    regressors: tuple[str, ...] = ()
    """Other metrics of the same entity by which forecasts are corrected where that helps."""
    calendar: tuple[str, ...] = ()
    """What of the calendar they are corrected by: hour, weekday, holidays."""

    def __post_init__(self) -> None:
        if self.capacity is not None:
            ok = math.isfinite(self.capacity) and self.capacity > 0
            _require(ok, "metrics.*.capacity", self.capacity, "use a positive number")
        _require(self.limit_ratio > 0, "metrics.*.limit_ratio", self.limit_ratio, "use > 0")
        _require(self.target_ratio > 0, "metrics.*.target_ratio", self.target_ratio, "use > 0")

        unknown = set(self.calendar) - set(CALENDAR_TERMS)
        _require(not unknown, "metrics.*.calendar", self.calendar, "use hour, weekday, holidays")

    @property
    def is_corrected(self) -> bool:
        """Whether forecasts are corrected by anything."""
        return bool(self.regressors or self.calendar)

    @property
    def regression(self) -> RegressorConfig:
        """What forecasts are corrected by."""
        return RegressorConfig(
            metrics=self.regressors,
            hour="hour" in self.calendar,
            weekday="weekday" in self.calendar,
            holidays="holidays" in self.calendar,
        )

    @property
    def limit(self) -> float | None:
        """The value whose crossing is a breach; None without a capacity."""
        return None if self.capacity is None else self.capacity * self.limit_ratio

    @property
    def target(self) -> float | None:
        """The value a goal asks for; None without a capacity."""
        return None if self.capacity is None else self.capacity * self.target_ratio


RESOURCES: Mapping[str, MetricConfig] = {
    "cpu": MetricConfig(capacity=100, unit="%"),
    "memory": MetricConfig(capacity=100, unit="%"),
    "api_calls": MetricConfig(capacity=10_000, unit="calls"),
    "token_budget": MetricConfig(capacity=1_000_000, unit="tokens"),
    "storage": MetricConfig(capacity=1_000, unit="GB"),
    "network": MetricConfig(capacity=1_000, unit="Mbit/s"),
}
"""Metrics whose capacity is known without being configured."""


@dataclass(frozen=True, slots=True)
class GoalConfig:
    auto_goal_setting: bool = True
    """Whether a predicted breach becomes a goal by itself."""
    max_active_goals: int = 10
    """Active goals per entity; beyond that the least urgent is cancelled, the newest first."""
    closed_goals_kept: int = 20
    """Closed goals kept per entity for the views."""
    breach_probability: float = 0.5
    """Predicted probability from which a breach is acted on, 0..1."""
    lead_ms: int = 2 * HOUR_MS
    """How long before the predicted breach a goal is due."""
    hold_ms: int = HOUR_MS
    """How long an at_most or at_least target of the engine's own goals must hold."""
    review_ms: int = 6 * HOUR_MS
    """Between two looks at whether open goals are still needed."""

    def __post_init__(self) -> None:
        _require(
            self.max_active_goals >= 1,
            "goals.max_active_goals",
            self.max_active_goals,
            "use 1 or more",
        )
        _require(self.review_ms >= 1, "goals.review_ms", self.review_ms, "use 1 or more")
        _require(
            0 < self.breach_probability <= 1,
            "goals.breach_probability",
            self.breach_probability,
            "use 0 to 1",
        )


@dataclass(frozen=True, slots=True)
class SuggestionConfig:
    strategy: str = "simple"
    """Registered strategy: simple, personality, or a name of your own."""
    personality: str = "neutral"
    """cautious (0.25), neutral (0.5) or aggressive (0.75); used by ``personality``."""
    one_direction_metrics: tuple[str, ...] = ()
    """Metrics whose proposed value never falls below the current one."""


@dataclass(frozen=True, slots=True)
class CoreConfig:
    forecasting: ForecastConfig = field(default_factory=ForecastConfig)
    goals: GoalConfig = field(default_factory=GoalConfig)
    setting: SettingConfig = field(default_factory=SettingConfig)
    """By which rules goals are set."""
    suggestions: SuggestionConfig = field(default_factory=SuggestionConfig)
    metrics: Mapping[str, MetricConfig] = field(default_factory=lambda: dict(RESOURCES))
    """By name. A metric with a capacity is a resource."""
    states: StateConfig = field(default_factory=StateConfig)
    patterns: PatternConfig = field(default_factory=PatternConfig)
    calendar: CalendarConfig = field(default_factory=CalendarConfig)
    """Whose holidays and hours forecasts may depend on."""
    zone: tzinfo = UTC
    """Where hours of the day and weekdays of patterns are counted."""
    actions: Mapping[str, ActionSpec] = field(default_factory=dict[str, ActionSpec])
    """The catalogue: action type to what is known of it."""
    planning: PlanningConfig = field(default_factory=PlanningConfig)
    safety: SafetyConfig = field(default_factory=SafetyConfig)
    effects: EffectsConfig = field(default_factory=EffectsConfig)
    learning: LearningConfig = field(default_factory=LearningConfig)
    aliases: dict[str, str] = field(default_factory=dict[str, str])
    """Other names of a metric, e.g. cpu -> cpu_usage."""
    duration_metric: str = ""
    """Metric of the entity that gets the run time of each of its actions, ms; empty for none."""
    outcomes_kept: int = 10
    """Outcomes kept per entity for the views."""
    ids_kept: int = 200
    """Event, action and outcome ids remembered per entity to drop repeats."""

    def metric(self, name: str) -> MetricConfig | None:
        """Configuration of a metric by its name or alias."""
        return self.metrics.get(self.aliases.get(name, name))
