"""By which rules the engine sets goals, and with which numbers."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from math import inf
from typing import Annotated, Protocol

from streams.core.goal_rules.scaling import ScalingRule
from streams.core.goals.config import GoalConfig
from streams.core.kernel.checks import (
    DAY_MS,
    HOUR_MS,
    Bounds,
    Count,
    Entries,
    InnerShare,
    Positive,
    Time,
    TimeOrZero,
    check,
    require,
)
from streams.core.metric.config import MetricConfig
from streams.core.metric.limits import Objective
from streams.core.planning.config import ActionSpec
from streams.records import Direction, GoalType


@dataclass(frozen=True, slots=True)
class TypeConfig:
    """How goals of one kind are set."""

    due_ms: Time
    """From the moment at which such a goal is set to its deadline, where no prediction says."""
    enabled: bool = True
    cooldown_ms: TimeOrZero = HOUR_MS
    """After such a goal was closed, how long none is set for the same reason, unless it has become
    more urgent."""

    def __post_init__(self) -> None:
        check(self, "setting.types.*")


DEFAULT_TYPES: Mapping[GoalType, TypeConfig] = {
    GoalType.BOTTLENECK_PREVENTION: TypeConfig(due_ms=DAY_MS),
    GoalType.SLA_MAINTENANCE: TypeConfig(due_ms=DAY_MS),
    GoalType.PERFORMANCE_TARGET: TypeConfig(due_ms=7 * DAY_MS),
    GoalType.CAPACITY_PLANNING: TypeConfig(due_ms=DAY_MS),
    GoalType.RESOURCE_OPTIMIZATION: TypeConfig(due_ms=12 * HOUR_MS),
    GoalType.COST_REDUCTION: TypeConfig(due_ms=30 * DAY_MS, cooldown_ms=30 * DAY_MS),
    GoalType.PATTERN_ADAPTATION: TypeConfig(due_ms=7 * DAY_MS, cooldown_ms=7 * DAY_MS),
}


def _objectives() -> dict[str, Objective]:
    return {"latency": Objective(200.0, Direction.AT_MOST, "ms")}


def _service_levels() -> dict[str, Objective]:
    return {
        "success_rate": Objective(0.99, Direction.AT_LEAST),
        "error_rate": Objective(0.01, Direction.AT_MOST),
    }


@dataclass(frozen=True, slots=True)
class SettingConfig:
    """Shares are of 1; times in ms of event time."""

    types: Annotated[Mapping[GoalType, TypeConfig], Entries(known=DEFAULT_TYPES)] = field(
        default_factory=dict[GoalType, TypeConfig]
    )
    """What differs from ``DEFAULT_TYPES``."""
    objectives: Annotated[Mapping[str, Objective], Entries(removable=True)] = field(
        default_factory=_objectives
    )
    """By metric: a performance_target goal when it is missed, or a forecast says so."""
    service_levels: Annotated[
        Mapping[str, Objective], Entries(needs=("direction",), removable=True)
    ] = field(default_factory=_service_levels)
    """By metric, a share 0..1 of requests: at least so many good ones, or at most so many bad."""
    burn_rate: Positive = 1.0
    """Speed at which the error budget is used up above which a goal is set; at 1 it lasts exactly
    as long as the objective promises."""
    burn_window_ms: Time = HOUR_MS
    """Over which it is used up that fast; and still so in the last twelfth of it."""
    utilisation: Positive = 0.75
    """Predicted use of a resource above which it is to be optimised."""
    busy_utilisation: Positive = 0.85
    """Above which that is urgent."""
    target_utilisation: Positive = 0.70
    """What such a goal asks for."""
    capacity_metrics: Mapping[str, str] = field(default_factory=dict[str, str])
    """Demand metric -> metric that says its capacity, in the same unit."""
    headroom: Annotated[float, Bounds(1, below=inf)] = 1.2
    """Capacity that is planned, as a multiple of the predicted peak."""
    cost_metrics: tuple[str, ...] = ("cost",)
    cost_reduction: InnerShare = 0.10
    """Share of its cost that is to be saved."""
    pattern_metric: str = "task_efficiency"
    """What adapting to a recurring task is to raise; no such goal where it is not measured."""
    pattern_gain: Positive = 0.20
    """By which share of its value."""
    max_patterns: Count = 3
    """Recurring tasks that are adapted to at once."""
    scaling: Mapping[str, ScalingRule] = field(default_factory=dict[str, ScalingRule])
    """By demand metric: capacity that follows it."""
    max_age_ms: Time = HOUR_MS
    """Values older than this, and than three steps of their series, are stale."""

    def __post_init__(self) -> None:
        check(self, "setting")
        below = self.target_utilisation < self.utilisation
        mark = self.target_utilisation
        require(below, "setting.target_utilisation", mark, "use less than setting.utilisation")
        for metric, level in self.service_levels.items():
            is_share = 0 < level.target < 1
            name = f"setting.service_levels.{metric}.target"
            require(is_share, name, level.target, "use 0 to 1, exclusive")

    def type(self, goal_type: GoalType) -> TypeConfig:
        """How goals of this kind are set."""
        return self.types.get(goal_type, DEFAULT_TYPES[goal_type])


class RulesConfig(Protocol):
    """What the rules need of the core's configuration."""

    @property
    def goals(self) -> GoalConfig: ...
    @property
    def setting(self) -> SettingConfig: ...
    @property
    def metrics(self) -> Mapping[str, MetricConfig]: ...
    @property
    def aliases(self) -> Mapping[str, str]: ...
    @property
    def actions(self) -> Mapping[str, ActionSpec]: ...

    def metric(self, name: str) -> MetricConfig | None:
        """What is known of a metric by its name or alias."""
        ...
