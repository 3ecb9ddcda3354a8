"""The features of the engine, in the order in which they see a record.

The order is part of the behaviour. What a feature reads of another comes before it, with one
exception: actions stand behind the cycle, so that a plan hears of an outcome before it joins the
latest ones.
"""

from __future__ import annotations

from collections.abc import Sequence

from streams.core.analysis.feature import Analysis
from streams.core.capacity.feature import Capacity
from streams.core.config import CoreConfig
from streams.core.cycle.feature import Cycle
from streams.core.cycle.permissions import Permissions
from streams.core.execution.asked import is_still_to_ask, status_of
from streams.core.goal_rules.feature import GoalRules
from streams.core.goals.book import GoalBook
from streams.core.goals.feature import GoalFeature
from streams.core.kernel.feature import Feature
from streams.core.kernel.feature_set import FeatureSet
from streams.core.learning.feature import Learning
from streams.core.outcomes.feature import ActionFeature
from streams.core.patterns.feature import Patterns
from streams.core.safety.feature import Safety
from streams.core.series.correction import Correction
from streams.core.suggestions.feature import Suggestions
from streams.core.transfer import Transfer


def build_features(config: CoreConfig) -> FeatureSet:
    """All features, those of the user (``config.features``) last; they hold no state of entities,
    so one set serves every partition."""
    return FeatureSet(
        (*_own(config), *config.features),
        ids_kept=config.ids_kept,
        live_ms=config.planning.lease_ms,
    )


def _own(config: CoreConfig) -> Sequence[Feature]:
    known, interval = config.known, config.forecasting.interval_ms
    suggestions = Suggestions(config.suggestions)
    book = GoalBook(config.goals, config.ids_kept, suggestions.suggest)
    patterns = Patterns(config.patterns, config.zone, interval)
    permissions = Permissions(config)
    return (
        Correction(known, config.calendar),
        GoalFeature(book),
        suggestions,
        Analysis(known, config.goals.breach_probability),
        patterns,
        Capacity(config.states, config.forecasting, known, patterns.usable),
        GoalRules(config, book, patterns.usable, permissions.may_set_goals),
        Safety(),
        Transfer(book, patterns),
        Learning(config.learning),
        Cycle(config, book, permissions),
        ActionFeature(
            config.outcomes_kept,
            config.duration_metric,
            catalogue=config.actions,
            step_status=status_of,
            is_still_to_ask=is_still_to_ask,
        ),
    )
