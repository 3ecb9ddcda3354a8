"""Suggestion strategies by name: built in, installed as an entry point, or ``module:attribute``."""

from __future__ import annotations

from collections.abc import Callable
from importlib.metadata import entry_points
from pkgutil import resolve_name
from typing import cast

from streams.core.suggestions.config import SuggestionConfig
from streams.core.suggestions.strategies import Strategy, personality, personality_factor, simple
from streams.errors import ConfigError, GoalstreamError, UnknownName

ENTRY_POINTS = "streams.suggestion_strategies"
"""Entry point group; each names a factory that takes a SuggestionConfig."""

StrategyFactory = Callable[[SuggestionConfig], Strategy]
"""What a strategy's name stands for."""

_BUILT_IN: dict[str, StrategyFactory] = {"simple": simple, "personality": personality}


def strategy_names() -> list[str]:
    """Names that can be configured, sorted; ``module:attribute`` works beside them."""
    return sorted({*_BUILT_IN, *(point.name for point in entry_points(group=ENTRY_POINTS))})


def create_strategy(config: SuggestionConfig) -> Strategy:
    """The configured strategy.

    Raises UnknownName for a name nobody registered, ConfigError when a personality is unknown or
    the factory cannot be imported, fails, or gives something that cannot propose.
    """
    personality_factor(config.personality)  # a misspelt one is refused even where it is not used
    factory = _find(config.strategy)
    try:
        strategy = factory(config)
    except GoalstreamError:
        raise
    except Exception as error:
        raise _refuse(config.strategy, f"its factory failed: {error!r}") from error
    if not callable(getattr(strategy, "propose", None)):
        raise _refuse(config.strategy, "what its factory returns has no propose method")
    return strategy


def _find(name: str) -> StrategyFactory:
    if name in _BUILT_IN:
        return _BUILT_IN[name]
    points = [point for point in entry_points(group=ENTRY_POINTS) if point.name == name]
    if not points and ":" not in name:
        raise UnknownName(
            "unknown suggestion strategy",
            field="suggestions.strategy",
            value=name,
            remedy=f"use one of {', '.join(strategy_names())}, or module:attribute",
        )
    try:
        factory: object = points[0].load() if points else resolve_name(name)
    except Exception as error:  # importing foreign code can fail in any way
        raise _refuse(name, f"it cannot be imported: {error!r}") from error
    if not callable(factory):
        raise _refuse(name, "it is not callable")
    return cast(StrategyFactory, factory)


def _refuse(name: str, reason: str) -> ConfigError:
    return ConfigError(
        f"suggestion strategy cannot be used, {reason}",
        field="suggestions.strategy",
        value=name,
        remedy="name a callable that takes a SuggestionConfig and returns a Strategy",
    )
