"""How much of the past is kept, and how it decides what is tried next."""

from __future__ import annotations

from dataclasses import dataclass

from streams.errors import ConfigError

HOUR_MS = 3_600_000

_MINIMA = {
    "min_samples": 1,
    "window": 2,
    "failures_window": 1,
    "durations_kept": 1,
    "lessons_kept": 1,
    "block_after": 1,
    "block_ms": 0,
    "max_names": 1,
    "max_metrics": 1,
    "max_features": 1,
    "min_decisions": 2,
}


@dataclass(frozen=True, slots=True)
class LearningConfig:
    """Defaults keep the stored state of one entity below 64 kB, whatever arrives."""

    enabled: bool = True
    """Off: nothing is stored, and the candidate with the best prior is chosen."""
    epsilon: float = 0.05
    """Probability with which any candidate may be tried instead of the best, 0..1. At 0 the
    decision log cannot be used to judge another policy."""
    optimism: float = 0.5
    """Deviations of what is not yet known that are added to a candidate's score, 0 or more."""
    noise: float = 0.5
    """Assumed standard deviation of a reward around its mean, in units of reward."""
    prior_weight: float = 2.0
    """Rewards that a prior counts for, more than 0."""
    discount: float = 0.99
    """Weight of a candidate's earlier rewards when one more comes, 0..1; below 1 forgets."""
    min_samples: int = 5
    """Results before a rate is relied on."""
    window: int = 100
    """Success flags kept per action, and results that a mean effect remembers."""
    failures_window: int = 50
    """Latest results in which common failures are counted."""
    durations_kept: int = 25
    """Latest durations per action, and of plans."""
    lessons_kept: int = 20
    min_reward: float = 0.1
    """Reward from which an act helped where its verification could not tell, -1..1."""
    block_after: int = 3
    """Acts in a row that did not help before the candidate is blocked for that metric."""
    block_ms: int = 6 * HOUR_MS
    """How long it stays blocked; one more that does not help blocks it again."""
    max_names: int = 32
    """Action types, and candidates, remembered; the least recently used is forgotten."""
    max_metrics: int = 8
    """Metrics remembered per candidate."""
    max_features: int = 8
    """Context features that are learned, the constant one included; those seen first."""
    min_decisions: int = 30
    """Measured decisions before another policy is judged by the log."""

    def __post_init__(self) -> None:
        for name, least in _MINIMA.items():
            if getattr(self, name) < least:
                raise _out_of_range(name, getattr(self, name), f"use {least} or more")
        for name, low in (("epsilon", 0.0), ("min_reward", -1.0)):
            if not low <= getattr(self, name) <= 1:
                raise _out_of_range(name, getattr(self, name), f"use {low:g} to 1")
        if not 0 < self.discount <= 1:
            raise _out_of_range("discount", self.discount, "use more than 0, at most 1")
        if not 0 <= self.optimism < float("inf"):
            raise _out_of_range("optimism", self.optimism, "use a number, 0 or more")
        for name in ("noise", "prior_weight"):
            if not 0 < getattr(self, name) < float("inf"):
                raise _out_of_range(name, getattr(self, name), "use a positive number")


def _out_of_range(name: str, value: float, remedy: str) -> ConfigError:
    return ConfigError("setting out of range", field=f"learning.{name}", value=value, remedy=remedy)
