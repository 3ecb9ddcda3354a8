"""Sets and reviews the goals of an entity where one of its metrics was just analysed."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from streams.core.config import CoreConfig
from streams.core.goal_rules.observation import observe
from streams.core.goal_rules.review import due_for_review, not_needed
from streams.core.goal_rules.setter import propose, wishes
from streams.core.goals.book import GoalBook
from streams.core.goals.measurement import CloseReason
from streams.core.kernel.entity import EntityState
from streams.core.kernel.model_results import SeriesForecast
from streams.core.kernel.turn import Turn
from streams.core.series.store import SeriesStore
from streams.records import Pattern


def _named_metrics(config: CoreConfig) -> frozenset[str]:
    """Metrics that some rule looks at."""
    rules = config.setting
    return frozenset(
        (
            *config.metrics,
            *rules.objectives,
            *rules.service_levels,
            *rules.capacity_metrics,
            *rules.capacity_metrics.values(),
            *rules.cost_metrics,
            *rules.scaling,
            *(rule.capacity_metric for rule in rules.scaling.values()),
            rules.pattern_metric,
        )
    )


def always(_: EntityState) -> bool:
    """Goals may be set for every entity."""
    return True


class GoalSetter:
    """What it wants is asked for like any other goal: the keeper admits or refuses it."""

    def __init__(
        self,
        config: CoreConfig,
        series: SeriesStore,
        goals: GoalBook,
        may_set_goals: Callable[[EntityState], bool] = always,
    ) -> None:
        self._config = config
        self._series = series
        self._goals = goals
        self._may_set_goals = may_set_goals
        self._named = _named_metrics(config)

    def run(
        self, turn: Turn, metric: str, forecast: SeriesForecast, patterns: Sequence[Pattern]
    ) -> None:
        """Look at the entity as the analysis of ``metric`` has left it."""
        options = self._config.goals
        sets = (
            options.auto_goal_setting and self._concerns(metric) and self._may_set_goals(turn.state)
        )
        due = due_for_review(turn.state, turn.now, options.review_ms)
        if not sets and not due:
            return
        situation = observe(turn, self._config, self._series, patterns, {metric: forecast})
        asked = wishes(situation, self._config)
        for goal in not_needed(due, asked, situation):
            self._goals.cancel(turn, goal.goal_id, CloseReason.UNNEEDED)
        if not sets:
            return
        if metric in self._config.setting.scaling:
            turn.touched = True  # it notes what was needed
        for goal in propose(situation, self._config, asked):
            self._goals.request(turn, goal)

    def _concerns(self, metric: str) -> bool:
        """Whether any rule can say anything after an analysis of this metric."""
        aliases = self._config.aliases
        return metric in self._named or aliases.get(metric, metric) in self._named
