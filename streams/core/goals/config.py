"""When goals are set by themselves, and how many are kept."""

from __future__ import annotations

from dataclasses import dataclass

from streams.core.kernel.checks import (
    HOUR_MS,
    Count,
    PositiveShare,
    Time,
    TimeOrZero,
    check,
)


@dataclass(frozen=True, slots=True)
class GoalConfig:
    auto_goal_setting: bool = True
    """Whether a predicted breach becomes a goal by itself."""
    max_active_goals: Count = 10
    """Active goals per entity; beyond that the least urgent is cancelled, the newest first."""
    closed_goals_kept: int = 20
    """Closed goals kept per entity for the views."""
    breach_probability: PositiveShare = 0.5
    """Predicted probability from which a breach is acted on, 0..1."""
    lead_ms: TimeOrZero = 2 * HOUR_MS
    """How long before the predicted breach a goal is due."""
    hold_ms: TimeOrZero = HOUR_MS
    """How long an at_most or at_least target of the engine's own goals must hold."""
    review_ms: Time = 6 * HOUR_MS
    """Between two looks at whether open goals are still needed."""

    goal_state_sources: tuple[str, ...] = ()
    """``Event.source`` of whoever may set targets by events of type ``goal_state``; ``*`` for
    all. Plans for such goals need approval in every mode."""

    def __post_init__(self) -> None:
        check(self, "goals")
