"""Goals, forecasts and expectations to test the judgement of acts with."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from streams.core.effects.expectation import Expectation, expect
from streams.core.kernel.model_results import SeriesForecast
from streams.core.planning.plan import PlanCandidate
from streams.records import Direction, Goal, Plan, PlanStep, Strategy

NOW = 1_700_000_000_000
MINUTE = 60_000


def goal(**fields: Any) -> Goal:
    """Keep cpu at or below 80 %."""
    base = {
        "entity_id": "checkout",
        "timestamp": NOW,
        "correlation_id": "why",
        "goal_id": "g-1",
        "target_metric": "cpu",
        "target_value": 80.0,
        "direction": Direction.AT_MOST,
    }
    return Goal(**(base | fields))


def proposal(effect: float | None = -20.0) -> PlanCandidate:
    return PlanCandidate(name="scale", steps=(PlanStep(name="scale"),), effect=effect)


def plan(**fields: Any) -> Plan:
    base = {
        "entity_id": "checkout",
        "timestamp": NOW,
        "plan_id": "p-1",
        "goal_id": "g-1",
        "strategy": Strategy.IMMEDIATE,
        "scheduled_time": NOW,
        "expected_metric": "cpu",
    }
    return Plan(**(base | fields))


def forecast(mean: Sequence[float], half: float = 2.0, step_ms: int = MINUTE) -> SeriesForecast:
    """``mean`` and an interval of ``half`` on both sides."""
    path = np.array(mean, np.float64)
    return SeriesForecast(
        method="drift",
        members=("drift",),
        step_ms=step_ms,
        mean=path,
        lower=path - half,
        upper=path + half,
        level=0.95,
        error=half / 2,
        coverage=0.95,
        promised=0.95,
        points=100,
    )


def expectation(
    mean: Sequence[float] = (90.0,) * 10,
    *,
    half: float = 2.0,
    effect: float | None = -20.0,
    current: float = 90.0,
    learned: tuple[float, float, int] | None = None,
    settle_ms: int = 5 * MINUTE,
    **fields: Any,
) -> Expectation:
    """cpu is at 90 and will stay there; scaling out is said to take 20 off."""
    return expect(
        goal(**fields),
        proposal(effect),
        now=NOW,
        settle_ms=settle_ms,
        forecast=forecast(mean, half) if mean else None,
        learned=learned,
        current=current,
    )
