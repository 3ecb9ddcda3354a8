"""River's SNARIMAX with a season."""

from __future__ import annotations

from streams.core.forecasting.config import ForecastConfig
from streams.core.forecasting.snarimax import Orders, SnarimaxForecaster

SEASON = 24
"""Steps in a season where none is configured."""


class SarimaForecaster(SnarimaxForecaster):
    """SNARIMAX(ar_order, difference - 1, ma_order)(0, 1, 1), seasons of ``season`` or 24 steps.

    The seasonal part is that of the airline model (Box and Jenkins, Time Series Analysis, 1970).
    Its difference counts as one of those configured: a second one makes forecasts that lie far
    ahead worse. Otherwise like ``SnarimaxForecaster``; ready after two seasons and a few values.
    A row keeps two seasons of values and errors.
    """

    name = "sarima"

    def _orders_of(self, config: ForecastConfig) -> Orders:
        differences = max(0, config.difference - 1)
        season = config.season or SEASON
        return Orders(config.ar_order, differences, config.ma_order, season, sp=0, sd=1, sq=1)
