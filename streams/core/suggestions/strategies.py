"""How far to move a metric at once: from where it is towards its target."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

from streams.core.suggestions.config import SuggestionConfig
from streams.errors import ConfigError

PERSONALITIES = {"cautious": 0.25, "neutral": 0.5, "aggressive": 0.75}
"""Share of the remaining way that is proposed at once."""


class Strategy(Protocol):
    """Proposes values; must be pure: equal arguments give equal answers."""

    def propose(self, metric: str, current: float, target: float) -> float:
        """The value to aim at next for ``metric``, in its unit."""
        ...


@dataclass(frozen=True, slots=True)
class ProportionalStrategy:
    """Goes the same share of the remaining way each time.

    >>> ProportionalStrategy(0.5).propose("cpu_usage", current=4.0, target=10.0)
    7.0
    """

    factor: float
    """0..1: 0 stays, 1 goes all the way."""
    one_direction: frozenset[str] = frozenset()
    """Metrics that are never proposed to fall."""

    def propose(self, metric: str, current: float, target: float) -> float:
        """A value between ``current`` and ``target``, both included."""
        if metric in self.one_direction and target < current:
            return current
        proposed = current + (target - current) * self.factor
        return max(min(current, target), min(max(current, target), proposed))


def simple(config: SuggestionConfig) -> ProportionalStrategy:
    """Half of the remaining way."""
    return ProportionalStrategy(0.5, frozenset(config.one_direction_metrics))


def personality(config: SuggestionConfig) -> ProportionalStrategy:
    """A quarter, half or three quarters of the remaining way, by the configured personality."""
    factor = personality_factor(config.personality)
    return ProportionalStrategy(factor, frozenset(config.one_direction_metrics))


def personality_factor(name: str) -> float:
    """Share for a personality in any case; ConfigError names the allowed ones."""
    factor = PERSONALITIES.get(name.strip().lower())
    if factor is None:
        raise ConfigError(
            "unknown personality",
            field="suggestions.personality",
            value=name,
            remedy=f"use one of {', '.join(PERSONALITIES)}",
        )
    return factor
