"""What the core can be told: one frozen object, checked once at start."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, tzinfo
from typing import Annotated

from streams.core.capacity.config import StateConfig
from streams.core.effects.config import EffectsConfig
from streams.core.forecasting.calendar import CalendarConfig
from streams.core.forecasting.config import ForecastConfig
from streams.core.goal_rules.config import SettingConfig
from streams.core.goals.config import GoalConfig
from streams.core.kernel.checks import Bounds, Count, Elsewhere, check
from streams.core.kernel.clocks import TimeConfig
from streams.core.kernel.feature import Feature
from streams.core.learning.config import LearningConfig
from streams.core.metric.config import RESOURCES, MetricConfig
from streams.core.metric.limits import KnownMetrics
from streams.core.patterns.config import PatternConfig
from streams.core.planning.config import ActionSpec, PlanningConfig
from streams.core.safety.config import SafetyConfig
from streams.core.suggestions.config import SuggestionConfig


@dataclass(frozen=True, slots=True)
class CoreConfig:
    time: TimeConfig = field(default_factory=TimeConfig)
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
    zone: Annotated[tzinfo, Elsewhere()] = UTC
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
    outcomes_kept: Annotated[int, Bounds(1, 100)] = 10
    """Outcomes kept per entity for the views."""
    ids_kept: Count = 200
    """Event, action and outcome ids remembered per entity to drop repeats."""
    entity_bytes: Annotated[int, Bounds(10_000, 1_000_000)] = 900_000
    """Largest stored form of an entity: a changelog takes no larger message."""
    features: Annotated[tuple[Feature, ...], Elsewhere()] = ()
    """Features of the user's own; they run behind those of the engine."""

    def __post_init__(self) -> None:
        check(self, "core")

    @property
    def known(self) -> KnownMetrics:
        """What is known of metrics, by name or alias."""
        return KnownMetrics(self.metrics, self.aliases, self.setting.objectives)

    def metric(self, name: str) -> MetricConfig | None:
        """Configuration of a metric by its name or alias."""
        return self.metrics.get(self.aliases.get(name, name))
