"""Which models run, and how far and how sure they forecast."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated

from streams.core.kernel.checks import (
    HOUR_MS,
    AboveZero,
    Bounds,
    CountOrZero,
    InnerShare,
    TimeOrZero,
    check,
    require,
)


@dataclass(frozen=True, slots=True)
class ForecastConfig:
    """Which models run for every series, and how far and how sure they forecast."""

    models: tuple[str, ...] = ("ensemble", "holt_winters")
    """Registered forecasters that learn every value; forecasts come from the first ready one."""
    alpha: InnerShare = 0.3
    """Holt-Winters level smoothing."""
    beta: InnerShare = 0.1
    """Holt-Winters trend smoothing."""
    gamma: InnerShare = 0.1
    """Holt-Winters season smoothing, used when ``season`` is set."""
    season: CountOrZero = 0
    """Steps in a season; 0 for none."""
    ar_order: int = 2
    difference: int = 1
    ma_order: int = 1
    drift_delta: InnerShare = 0.002
    """ADWIN's confidence: smaller is later and with fewer false alarms."""
    anomaly_threshold: AboveZero = 3.2
    """Score from which an anomaly is reported."""
    anomaly_quiet_steps: CountOrZero = 120
    """Values after an anomaly in which the series raises no other."""
    horizon: Annotated[int, Bounds(1, 168)] = 24
    """Steps of a forecast record, 1..168."""
    level: InnerShare = 0.95
    """Probability mass of the interval, 0..1 exclusive."""
    min_points: Annotated[int, Bounds(2)] = 10
    """Values needed before a forecast is given."""
    auto_analysis: bool = True
    """Whether series are analysed by themselves; without, only by command."""
    interval_ms: TimeOrZero = HOUR_MS
    """Event time between two analyses of a series; 0 analyses at every value."""

    def __post_init__(self) -> None:
        require(bool(self.models), "forecasting.models", self.models, "name at least one model")
        check(self, "forecasting")
