"""A model of River as a forecaster; docs/guide/extending.md says how a worker gets it."""

from river import preprocessing, time_series

from streams.core.forecasting.river_adapter import from_river

daily = from_river(
    preprocessing.StandardScaler() | time_series.SNARIMAX(p=2, d=1, q=1, m=24, sp=1),
    name="daily_snarimax",
)
