import math
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from river import linear_model, neighbors, optim, preprocessing, tree
from river.time_series import SNARIMAX, HoltWinters

from streams.core.forecasting.bank import SeriesBank
from streams.core.forecasting.config import ForecastConfig
from streams.core.forecasting.protocol import Forecaster, ForecasterFactory
from streams.core.forecasting.river_adapter import TRIED, from_river
from streams.core.forecasting.state import seal, unseal
from streams.errors import ConfigError, StateError
from streams.testing import check_forecaster

CONFIG = ForecastConfig()
MODELS: dict[str, Any] = {
    "pipeline": preprocessing.StandardScaler() | SNARIMAX(p=2, d=1, q=1, m=24),
    "snarimax": SNARIMAX(p=2, d=1, q=1),
    "seasonal": SNARIMAX(p=2, d=1, q=1, m=24, sp=1, sd=1, sq=1),
    "adam": SNARIMAX(
        p=3,
        d=0,
        q=1,
        regressor=preprocessing.StandardScaler()
        | linear_model.LinearRegression(intercept_init=110, optimizer=optim.Adam(0.01)),
    ),
    "scaled target": SNARIMAX(
        p=3,
        d=0,
        q=1,
        regressor=preprocessing.StandardScaler()
        | preprocessing.TargetStandardScaler(linear_model.PARegressor()),
    ),
    "level": HoltWinters(alpha=0.3),
    "trend": HoltWinters(alpha=0.3, beta=0.1),
    "additive": HoltWinters(alpha=0.3, beta=0.1, gamma=0.2, seasonality=12),
    "multiplicative": HoltWinters(0.3, 0.1, 0.2, seasonality=12, multiplicative=True),
}
FACTORIES: dict[str, ForecasterFactory] = {
    name: from_river(model, name=name.replace(" ", "_")) for name, model in MODELS.items()
}
PIPELINE = FACTORIES["pipeline"]
CHANGED = from_river(SNARIMAX(p=1, d=1, q=0), name="pipeline")
every = pytest.mark.parametrize("kind", list(MODELS))


def make(kind: str) -> Forecaster:
    forecaster = FACTORIES[kind](CONFIG)
    forecaster.resize(2)
    return forecaster


def learn(forecaster: Forecaster, values: list[float] | np.ndarray, row: int = 0) -> np.ndarray:
    values = np.asarray(values, dtype=np.float64)
    return forecaster.learn_many(np.full(values.size, row), np.arange(values.size), values)


def season(size: int, seed: int = 0) -> np.ndarray:
    noise = np.random.default_rng(seed).standard_normal(size)
    return 50 + 10 * np.sin(2 * np.pi * np.arange(size) / 24) + noise


def test_it_keeps_the_contract() -> None:
    check_forecaster(lambda: FACTORIES["multiplicative"](CONFIG))


ODD = st.sampled_from([0.0, -0.0, 1.0, 5e-324, -1e9, 1e50, 1.7e308, -1.7e308])


@st.composite
def values(draw: st.DrawFn) -> list[float]:
    """A season, and now and then something else."""
    found = season(draw(st.integers(0, 80)), draw(st.integers(0, 99))).tolist()
    for value in draw(st.lists(st.one_of(ODD, st.floats(-100, 100)), max_size=5)):
        found.insert(draw(st.integers(0, len(found))), value)
    return found


@every
@settings(max_examples=30)
@given(before=values(), after=values())
def test_a_dump_continues_as_if_never_interrupted(
    kind: str, before: list[float], after: list[float]
) -> None:
    unbroken, stored = make(kind), make(kind)
    learn(unbroken, before)
    stored.load(1, unbroken.dump(0))
    assert stored.dump(1) == unbroken.dump(0)
    expected = learn(unbroken, after)
    assert learn(stored, after, 1).tobytes() == expected.tobytes()
    assert stored.forecast(1, 12).tobytes() == unbroken.forecast(0, 12).tobytes()
    assert stored.dump(1) == unbroken.dump(0)


@every
def test_it_is_rivers_model_to_the_last_bit(kind: str) -> None:
    forecaster, model = make(kind), MODELS[kind].clone()
    series = season(300)
    known = learn(forecaster, series)
    for position, value in enumerate(series.tolist()):
        if math.isfinite(known[position]):
            low, high = series[:position].min(), series[:position].max()
            limited = np.clip(model.forecast(1, xs=[{}])[0], 2 * low - high, 2 * high - low)
            assert known[position] == limited
        model.learn_one(y=value, x={})
    assert np.isfinite(known[24:]).all()


def test_an_unready_model_waits() -> None:
    forecaster = from_river(MODELS["additive"], name="own", warm_up=1)(CONFIG)
    forecaster.resize(1)
    assert np.isfinite(learn(forecaster, season(20))).tolist() == [False] * 12 + [True] * 8


def test_a_fresh_snarimax_waits_for_its_warm_up() -> None:
    forecaster = from_river(MODELS["snarimax"], name="own", warm_up=5)(CONFIG)
    forecaster.resize(1)
    assert np.isfinite(learn(forecaster, season(8))).tolist() == [False] * 5 + [True] * 3


