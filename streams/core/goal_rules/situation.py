"""What the rules that set goals look at: one entity at one moment."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from streams.core.kernel.model_results import SeriesForecast
from streams.core.kernel.slices import Slice
from streams.records import Goal, Pattern, Prediction


class Needs(Slice):
    """Capacities that were needed lately."""

    slice_name = "goal_rules"

    units: dict[str, list[int]] = {}
    """By demand metric, oldest first."""


@dataclass(frozen=True, slots=True)
class Reading:
    """Latest value of a metric, in its unit."""

    value: float
    age_ms: int
    """0 or more, event time."""
    baseline: float | None = None
    """First value of the series; None when it is not known."""


@dataclass(frozen=True, slots=True)
class History:
    """Newest values of a metric."""

    values: tuple[float, ...]
    """Oldest first."""
    step_ms: int
    """Time between two of them; 0 when the timestamps do not show one."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Situation:
    """All of it is as of ``now``. Only ``needs`` may be changed, by the rule that owns it."""

    entity_id: str
    entity_type: str = "service"
    now: int
    """Event time, ms."""
    correlation_id: str = ""
    readings: Mapping[str, Reading] = field(default_factory=dict[str, Reading])
    """By metric, without stale ones."""
    breaches: Mapping[str, Prediction] = field(default_factory=dict[str, Prediction])
    """Predicted breaches that stand, by metric."""
    outlook: Prediction | None = None
    """Latest prediction of the entity's state, unless its horizon has passed."""
    patterns: Sequence[Pattern] = ()
    """Those that are sure enough to be a reason."""
    goals: Mapping[str, Goal] = field(default_factory=dict[str, Goal])
    """By goal id: the open ones and the latest closed ones."""
    forecasts: Mapping[str, SeriesForecast] = field(default_factory=dict[str, SeriesForecast])
    """Those of this analysis, by metric."""
    histories: Mapping[str, History] = field(default_factory=dict[str, History])
    """By metric, for those with a service level objective."""
    needs: dict[str, list[int]] = field(default_factory=dict[str, list[int]])
    """Latest capacities that were needed, by demand metric, oldest first."""

    def open_goal(self, dedupe_key: str) -> Goal | None:
        """The open goal of this key."""
        same = (goal for goal in self.goals.values() if goal.dedupe_key == dedupe_key)
        return next((goal for goal in same if goal.status.is_open), None)
