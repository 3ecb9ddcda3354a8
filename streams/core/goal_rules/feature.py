"""Sets and reviews the goals of an entity where one of its metrics was just analysed."""

from __future__ import annotations

from collections.abc import Callable

from streams.core.goal_rules.config import RulesConfig
from streams.core.goal_rules.observation import observe
from streams.core.goal_rules.setter import due_for_review, not_needed, propose, wanted_goals
from streams.core.goal_rules.situation import Needs
from streams.core.goals.book import GoalBook
from streams.core.goals.measurement import CloseReason
from streams.core.goals.state import Goals
from streams.core.kernel.feature import Feature
from streams.core.kernel.model_results import SeriesForecast
from streams.core.kernel.turn import Turn
from streams.records import Pattern


class GoalRules(Feature):
    """What it wants is asked for like any other goal: the book admits or refuses it."""

    name = "goal_rules"
    State = Needs

    def __init__(
        self,
        config: RulesConfig,
        book: GoalBook,
        patterns: Callable[[Turn], list[Pattern]],
        may_set_goals: Callable[[Turn], bool],
    ) -> None:
        """``patterns`` gives those that are sure enough to be a reason for something."""
        self._config = config
        self._book = book
        self._patterns = patterns
        self._may_set_goals = may_set_goals
        self._named = _named_metrics(config)

    def on_analysis(self, turn: Turn, metric: str, forecast: SeriesForecast) -> None:
        """Look at the entity as the analysis of ``metric`` has left it."""
        options = self._config.goals
        sets = options.auto_goal_setting and self._concerns(metric) and self._may_set_goals(turn)
        due = due_for_review(turn.read(Goals), turn.now, options.review_ms)
        if not sets and not due:
            return
        situation = observe(turn, self._config, self._patterns(turn), {metric: forecast})
        asked = wanted_goals(situation, self._config)
        for goal in not_needed(due, asked, situation):
            self._book.cancel(turn, goal.goal_id, CloseReason.UNNEEDED)
        if not sets:
            return
        if metric in self._config.setting.scaling:
            turn.edit(Needs)
        for goal in propose(situation, self._config, asked):
            self._book.request(turn, goal)

    def _concerns(self, metric: str) -> bool:
        """Whether any rule can say anything after an analysis of this metric."""
        aliases = self._config.aliases
        return metric in self._named or aliases.get(metric, metric) in self._named


def _named_metrics(config: RulesConfig) -> frozenset[str]:
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