def test_what_a_model_has_learned_is_left_behind() -> None:
    taught = MODELS["snarimax"].clone()
    for value in season(100).tolist():
        taught.learn_one(value)
    factory = from_river(taught, name="snarimax")
    assert factory(CONFIG).state_version == make("snarimax").state_version
    forecaster = factory(CONFIG)
    forecaster.resize(1)
    assert learn(forecaster, season(50)).tobytes() == learn(make("snarimax"), season(50)).tobytes()


def test_a_row_whose_model_fails_starts_anew() -> None:
    forecaster = make("multiplicative")
    learn(forecaster, np.zeros(12))  # River divides by the level
    assert forecaster.dump(0) == b""
    assert np.isfinite(learn(forecaster, season(20))).tolist() == [False] * 12 + [True] * 8


def test_a_row_whose_model_runs_away_starts_anew() -> None:
    model = SNARIMAX(p=1, d=0, q=0, regressor=linear_model.LinearRegression())
    forecaster = from_river(model, name="unscaled")(CONFIG)
    forecaster.resize(1)
    series = np.concatenate([season(100) / 50, 1000 * season(25), season(100) / 50])
    known = np.isfinite(learn(forecaster, series))
    assert known[10:100].all()
    assert not known[100:125].all()
    assert known[-50:].all()


def test_the_version_follows_the_configuration() -> None:
    versions = {make(kind).state_version for kind in MODELS}
    other = from_river(SNARIMAX(p=2, d=1, q=2), name="snarimax")(CONFIG).state_version
    assert len({*versions, other}) == len(MODELS) + 1


@pytest.mark.parametrize("kind", ["pipeline", "additive"])
def test_state_of_another_model_or_with_wrong_parts_is_refused(kind: str) -> None:
    forecaster = make(kind)
    learn(forecaster, season(50))
    data = unseal(forecaster.dump(0), "test")
    random = np.random.default_rng(0)
    refused = 0
    for _ in range(300):
        changed = bytearray(data)
        changed[random.integers(len(data))] = random.integers(256)
        try:
            forecaster.load(1, seal(bytes(changed)))
        except StateError:
            refused += 1
            assert forecaster.dump(1) == b""
    assert refused > 50
    with pytest.raises(StateError):
        make("trend").load(0, forecaster.dump(0)[:-1])


def test_a_forecast_leaves_the_models_features_alone() -> None:
    forecaster = from_river(MODELS["seasonal"], name="own", warm_up=1)(CONFIG)
    forecaster.resize(1)
    learn(forecaster, season(27))
    before = forecaster.dump(0)
    assert np.isfinite(forecaster.forecast(0, 48)).all()
    assert forecaster.dump(0) == before


def bank_of(attribute: str) -> SeriesBank:
    bank = SeriesBank(ForecastConfig(models=(f"{__name__}:{attribute}",)))
    bank.resize(1)
    return bank


def test_a_bank_continues_it_and_begins_anew_under_another_configuration() -> None:
    bank, again, changed = bank_of("PIPELINE"), bank_of("PIPELINE"), bank_of("CHANGED")
    bank.learn_many(np.zeros(60, np.int64), 60_000 * np.arange(60), season(60))
    assert again.load(0, bank.dump(0)) == []
    found = again.forecast(0, 6, 0.9)
    assert found is not None
    assert found.method == "pipeline"
    assert again.dump(0) == bank.dump(0)
    assert changed.load(0, bank.dump(0)) == ["pipeline"]


class NoForecaster:
    """Not even of River."""


class Counting(HoltWinters):
    """A user's model that keeps what cannot be stored."""

    def __init__(self, alpha: float) -> None:
        super().__init__(alpha)
        self.unread = iter("text" * TRIED)

    def learn_one(self, y: float, x: Any = None) -> None:
        super().learn_one(y, x)
        next(self.unread)


class Forgetful(HoltWinters):
    """A user's model whose class keeps a part of its state."""

    seen = 0

    def __init__(self, alpha: float) -> None:
        super().__init__(alpha)

    def learn_one(self, y: float, x: Any = None) -> None:
        Forgetful.seen += 1
        super().learn_one(y + Forgetful.seen, x)


@pytest.mark.parametrize(
    ("model", "message"),
    [
        (NoForecaster(), "not a forecaster"),
        (linear_model.LinearRegression(), "not a forecaster"),
        (preprocessing.StandardScaler() | linear_model.LinearRegression(), "not a forecaster"),
        (SNARIMAX(2, 0, 0, regressor=tree.HoeffdingTreeRegressor()), "not there when"),
        (SNARIMAX(2, 0, 0, regressor=neighbors.KNNRegressor()), "give it a seed"),
        (Counting(0.3), "iter"),
        (Forgetful(0.3), "goes on differently"),
    ],
    ids=lambda value: value if isinstance(value, str) else type(value).__name__,
)
def test_a_model_that_cannot_be_stored_is_refused(model: Any, message: str) -> None:
    with pytest.raises(ConfigError, match=message) as caught:
        from_river(model, name="own")
    assert caught.value.field == "model"
    assert caught.value.remedy


@pytest.mark.parametrize(("name", "warm_up", "field"), [("", 10, "name"), ("own", 0, "warm_up")])
def test_an_argument_out_of_range_is_named(name: str, warm_up: int, field: str) -> None:
    with pytest.raises(ConfigError) as caught:
        from_river(MODELS["level"], name=name, warm_up=warm_up)
    assert caught.value.field == field
