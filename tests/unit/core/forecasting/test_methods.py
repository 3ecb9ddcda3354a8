from importlib.metadata import EntryPoint

import numpy as np
import pytest

from streams.core.forecasting import methods, registry
from streams.core.forecasting.config import ForecastConfig
from streams.core.forecasting.holt_winters import HoltWintersForecaster
from streams.core.forecasting.interval import margins
from streams.errors import UnknownName

CONFIG = ForecastConfig()
OWN = "streams.core.forecasting.holt_winters:HoltWintersForecaster"
NAMED = {
    "exponential_smoothing": "exponential_smoothing",
    "arima": "snarimax",
    "sarima": "sarima",
    "holt_winters": "holt_winters",
    "seasonal_profile": "seasonal_profile",
    "ensemble": "ensemble",
}


@pytest.fixture(autouse=True)
def ensemble(monkeypatch: pytest.MonkeyPatch) -> None:
    """Some forecaster registered as ``ensemble``; what it is does not matter here."""
    built_in = {"ensemble": HoltWintersForecaster, **registry.BUILT_IN}
    monkeypatch.setattr(registry, "BUILT_IN", built_in)


def offer(monkeypatch: pytest.MonkeyPatch, name: str) -> None:
    point = EntryPoint(name, OWN, registry.ENTRY_POINTS)
    monkeypatch.setattr(registry, "entry_points", lambda *, group: (point,))


@pytest.mark.parametrize(("method", "runs"), NAMED.items())
def test_every_method_of_the_catalogue_is_registered(method: str, runs: str) -> None:
    assert methods.resolve(method) == runs
    assert method in methods.methods()
    registry.create(runs, CONFIG)


@pytest.mark.spec("S1-022", "S1-023")
def test_arima_and_sarima_are_rivers_models_with_and_without_season() -> None:
    arima = registry.create(methods.resolve("arima"), CONFIG)
    sarima = registry.create(methods.resolve("sarima"), CONFIG)
    hours = np.arange(120)
    values = 50 + 10 * np.sin(2 * np.pi * hours / 24) + 0.5 * hours
    errors: list[float] = []
    for forecaster in (arima, sarima):
        forecaster.resize(1)
        forecaster.learn_many(np.zeros(96, np.int64), 3_600_000 * hours[:96], values[:96])
        errors.append(float(np.abs(forecaster.forecast(0, 24) - values[96:]).mean()))
    assert errors[1] < 0.5 * errors[0]


@pytest.mark.spec("S1-024", "S1-025")
@pytest.mark.parametrize("method", ["prophet", "lstm"])
def test_a_method_without_its_library_is_refused_with_what_there_is(method: str) -> None:
    with pytest.raises(UnknownName) as caught:
        methods.resolve(method)
    error = caught.value
    assert (error.field, error.value) == ("method", method)
    assert all(name in error.remedy for name in NAMED)
    assert "streams.forecasters" in error.remedy
    assert method not in methods.methods()


@pytest.mark.parametrize("method", ["prophet", "lstm"])
def test_a_registered_forecaster_of_that_name_is_used(
    monkeypatch: pytest.MonkeyPatch, method: str
) -> None:
    offer(monkeypatch, method)
    assert methods.resolve(method) == method
    assert method in methods.methods()


def test_a_method_whose_forecaster_is_missing_is_not_listed(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(registry, "BUILT_IN", {"snarimax": HoltWintersForecaster})
    assert methods.methods() == ("arima", "snarimax")
    with pytest.raises(UnknownName, match="arima, snarimax"):
        methods.resolve("sarima")


@pytest.mark.parametrize("method", ["", "magic", OWN])
def test_other_names_are_refused_and_nothing_is_imported(method: str) -> None:
    with pytest.raises(UnknownName, match="no such method"):
        methods.resolve(method)


def test_what_runs_in_any_case_may_be_named() -> None:
    assert methods.resolve("mine", running=("mine",)) == "mine"


@pytest.mark.spec("S1-030")
@pytest.mark.parametrize("method", NAMED)
def test_a_forecast_of_the_default_horizon_has_24_steps(method: str) -> None:
    forecaster = registry.create(methods.resolve(method), CONFIG)
    forecaster.resize(1)
    values = np.sin(np.arange(80.0))
    forecaster.learn_many(np.zeros(80, np.int64), 3_600_000 * np.arange(80), values)
    forecast = forecaster.forecast(0, CONFIG.horizon)
    assert forecast.shape == (24,)
    assert np.isfinite(forecast).all()


@pytest.mark.spec("S1-031")
def test_intervals_follow_the_level() -> None:
    assert (margins(1.0, 0.8, 24) < margins(1.0, 0.95, 24)).all()
