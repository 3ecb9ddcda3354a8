"""Forecasters by name: built-in, from installed packages, or ``module:attribute``."""

from __future__ import annotations

from collections.abc import Mapping
from importlib import import_module
from importlib.metadata import EntryPoint, entry_points
from typing import cast

from streams.core.forecasting.config import ForecastConfig
from streams.core.forecasting.ensemble.bank import CompiledEnsemble
from streams.core.forecasting.exponential_smoothing import ExponentialSmoothingForecaster
from streams.core.forecasting.holt_winters import HoltWintersForecaster
from streams.core.forecasting.protocol import Forecaster, ForecasterFactory
from streams.core.forecasting.seasonal_profile import SeasonalProfileForecaster
from streams.core.forecasting.snarimax import SarimaForecaster, SnarimaxForecaster
from streams.errors import UnknownName

ENTRY_POINTS = "streams.forecasters"
"""Entry point group in which other packages name their factories."""

BUILT_IN: Mapping[str, ForecasterFactory] = {
    CompiledEnsemble.name: CompiledEnsemble,
    ExponentialSmoothingForecaster.name: ExponentialSmoothingForecaster,
    HoltWintersForecaster.name: HoltWintersForecaster,
    SarimaForecaster.name: SarimaForecaster,
    SeasonalProfileForecaster.name: SeasonalProfileForecaster,
    SnarimaxForecaster.name: SnarimaxForecaster,
}


def available() -> tuple[str, ...]:
    """Names that ``create`` knows without ``module:attribute``, sorted."""
    return tuple(sorted({*BUILT_IN, *_installed()}))


def create(name: str, config: ForecastConfig) -> Forecaster:
    """Make the forecaster registered as ``name``. Built-in names cannot be taken by others.

    Raises UnknownName when there is none, or when its module cannot be imported.
    """
    return _factory(name)(config)


def _factory(name: str) -> ForecasterFactory:
    if name in BUILT_IN:
        return BUILT_IN[name]
    installed = _installed()
    try:
        if name in installed:
            return cast(ForecasterFactory, installed[name].load())
        module, separator, attribute = name.partition(":")
        if separator:
            return cast(ForecasterFactory, getattr(import_module(module), attribute))
    except (ImportError, AttributeError, ValueError) as error:
        raise _unknown(name, f"forecaster cannot be imported: {error}") from error
    raise _unknown(name, "no such forecaster")


def _installed() -> dict[str, EntryPoint]:
    return {point.name: point for point in entry_points(group=ENTRY_POINTS)}


def _unknown(name: str, message: str) -> UnknownName:
    return UnknownName(
        message,
        field="forecasting.models",
        value=name,
        remedy=f"use one of {', '.join(available())}, or module:attribute",
    )
