from __future__ import annotations

import math
from importlib.metadata import EntryPoint, EntryPoints

import pytest
from hypothesis import given
from hypothesis import strategies as st

from streams.core.suggestions import registry
from streams.core.suggestions.config import SuggestionConfig
from streams.core.suggestions.registry import ENTRY_POINTS, create_strategy, strategy_names
from streams.core.suggestions.strategies import (
    PERSONALITIES,
    ProportionalStrategy,
    personality_factor,
)
from streams.errors import ConfigError, UnknownName
from tests.kits.core.goals import numbers

any_number = st.floats(allow_nan=False, allow_infinity=False)


class Whole:
    """A strategy of one's own: goes all the way."""

    def __init__(self, config: SuggestionConfig) -> None:
        self.config = config

    def propose(self, metric: str, current: float, target: float) -> float:
        return target


def broken(config: SuggestionConfig) -> Whole:
    raise RuntimeError("no licence")


NOT_CALLABLE = 3
HERE = __name__


def propose(
    current: float, target: float, config: SuggestionConfig | None = None, metric: str = "m"
) -> float:
    return create_strategy(config or SuggestionConfig()).propose(metric, current, target)


def test_the_simple_strategy_goes_half_of_the_way() -> None:
    assert propose(4.0, 10.0) == 7.0


@pytest.mark.spec("S0-042")
def test_personalities_go_different_ways() -> None:
    values = [
        propose(4.0, 10.0, SuggestionConfig(strategy="personality", personality=name))
        for name in ("cautious", "neutral", "aggressive")
    ]
    assert values == [5.5, 7.0, 8.5]


@pytest.mark.parametrize(
    ("personality", "value"),
    [
        pytest.param("CAUTIOUS", 2.5, marks=pytest.mark.spec("S0-043")),
        pytest.param("aggressive", 7.5, marks=pytest.mark.spec("S0-045")),
    ],
)
def test_a_personality_in_any_case(personality: str, value: float) -> None:
    config = SuggestionConfig(strategy="personality", personality=personality)
    assert propose(0.0, 10.0, config) == value


@pytest.mark.spec("S0-044")
def test_neutral_is_the_default() -> None:
    assert propose(0.0, 10.0, SuggestionConfig(strategy="personality")) == 5.0


@pytest.mark.spec("S0-046")
@pytest.mark.parametrize("strategy", ["simple", "personality"])
def test_an_unknown_personality_is_refused(strategy: str) -> None:
    with pytest.raises(ConfigError) as caught:
        create_strategy(SuggestionConfig(strategy=strategy, personality="bold"))
    assert (caught.value.field, caught.value.value) == ("suggestions.personality", "bold")
    assert all(name in caught.value.remedy for name in PERSONALITIES)


def test_one_direction_metrics_never_fall() -> None:
    config = SuggestionConfig(one_direction_metrics=("time",))
    assert propose(5.0, 0.0, config, "time") == 5.0
    assert propose(5.0, 10.0, config, "time") == 7.5
    assert propose(5.0, 0.0, config, "load") == 2.5


@given(any_number, any_number, st.sampled_from(list(PERSONALITIES)))
def test_proposals_lie_between_current_and_target(
    current: float, target: float, personality: str
) -> None:
    strategy = ProportionalStrategy(personality_factor(personality))
    proposed = strategy.propose("m", current, target)
    assert min(current, target) <= proposed <= max(current, target)


@given(any_number, any_number)
def test_one_direction_proposals_never_fall(current: float, target: float) -> None:
    assert ProportionalStrategy(0.5, frozenset({"m"})).propose("m", current, target) >= current


@given(numbers, numbers)
def test_following_the_proposals_arrives(current: float, target: float) -> None:
    strategy = ProportionalStrategy(0.5)
    for _ in range(100):
        current = strategy.propose("m", current, target)
    assert math.isclose(current, target, rel_tol=1e-9, abs_tol=1e-9)


def test_a_strategy_named_by_module_and_attribute() -> None:
    config = SuggestionConfig(strategy=f"{HERE}:Whole")
    strategy = create_strategy(config)
    assert isinstance(strategy, Whole)
    assert strategy.config is config


def test_a_strategy_installed_as_an_entry_point(monkeypatch: pytest.MonkeyPatch) -> None:
    installed = EntryPoints([EntryPoint("whole", f"{HERE}:Whole", ENTRY_POINTS)])
    monkeypatch.setattr(registry, "entry_points", lambda *, group: installed.select(group=group))
    assert strategy_names() == ["personality", "simple", "whole"]
    assert propose(4.0, 10.0, SuggestionConfig(strategy="whole")) == 10.0


def test_an_unknown_strategy_is_refused_with_the_known_ones() -> None:
    with pytest.raises(UnknownName, match="personality, simple") as caught:
        create_strategy(SuggestionConfig(strategy="clever"))
    assert (caught.value.field, caught.value.value) == ("suggestions.strategy", "clever")


@pytest.mark.parametrize(
    ("name", "reason"),
    [
        ("no_such_module:Strategy", "cannot be imported"),
        (f"{HERE}:Missing", "cannot be imported"),
        (f"{HERE}:NOT_CALLABLE", "not callable"),
        (f"{HERE}:broken", "no licence"),
        (f"{HERE}:personality_factor", "its factory failed"),
        ("builtins:repr", "no propose method"),
    ],
)
def test_an_unusable_strategy_is_a_configuration_error(name: str, reason: str) -> None:
    with pytest.raises(ConfigError, match=reason) as caught:
        create_strategy(SuggestionConfig(strategy=name))
    assert caught.value.value == name
