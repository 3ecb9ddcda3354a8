"""How much of the past is kept, and how it decides what is tried next."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated

from streams.core.kernel.checks import (
    HOUR_MS,
    Bounds,
    Count,
    Positive,
    PositiveOrZero,
    PositiveShare,
    Share,
    TimeOrZero,
    check,
)


@dataclass(frozen=True, slots=True)
class LearningConfig:
    """Defaults keep the stored state of one entity below 64 kB, whatever arrives."""

    enabled: bool = True
    """Off: nothing is stored, and the candidate with the best prior is chosen."""
    epsilon: Share = 0.05
    """Probability with which any candidate may be tried instead of the best, 0..1. At 0 the
    decision log cannot be used to judge another policy."""
    optimism: PositiveOrZero = 0.5
    """Deviations of what is not yet known that are added to a candidate's score, 0 or more."""
    noise: Positive = 0.5
    """Assumed standard deviation of a reward around its mean, in units of reward."""
    prior_weight: Positive = 2.0
    """Rewards that a prior counts for, more than 0."""
    discount: PositiveShare = 0.99
    """Weight of a candidate's earlier rewards when one more comes, 0..1; below 1 forgets."""
    min_samples: Count = 5
    """Results before a rate is relied on."""
    window: Annotated[int, Bounds(2)] = 100
    """Success flags kept per action, and results that a mean effect remembers."""
    failures_window: Count = 50
    """Latest results in which common failures are counted."""
    durations_kept: Count = 25
    """Latest durations per action, and of plans."""
    lessons_kept: Count = 20
    min_reward: Annotated[float, Bounds(-1, 1)] = 0.1
    """Reward from which an action helped where its verification could not tell, -1..1."""
    block_after: Count = 3
    """Acts in a row that did not help before the candidate is blocked for that metric."""
    block_ms: TimeOrZero = 6 * HOUR_MS
    """How long it stays blocked; one more that does not help blocks it again."""
    max_names: Count = 32
    """Action types, and candidates, remembered; the least recently used is forgotten."""
    max_metrics: Count = 8
    """Metrics remembered per candidate."""
    max_features: Count = 8
    """Context features that are learned, the constant one included; those seen first."""
    min_decisions: Annotated[int, Bounds(2)] = 30
    """Measured decisions before another policy is judged by the log."""

    def __post_init__(self) -> None:
        check(self, "learning")
