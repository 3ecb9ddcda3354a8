"""Random input records and configurations, made from seeds."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from random import Random
from typing import Any, TypeVar

import msgspec
from hypothesis import strategies as st

from streams.core.config import CoreConfig
from streams.core.forecasting.config import ForecastConfig
from streams.core.goals.config import GoalConfig
from streams.core.metric.config import MetricConfig
from streams.core.partition import METRICS
from streams.records import (
    Action,
    Command,
    Direction,
    Event,
    Goal,
    GoalStatus,
    Metric,
    OutcomeStatus,
    Priority,
    Record,
)
from tests.kits.core.partition import START, outcome

T = TypeVar("T")

ENTITIES = ("a", "a/b", "a\x01", "ü")
METRIC_NAMES = ("load", "free", "queue")
KINDS = (*("metric",) * 6, "goal", "action", "event", "outcome", "command")


@dataclass(frozen=True)
class Draw:
    """The numbers behind one random record; small ones make simple records."""

    kind: int
    entity: int
    metric: int
    value: int
    step: int
    extra: int


def random_lists(make: Callable[[Random], T], most: int) -> st.SearchStrategy[list[T]]:
    """Lists of 1 to ``most`` elements made from a seed: hypothesis prefers small and equal
    numbers, and with them too little happens. The length shrinks, the elements do not."""

    def made(size: int, seed: int) -> list[T]:
        random = Random(seed)
        return [make(random) for _ in range(size)]

    return st.builds(made, size=st.integers(1, most), seed=st.integers(0, 2**32 - 1))


def random_draw(random: Random) -> Draw:
    return Draw(
        kind=random.randrange(len(KINDS)),
        entity=random.randrange(len(ENTITIES)),
        metric=random.randrange(len(METRIC_NAMES)),
        value=random.randrange(25),
        step=random.randrange(10),
        extra=random.randrange(256),
    )


def draws(most: int) -> st.SearchStrategy[list[Draw]]:
    return random_lists(random_draw, most)


configs = st.builds(
    CoreConfig,
    forecasting=st.builds(
        ForecastConfig,
        models=st.sampled_from(
            [("holt_winters",), ("ensemble", "holt_winters"), ("holt_winters", "snarimax")]
        ),
        min_points=st.integers(2, 4),
        horizon=st.integers(1, 3),
        interval_ms=st.sampled_from([0, 1, 7, 40]),
    ),
    goals=st.builds(
        GoalConfig,
        auto_goal_setting=st.booleans(),
        goal_state_sources=st.sampled_from([("*",), ()]),
        max_active_goals=st.integers(1, 3),
        closed_goals_kept=st.integers(0, 2),
        breach_probability=st.sampled_from([0.01, 0.5]),
        lead_ms=st.sampled_from([0, 20]),
        hold_ms=st.sampled_from([0, 15]),
    ),
    metrics=st.just(
        {
            "load": MetricConfig(capacity=10.0),
            "free": MetricConfig(
                capacity=10.0, limit_ratio=0.2, target_ratio=0.4, direction=Direction.AT_LEAST
            ),
        }
    ),
    outcomes_kept=st.integers(1, 2),
    ids_kept=st.sampled_from([1, 3, 50]),
)

_STEPS = (0, 1, 1, 2, 5, 10, 30, 100, -1, -20)
"""Of event time between two records of the log; it may stand still and run backwards."""
_VALUES = (1e6, -1e6, 1e99, 0.1)


def records_of(
    drawn: Sequence[Draw], steps: Sequence[int] = _STEPS, **fields: Any
) -> list[tuple[str, Record]]:
    """The input that numbers stand for, in overall order; ``fields`` are the same in all."""
    now, made = START, list[tuple[str, Record]]()
    for i, draw in enumerate(drawn):
        now += steps[draw.step]
        source, record = _MAKE[KINDS[draw.kind]](draw, i, now)
        made.append((source, msgspec.structs.replace(record, **fields)))
    return made


def _base(draw: Draw, now: int) -> dict[str, Any]:
    types = ("service", "service", "service", "resource")
    return {
        "entity_id": ENTITIES[draw.entity],
        "entity_type": types[draw.extra % 4],
        "timestamp": now,
        "correlation_id": "chain" if draw.extra % 3 == 1 else "",
    }


def _value(draw: Draw) -> float:
    return _VALUES[draw.value - 20] if 20 <= draw.value < 24 else draw.value / 2


def _metric(draw: Draw, i: int, now: int) -> tuple[str, Record]:
    name = METRIC_NAMES[draw.metric]
    return METRICS, Metric(**_base(draw, now), name=name, value=_value(draw))


def _goal(draw: Draw, i: int, now: int) -> tuple[str, Record]:
    cancelled = draw.extra % 16 == 15
    return "goals", Goal(
        **_base(draw, now),
        goal_id=("", "g-1", "g-2", f"g-{i}")[draw.extra % 4],
        target_metric=METRIC_NAMES[draw.metric],
        target_value=_value(draw),
        direction=tuple(Direction)[draw.extra // 4 % 3],
        priority=tuple(Priority)[draw.extra // 8 % 4],
        hold_ms=(0, 10)[draw.extra // 32 % 2],
        deadline=(None, now + 25, now + 60, None)[draw.extra // 16 % 4],
        status=GoalStatus.CANCELLED if cancelled else GoalStatus.ACTIVE,
        revision=1 if draw.extra == 255 else 0,
    )


def _action(draw: Draw, i: int, now: int) -> tuple[str, Record]:
    return "actions", Action(
        **_base(draw, now),
        action_id=f"a-{draw.extra % 6}",
        action_type="scale",
        params={"n": str(i)},
        dry_run=draw.extra % 7 == 6,
    )


def _event(draw: Draw, i: int, now: int) -> tuple[str, Record]:
    target = f"{_value(draw)}"
    metadata = (
        {METRIC_NAMES[draw.metric]: target},
        {"load": target, "queue": "3"},
        {"load": "abc", "free": target},
        {},
    )[draw.extra % 4]
    kind = "note" if draw.extra % 5 == 4 else "goal_state"
    return "events", Event(
        **_base(draw, now),
        event_id=f"e-{i if draw.extra < 128 else draw.extra % 3}",
        event_type=kind,
        metadata=metadata,
    )


def _outcome(draw: Draw, i: int, now: int) -> tuple[str, Record]:
    action_id = f"a-{draw.extra % 6}"
    return "outcomes", outcome(
        action_id,
        **_base(draw, now),
        event_id=f"o-{draw.extra % 8}",
        status=tuple(OutcomeStatus)[draw.extra // 8 % 6],
    )


def _command(draw: Draw, i: int, now: int) -> tuple[str, Record]:
    name = ("goal.create", "goal.create", "goal.cancel", "goal.make")[draw.extra % 4]
    arguments = {"target_metric": METRIC_NAMES[draw.metric], "target_value": f"{_value(draw)}"}
    if draw.extra % 11 == 10:
        arguments["target_value"] = "much"
    return "commands", Command(
        **_base(draw, now),
        command_id=f"c-{i if draw.extra < 200 else 0}",
        command=name,
        target=("g-1", "g-2", f"g-{i}")[draw.extra // 4 % 3],
        arguments={} if name == "goal.cancel" else arguments,
    )


_MAKE = {
    "metric": _metric,
    "goal": _goal,
    "action": _action,
    "event": _event,
    "outcome": _outcome,
    "command": _command,
}
