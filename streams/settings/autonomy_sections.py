"""The sections by which the engine sets goals, plans, acts and learns.

Each mirrors a part of the core's configuration, which says what every value means. In a table of
sections by name, what is not said of a name stays as the core has it.
"""

from __future__ import annotations

from typing import Annotated

from pydantic import AfterValidator, BeforeValidator, Field

from streams.core.effects.config import EffectsConfig
from streams.core.goal_rules.config import SettingConfig
from streams.core.goal_rules.scaling import ScalingRule
from streams.core.learning.config import LearningConfig
from streams.core.planning.config import ActionSpec, PlanningConfig
from streams.core.safety.config import Mode, SafetyConfig
from streams.errors import ConfigError, nearest
from streams.records import Direction, GoalType, PlanPolicy
from streams.settings.sections import Seconds, SecondsOrZero, Section, Texts, split_text

Finite = Annotated[float, Field(allow_inf_nan=False)]
Text = Annotated[str, Field(coerce_numbers_to_str=True)]
GoalTypes = Annotated[tuple[GoalType, ...], BeforeValidator(split_text)]

_ACTION, _PLANNING, _SAFETY = ActionSpec(), PlanningConfig(), SafetyConfig()
_LEARNING, _EFFECTS, _SETTING = LearningConfig(), EffectsConfig(), SettingConfig()
_RULE = ScalingRule(capacity_metric="any", unit_capacity=1.0)


class ActionSection(Section):
    """Mirrors ``streams.core.planning.config.ActionSpec``."""

    goal_types: GoalTypes = _ACTION.goal_types
    metrics: Texts = _ACTION.metrics
    params: dict[str, Text] = Field(default_factory=dict[str, str])
    effect: dict[str, Finite] = Field(default_factory=dict[str, float])
    requires: Texts = _ACTION.requires
    provides: Texts = _ACTION.provides
    resources: dict[str, Finite] = Field(default_factory=dict[str, float])
    undo: str = _ACTION.undo
    reversible: bool = _ACTION.reversible
    unattended: bool = _ACTION.unattended
    agent: str = _ACTION.agent
    cost: Finite = _ACTION.cost


class PlanningSection(Section):
    """Mirrors ``streams.core.planning.config.PlanningConfig``."""

    max_concurrent_goals: int = _PLANNING.max_concurrent_goals
    max_attempts: int = _PLANNING.max_attempts
    cooldown_seconds: SecondsOrZero = _PLANNING.cooldown_ms / 1000
    action_delay_seconds: SecondsOrZero = _PLANNING.action_delay_ms / 1000
    lease_seconds: Seconds = _PLANNING.lease_ms / 1000
    step_seconds: Seconds = _PLANNING.step_ms / 1000
    policy: PlanPolicy = _PLANNING.policy
    scheduled_delay_seconds: SecondsOrZero = _PLANNING.scheduled_delay_ms / 1000
    adaptive_delay_seconds: SecondsOrZero = _PLANNING.adaptive_delay_ms / 1000
    low_load_share: Finite = _PLANNING.low_load_share
    plans_kept: int = _PLANNING.plans_kept


class SafetySection(Section):
    """Mirrors ``streams.core.safety.config.SafetyConfig``."""

    mode: Mode = _SAFETY.mode
    autonomous: bool = _SAFETY.autonomous
    goal_types: dict[str, Mode] = Field(default_factory=dict[str, Mode])
    loops: dict[str, Mode] = Field(default_factory=dict[str, Mode])
    acts_per_window: int = _SAFETY.acts_per_window
    window_seconds: Seconds = _SAFETY.window_ms / 1000
    cooldown_seconds: SecondsOrZero = _SAFETY.cooldown_ms / 1000
    max_step_change: Finite = _SAFETY.max_step_change
    max_window_change: Finite = _SAFETY.max_window_change
    min_coverage: Finite = _SAFETY.min_coverage
    max_model_age_seconds: SecondsOrZero = _SAFETY.max_model_age_ms / 1000
    approval_expiry_seconds: Seconds = _SAFETY.approval_expiry_ms / 1000
    breaker_failures: int = _SAFETY.breaker_failures
    breaker_of: int = _SAFETY.breaker_of
    breaker_open_seconds: Seconds = _SAFETY.breaker_open_ms / 1000
    rollout_share: Finite = _SAFETY.rollout_share
    rollout_salt: str = _SAFETY.rollout_salt


