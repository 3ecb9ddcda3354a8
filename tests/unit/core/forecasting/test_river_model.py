import math
import sys
from types import SimpleNamespace

import numpy as np
import pytest
from river import evaluate, metrics, stream
from river.checks import check_estimator
from river.time_series import SNARIMAX
from river.time_series.base import Forecaster

from streams.core.forecasting.config import ForecastConfig
from streams.core.forecasting.ensemble.bank import CompiledEnsemble
from streams.core.forecasting.river_model import EnsembleForecaster
from streams.errors import ConfigError

HOUR_MS = 3_600_000
MONDAY_MS = 4 * 86_400_000


def season(size: int, steps: int = 24, seed: int = 0) -> np.ndarray:
    noise = np.random.default_rng(seed).standard_normal(size)
    return 50 + 10 * np.sin(2 * np.pi * np.arange(size) / steps) + noise


def learned(values, **params: float) -> EnsembleForecaster:
    model = EnsembleForecaster(**params)
    for value in values:
        model.learn_one(float(value))
    return model


def test_it_passes_rivers_checks_of_forecasters(monkeypatch: pytest.MonkeyPatch) -> None:
    # River imports the data sets of scikit-learn there, even for forecasters, which use none.
    monkeypatch.setitem(sys.modules, "sklearn", SimpleNamespace(datasets=None))
    check_estimator(EnsembleForecaster())


def test_it_forecasts_what_the_bank_forecasts() -> None:
    values = season(300)
    bank = CompiledEnsemble(ForecastConfig())
    bank.resize(1)
    times = MONDAY_MS + HOUR_MS * np.arange(values.size)
    bank.learn_many(np.zeros(values.size, np.int64), times, values)
    assert learned(values).forecast(72) == bank.forecast(0, 72).tolist()


def test_before_the_first_value_it_forecasts_zeros_as_river_does() -> None:
    assert EnsembleForecaster().forecast(3) == [0.0, 0.0, 0.0]


def test_exogenous_variables_change_nothing() -> None:
    plain, informed = EnsembleForecaster(), EnsembleForecaster()
    for value in season(50).tolist():
        plain.learn_one(value)
        informed.learn_one(value, {"load": value})
    assert plain.forecast(5) == informed.forecast(5, [{"load": 1.0}] * 5)


def test_a_clone_is_fresh_and_has_the_parameters() -> None:
    model = learned(season(50), step_seconds=60.0)
    clone = model.clone()
    assert clone.step_seconds == 60.0
    assert clone.forecast(2) == [0.0, 0.0]
    assert model.clone({"step_seconds": 5.0}).step_seconds == 5.0


def test_a_clone_with_attributes_goes_its_own_way() -> None:
    model = learned(season(50))
    clone = model.clone(include_attributes=True)
    before = model.forecast(5)
    assert clone.forecast(5) == before
    clone.learn_one(1e6)
    assert model.forecast(5) == before


def test_the_step_tells_how_long_a_day_is() -> None:
    values, ahead = season(600, steps=96), season(672, steps=96)[600:]
    errors = {
        step: np.abs(np.subtract(learned(values, step_seconds=step).forecast(72), ahead)).mean()
        for step in (900.0, 7200.0)
    }
    assert errors[900.0] < 0.5 * errors[7200.0]


def test_values_that_are_not_finite_are_left_out_but_take_their_time() -> None:
    values = season(400)
    holes = values.copy()
    holes[200::50] = math.nan
    holes[225::50] = math.inf
    whole, holed = learned(values).forecast(24), learned(holes).forecast(24)
    assert np.abs(np.subtract(whole, holed)).max() < 2


@pytest.mark.parametrize("value", [1e300, -1e308])
def test_huge_values_leave_forecasts_finite(value: float) -> None:
    assert np.isfinite(learned([1.0, value, 2.0, value]).forecast(100)).all()


@pytest.mark.parametrize("step", [0.0, -1.0, math.nan, math.inf])
def test_a_step_that_is_no_time_is_refused(step: float) -> None:
    with pytest.raises(ConfigError, match="step_seconds"):
        EnsembleForecaster(step)


def test_rivers_evaluation_finds_it_better_than_snarimax() -> None:
    def error(model: Forecaster) -> float:
        data = stream.iter_array(np.zeros((500, 0)), season(500, seed=3))
        metric = evaluate.evaluate(data, model, metrics.MAE(), horizon=12)
        return float(np.mean([part.get() for part in metric.metrics]))

    assert error(EnsembleForecaster()) < 0.8 * error(SNARIMAX(p=2, d=1, q=1))


def test_rivers_iterated_evaluation_gives_finite_forecasts() -> None:
    data = stream.iter_array(np.zeros((100, 0)), season(100))
    steps = list(evaluate.iter_evaluate(data, EnsembleForecaster(), metrics.MAE(), horizon=6))
    assert steps
    assert all(np.isfinite(forecast).all() for _, _, forecast, _ in steps)
