"""Decisions go by the broker's clock on a real broker, whatever producers say of time."""

from __future__ import annotations

import time
from collections import Counter

import pytest

from streams.core.kernel.clocks import AHEAD, UNIT
from streams.records import DeadLetter, Direction, Event, Goal, Metric
from tests.kits.kafka.deployment import Deployment
from tests.kits.kafka.stage import Stage
from tests.kits.kafka.verifier import decoded

MINUTE = 60_000
DAY = 24 * 60 * MINUTE


@pytest.fixture
def sections() -> dict[str, dict[str, object]]:
    return {"time": {"decisions": "log"}}


def value(number: float, timestamp: int) -> Metric:
    return Metric(entity_id="web-1", timestamp=timestamp, name="cpu_usage", value=number)


def test_producers_with_a_wrong_clock_move_nothing(deployment: Deployment) -> None:
    """One record of next year silenced a series; one of tomorrow failed goals and plans."""
    stage = Stage(deployment, deployment.worker("a").start().wait_ready())
    now = time.time_ns() // 1_000_000
    wanted = Goal(
        entity_id="web-1", timestamp=now, goal_id="calm", target_metric="cpu_usage",
        target_value=70.0, direction=Direction.AT_MOST, deadline=now + DAY, hold_ms=DAY,
    )  # fmt: skip
    stage.send("goals", wanted)
    stage.settle()
    stage.send("metrics", *(value(99.0, now - DAY + i * MINUTE) for i in range(200)))
    stage.settle()
    assert [stage.emitted(topic) for topic in ("forecasts", "predictions", "plans")] == [0, 0, 0]
    stage.send("metrics", value(99.0, now + 365 * DAY), value(99.0, now // 1000))
    odd = Event(entity_id="web-1", timestamp=now + 2 * DAY, event_id="e-1", event_type="x")
    stage.send("events", odd)
    stage.send("metrics", value(60.0, now), value(60.0, now), value(99.0, now - MINUTE))
    stage.settle()
    letters = [each for _, each in decoded(deployment, "dead-letter")]
    reasons = Counter(each.reason for each in letters if isinstance(each, DeadLetter))
    assert reasons == {AHEAD: 2, UNIT: 1}
    goal = stage.table("goals")["web-1/calm"]
    assert (goal["status"], goal["current_value"]) == ("active", 60.0)
    row = stage.table("metric_state")["web-1/cpu_usage"]
    assert (row["last"], row["count"]) == (60.0, 201)
    old = {kind: stage.worker.figure("goalstream_metrics_old_total", kind=kind)
           for kind in ("late", "repeated", "history")}  # fmt: skip
    assert old == {"late": 1, "repeated": 1, "history": 200}