class LearningSection(Section):
    """Mirrors ``streams.core.learning.config.LearningConfig``."""

    enabled: bool = _LEARNING.enabled
    epsilon: Finite = _LEARNING.epsilon
    optimism: Finite = _LEARNING.optimism
    noise: Finite = _LEARNING.noise
    prior_weight: Finite = _LEARNING.prior_weight
    discount: Finite = _LEARNING.discount
    min_samples: int = _LEARNING.min_samples
    window: int = _LEARNING.window
    failures_window: int = _LEARNING.failures_window
    durations_kept: int = _LEARNING.durations_kept
    lessons_kept: int = _LEARNING.lessons_kept
    min_reward: Finite = _LEARNING.min_reward
    block_after: int = _LEARNING.block_after
    block_seconds: SecondsOrZero = _LEARNING.block_ms / 1000
    max_names: int = _LEARNING.max_names
    max_metrics: int = _LEARNING.max_metrics
    max_features: int = _LEARNING.max_features
    min_decisions: int = _LEARNING.min_decisions


class EffectsSection(Section):
    """Mirrors ``streams.core.effects.config.EffectsConfig``."""

    settle_seconds: SecondsOrZero = _EFFECTS.settle_ms / 1000
    settle_by_metric: dict[str, SecondsOrZero] = Field(default_factory=dict[str, float])
    """In seconds, by target metric."""
    patience_seconds: Seconds = _EFFECTS.patience_ms / 1000
    level: Finite = _EFFECTS.level
    prior_samples: Finite = _EFFECTS.prior_samples
    prior_spread: Finite = _EFFECTS.prior_spread
    path_steps: int = _EFFECTS.path_steps


class ObjectiveSection(Section):
    """Mirrors ``streams.core.goal_rules.config.Objective``."""

    enabled: bool = True
    """False takes an objective away that the core has by default."""
    target: Finite | None = None
    """Needed for a metric of which the core knows no objective."""
    direction: Direction | None = None
    unit: str | None = None


class GoalTypeSection(Section):
    """Mirrors ``streams.core.goal_rules.config.TypeConfig``, whose defaults depend on the goal
    type."""

    enabled: bool | None = None
    due_seconds: Seconds | None = None
    cooldown_seconds: SecondsOrZero | None = None


class ScalingSection(Section):
    """Mirrors ``streams.core.goal_rules.scaling.ScalingRule``."""

    capacity_metric: str
    unit_capacity: Finite
    utilisation: Finite = _RULE.utilisation
    lookahead: int = _RULE.lookahead
    caution: Finite = _RULE.caution
    hold: int = _RULE.hold
    min_units: int = _RULE.min_units
    max_units: int | None = _RULE.max_units


def _checked_goal_types(table: dict[str, GoalTypeSection]) -> dict[str, GoalTypeSection]:
    known = {goal_type.value for goal_type in GoalType}
    for name in table:
        if name not in known:
            remedy = nearest(name, known)
            raise ConfigError("not a goal type", field=name, value=name, remedy=remedy)
    return table


class SettingSection(Section):
    """Mirrors ``streams.core.goal_rules.config.SettingConfig``."""

    types: Annotated[dict[str, GoalTypeSection], AfterValidator(_checked_goal_types)] = Field(
        default_factory=dict[str, GoalTypeSection]
    )
    objectives: dict[str, ObjectiveSection] = Field(default_factory=dict[str, ObjectiveSection])
    service_levels: dict[str, ObjectiveSection] = Field(default_factory=dict[str, ObjectiveSection])
    burn_rate: Finite = _SETTING.burn_rate
    burn_window_seconds: Seconds = _SETTING.burn_window_ms / 1000
    utilisation: Finite = _SETTING.utilisation
    busy_utilisation: Finite = _SETTING.busy_utilisation
    target_utilisation: Finite = _SETTING.target_utilisation
    capacity_metrics: dict[str, str] = Field(default_factory=dict[str, str])
    headroom: Finite = _SETTING.headroom
    cost_metrics: Texts = _SETTING.cost_metrics
    cost_reduction: Finite = _SETTING.cost_reduction
    pattern_metric: str = _SETTING.pattern_metric
    pattern_gain: Finite = _SETTING.pattern_gain
    max_patterns: int = _SETTING.max_patterns
    scaling: dict[str, ScalingSection] = Field(default_factory=dict[str, ScalingSection])
    max_age_seconds: Seconds = _SETTING.max_age_ms / 1000
