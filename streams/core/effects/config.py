"""How effects are expected and measured."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Annotated

from streams.core.kernel.checks import (
    MINUTE_MS,
    Bounds,
    InnerShare,
    Positive,
    PositiveOrZero,
    Time,
    TimeOrZero,
    check,
)


@dataclass(frozen=True, slots=True)
class EffectsConfig:
    """All times in ms of event time."""

    settle_ms: TimeOrZero = 5 * MINUTE_MS
    """From the end of an action until its effect is measured."""
    settle_by_metric: Mapping[str, TimeOrZero] = field(default_factory=dict[str, int])
    """Target metrics whose effect shows sooner or later than that."""
    patience_ms: Time = 60 * MINUTE_MS
    """How long a value is waited for after that; then the effect stays unknown."""
    level: InnerShare = 0.9
    """Probability that an effect lies inside its expected interval, 0..1 exclusive."""
    prior_samples: Positive = 3.0
    """Measurements that the declared effect of an action counts as much as; positive."""
    prior_spread: PositiveOrZero = 0.5
    """Standard deviation of a declared effect, as a share of it; 0 or more."""
    path_steps: Annotated[int, Bounds(1, 168)] = 48
    """Steps of the forecast that are kept beside an expectation."""

    def __post_init__(self) -> None:
        check(self, "effects")


DEFAULTS = EffectsConfig()
