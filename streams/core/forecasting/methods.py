"""The forecasting methods that a request may name, and what runs for each."""

from __future__ import annotations

from collections.abc import Collection
from typing import NamedTuple

from streams.core.forecasting.registry import ENTRY_POINTS, available
from streams.errors import UnknownName


class Method(NamedTuple):
    """A method by the name that requests use."""

    name: str
    runs: str
    """Name of the registered forecaster."""
    about: str


CATALOGUE = (
    Method(
        "ensemble", "ensemble", "sixteen experts, weighed by their recent error at each horizon"
    ),
    Method("exponential_smoothing", "exponential_smoothing", "flat, at the smoothed last value"),
    Method("arima", "snarimax", "River's SNARIMAX without a season"),
    Method("sarima", "sarima", "River's SNARIMAX with a season: the configured one, or 24 steps"),
    Method("holt_winters", "holt_winters", "River's Holt-Winters: level, trend, configured season"),
    Method("seasonal_profile", "seasonal_profile", "what is usual at this time of the day"),
)
"""Every name means what it says: none stands for a simpler model than it names."""

NEEDS_LIBRARY = ("prophet", "lstm")
"""Methods of libraries that do not learn value by value. They are refused, installed or not,
until somebody registers a forecaster of that name."""


def methods() -> tuple[str, ...]:
    """Names that ``resolve`` accepts, sorted."""
    named = {method.name for method in CATALOGUE if method.runs in available()}
    return tuple(sorted({*named, *available()}))


def resolve(method: str, running: Collection[str] = ()) -> str:
    """Name of the registered forecaster that a requested method stands for.

    ``running`` are names of forecasters that run in any case, such as one configured as
    ``module:attribute``: a request cannot have a module imported. Raises UnknownName, listing the
    methods there are.
    """
    runs = {known.name: known.runs for known in CATALOGUE}.get(method, method)
    if runs in running or runs in available():
        return runs
    known = ", ".join(sorted({*methods(), *running}))
    if method in NEEDS_LIBRARY:
        raise UnknownName(
            f"no forecaster for {method} is installed",
            field="method",
            value=method,
            remedy=f"use one of {known}, or install a package that registers a forecaster named "
            f"{method} in the entry point group {ENTRY_POINTS}",
        )
    raise UnknownName("no such method", field="method", value=method, remedy=f"use one of {known}")
