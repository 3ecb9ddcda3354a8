"""When goals are set by themselves, and how many are kept."""

from __future__ import annotations

from dataclasses import dataclass

from streams.core.kernel.checks import HOUR_MS, require


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
        require(
            self.max_active_goals >= 1,
            "goals.max_active_goals",
            self.max_active_goals,
            "use 1 or more",
        )
        require(self.review_ms >= 1, "goals.review_ms", self.review_ms, "use 1 or more")
        require(
            0 < self.breach_probability <= 1,
            "goals.breach_probability",
            self.breach_probability,
            "use 0 to 1",
        )
