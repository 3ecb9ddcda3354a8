"""Which models run, and how far and how sure they forecast."""

from __future__ import annotations

from dataclasses import dataclass

from streams.core.kernel.checks import HOUR_MS, require


@dataclass(frozen=True, slots=True)
class ForecastConfig:
    """Which models run for every series, and how far and how sure they forecast."""

    models: tuple[str, ...] = ("ensemble", "holt_winters")
    """Registered forecasters that learn every value; forecasts come from the first ready one."""
    alpha: float = 0.3
    """Holt-Winters level smoothing, 0..1 exclusive."""
    beta: float = 0.1
    """Holt-Winters trend smoothing, 0..1 exclusive."""
    gamma: float = 0.1
    """Holt-Winters season smoothing, used when ``season`` is set."""
    season: int = 0
    """Steps in a season; 0 for none."""
    ar_order: int = 2
    difference: int = 1
    ma_order: int = 1
    drift_delta: float = 0.002
    """ADWIN's confidence: smaller is later and with fewer false alarms."""
    anomaly_threshold: float = 3.2
    """Score from which an anomaly is reported."""
    anomaly_quiet_steps: int = 120
    """Values after an anomaly in which the series raises no other."""
    horizon: int = 24
    """Steps of a forecast record, 1..168."""
    level: float = 0.95
    """Probability mass of the interval, 0..1 exclusive."""
    min_points: int = 10
    """Values needed before a forecast is given."""
    auto_analysis: bool = True
    """Whether series are analysed by themselves; without, only by command."""
    interval_ms: int = HOUR_MS
    """Event time between two analyses of a series; 0 analyses at every value."""

    def __post_init__(self) -> None:
        require(bool(self.models), "forecasting.models", self.models, "name at least one model")
        for name in ("alpha", "beta", "gamma", "level", "drift_delta"):
            value = getattr(self, name)
            require(0 < value < 1, f"forecasting.{name}", value, "use a number between 0 and 1")
        require(1 <= self.horizon <= 168, "forecasting.horizon", self.horizon, "use 1 to 168")
        require(self.min_points >= 2, "forecasting.min_points", self.min_points, "use 2 or more")
        require(self.interval_ms >= 0, "forecasting.interval_ms", self.interval_ms, "use 0 or more")
        require(
            self.anomaly_threshold > 0,
            "forecasting.anomaly_threshold",
            self.anomaly_threshold,
            "use a positive number",
        )
        require(
            self.anomaly_quiet_steps >= 0,
            "forecasting.anomaly_quiet_steps",
            self.anomaly_quiet_steps,
            "use 0 or more",
        )
        require(self.season >= 0, "forecasting.season", self.season, "use 0 or more")
