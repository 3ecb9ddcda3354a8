from importlib.metadata import EntryPoint

import pytest

from streams.core.forecasting import registry
from streams.core.forecasting.config import ForecastConfig
from streams.core.forecasting.holt_winters import HoltWintersForecaster
from streams.errors import UnknownName

CONFIG = ForecastConfig()
OWN = "streams.core.forecasting.holt_winters:HoltWintersForecaster"


@pytest.mark.parametrize(
    "name", ["exponential_smoothing", "holt_winters", "sarima", "seasonal_profile", "snarimax"]
)
def test_built_in_forecasters_are_found_by_their_name(name: str) -> None:
    assert registry.create(name, CONFIG).name == name
    assert name in registry.available()


def test_a_forecaster_is_found_by_module_and_attribute() -> None:
    assert isinstance(registry.create(OWN, CONFIG), HoltWintersForecaster)


def offer(monkeypatch: pytest.MonkeyPatch, name: str, value: str) -> None:
    point = EntryPoint(name, value, registry.ENTRY_POINTS)

    def entry_points(*, group: str) -> tuple[EntryPoint, ...]:
        return (point,) if group == "streams.forecasters" else ()

    monkeypatch.setattr(registry, "entry_points", entry_points)


def test_a_forecaster_is_found_in_an_installed_package(monkeypatch: pytest.MonkeyPatch) -> None:
    offer(monkeypatch, "mine", OWN)
    assert isinstance(registry.create("mine", CONFIG), HoltWintersForecaster)
    assert registry.available() == tuple(sorted({*registry.BUILT_IN, "mine"}))


def test_a_package_cannot_take_a_built_in_name(monkeypatch: pytest.MonkeyPatch) -> None:
    offer(monkeypatch, "snarimax", OWN)
    assert registry.create("snarimax", CONFIG).name == "snarimax"


def test_a_broken_package_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    offer(monkeypatch, "mine", "no_such_module:Thing")
    with pytest.raises(UnknownName, match="no_such_module"):
        registry.create("mine", CONFIG)


@pytest.mark.parametrize(
    "name",
    ["prophet", "", ":", "no_such_module:Thing", "streams.core.forecasting.holt_winters:Missing"],
)
def test_an_unknown_name_lists_what_there_is(name: str) -> None:
    with pytest.raises(UnknownName) as caught:
        registry.create(name, CONFIG)
    assert caught.value.value == name
    assert caught.value.field == "forecasting.models"
    assert ", ".join(registry.available()) in caught.value.remedy
