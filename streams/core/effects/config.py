"""How effects are expected and measured."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field

from streams.errors import ConfigError

MINUTE_MS = 60_000


@dataclass(frozen=True, slots=True)
class EffectsConfig:
    """All times in ms of event time."""

    settle_ms: int = 5 * MINUTE_MS
    """From the end of an act until its effect is measured."""
    settle_by_metric: Mapping[str, int] = field(default_factory=dict[str, int])
    """Target metrics whose effect shows sooner or later than that."""
    patience_ms: int = 60 * MINUTE_MS
    """How long a value is waited for after that; then the effect stays unknown."""
    level: float = 0.9
    """Probability that an effect lies inside its expected interval, 0..1 exclusive."""
    prior_samples: float = 3.0
    """Measurements that the declared effect of an action counts as much as; positive."""
    prior_spread: float = 0.5
    """Standard deviation of a declared effect, as a share of it; 0 or more."""
    path_steps: int = 48
    """Steps of the forecast that are kept beside an expectation."""

    def __post_init__(self) -> None:
        for metric, value in {"*": self.settle_ms, **self.settle_by_metric}.items():
            name = "settle_ms" if metric == "*" else f"settle_by_metric.{metric}"
            _require(value >= 0, name, value, "use 0 or more")
        _require(self.patience_ms > 0, "patience_ms", self.patience_ms, "use 1 or more")
        _require(0 < self.level < 1, "level", self.level, "use a number between 0 and 1")
        _require(
            _positive(self.prior_samples), "prior_samples", self.prior_samples, "use a number > 0"
        )
        spread = self.prior_spread
        _require(spread == 0 or _positive(spread), "prior_spread", spread, "use 0 or more")
        _require(1 <= self.path_steps <= 168, "path_steps", self.path_steps, "use 1 to 168")


def _positive(value: float) -> bool:
    return math.isfinite(value) and value > 0


def _require(condition: bool, name: str, value: float, remedy: str) -> None:
    if not condition:
        raise ConfigError(
            "setting out of range", field=f"effects.{name}", value=value, remedy=remedy
        )


DEFAULTS = EffectsConfig()
