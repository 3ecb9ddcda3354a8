"""Which strategy proposes the next value of a goal."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal


@dataclass(frozen=True, slots=True)
class SuggestionConfig:
    strategy: str = "simple"
    """Registered strategy: simple, personality, or a name of your own."""
    personality: Literal["cautious", "neutral", "aggressive"] = "neutral"
    """cautious (0.25), neutral (0.5) or aggressive (0.75); used by ``personality``."""
    one_direction_metrics: tuple[str, ...] = ()
    """Metrics whose proposed value never falls below the current one."""
