"""What a partition suggests when an action arrives, by the strategy that is configured."""

from __future__ import annotations

from typing import Any

import pytest

from streams.core.config import CoreConfig, SuggestionConfig
from tests.kits.core.partition import START, Bench, action, goal


class OneMore:
    """A strategy of a user; named below by module and attribute."""

    def __init__(self, config: SuggestionConfig) -> None:
        pass

    def propose(self, metric: str, current: float, target: float) -> float:
        return current + 1.0


def suggested(target: float, *values: float, **options: Any) -> float:
    """The value that is suggested for a metric after ``values``, to one who is about to act."""
    bench = Bench(CoreConfig(suggestions=SuggestionConfig(**options)))
    bench.measure(*values)
    bench.send("goals", goal(target, timestamp=START + 10_000))
    seen = bench.send("actions", action(timestamp=START + 20_000))
    (made,) = seen.records("suggestions")
    assert made.action_id == "a-1"
    return made.values["queue"]


@pytest.mark.spec("S0-035")
def test_the_simple_strategy_goes_half_way_from_the_newest_value() -> None:
    assert suggested(10.0, 2.0, 4.0) == 7.0


@pytest.mark.spec("S0-041")
def test_a_one_direction_metric_is_never_told_to_fall() -> None:
    assert suggested(0.0, 5.0, one_direction_metrics=("queue",)) == 5.0
    assert suggested(10.0, 5.0, one_direction_metrics=("queue",)) == 7.5
    assert suggested(0.0, 5.0, one_direction_metrics=("load",)) == 2.5


@pytest.mark.spec("S0-034")
def test_a_strategy_of_ones_own_is_named_in_the_configuration_and_published() -> None:
    assert suggested(10.0, 4.0, strategy=f"{__name__}:OneMore") == 5.0
