"""What the autonomous parts read, wait for and leave alone."""

from __future__ import annotations

import pytest

from streams.core.forecasting.config import ForecastConfig
from streams.core.metric.config import MetricConfig
from streams.core.outcomes.build import HandlerResult
from streams.records import (
    Action,
    GoalStatus,
    Metric,
    OutcomeStatus,
    PlanStatus,
    PredictionKind,
)
from tests.kits.core.loop import HOUR, MINUTE, Loop, config_of, urgent
from tests.kits.core.partition import START, goal


def ramp(loop: Loop, name: str = "cpu", last: float = 91.0) -> None:
    for step in range(40):
        value = last - (39 - step) * 0.1
        loop.measure(value, at=START + (step + 1) * 30 * MINUTE, name=name)


@pytest.mark.spec("S1-011")
def test_a_prediction_reads_the_latest_value() -> None:
    loop = Loop(config_of(forecasting=ForecastConfig(models=("holt_winters",), interval_ms=0)))
    ramp(loop)
    told = [p for p in loop.seen.records("predictions") if p.kind is PredictionKind.STATE]
    [demand] = told[-1].resource_demands
    assert demand.current_usage == 91.0


@pytest.mark.spec("S1-012")
def test_a_metric_counts_as_the_resource_that_it_is_another_name_of() -> None:
    loop = Loop(
        config_of(
            forecasting=ForecastConfig(models=("holt_winters",), interval_ms=0),
            aliases={"cpu_usage": "cpu"},
        )
    )
    ramp(loop, name="cpu_usage", last=97.0)
    told = [p for p in loop.seen.records("predictions") if p.kind is PredictionKind.STATE]
    assert told[-1].current_state == "overloaded"


@pytest.mark.spec("S1-099")
def test_a_goal_waits_for_the_goal_that_it_depends_on() -> None:
    loop = Loop(config_of(metrics={"cpu": MetricConfig(), "queue": MetricConfig()}))
    loop.measure(90.0)
    loop.ask(urgent(goal_id="first"))
    loop.ask(goal(5.0, goal_id="second", dependencies=("first",), actions=("scale_out",)))
    planned = [plan.goal_id for plan in loop.seen.records("plans")]
    assert set(planned) == {"first"}
    loop.measure(50.0, at=loop.now + MINUTE)
    state = loop.bench.state()
    assert state.goals["first"].status is GoalStatus.ACHIEVED
    loop.measure(50.0, at=loop.now + MINUTE)
    later = [plan for plan in loop.seen.records("plans") if plan.goal_id == "second"]
    assert later
    assert state.goals["second"].status in (GoalStatus.ACTIVE, GoalStatus.IN_PROGRESS)


@pytest.mark.spec("S1-149")
def test_without_auto_analysis_an_hour_brings_none() -> None:
    options = ForecastConfig(models=("holt_winters",), auto_analysis=False)
    loop = Loop(config_of(forecasting=options))
    ramp(loop, last=120.0)
    assert loop.now > START + HOUR
    assert loop.seen.records("forecasts") == []
    assert loop.seen.records("predictions") == []
    loop.measure(120.0, at=loop.now + MINUTE)
    by_hand = loop.command("analysis.run", target="cpu")
    assert len(by_hand.records("forecasts")) == 1


@pytest.mark.spec("S1-153")
@pytest.mark.parametrize("model", ["holt_winters", "seasonal_profile"])
def test_the_configured_method_forecasts(model: str) -> None:
    options = ForecastConfig(models=(model,), interval_ms=0)
    loop = Loop(config_of(forecasting=options))
    ramp(loop)
    told = loop.seen.records("forecasts")
    assert told
    assert {forecast.method for forecast in told} == {model}


@pytest.mark.spec("S1-165")
def test_the_run_time_of_an_action_becomes_a_metric() -> None:
    def slow(_: Action) -> HandlerResult:
        return HandlerResult(status=OutcomeStatus.SUCCESS)

    loop = Loop(config_of(duration_metric="action_ms"), slow)
    loop.measure(90.0)
    seen = loop.ask(urgent())
    assert any(plan.status is PlanStatus.RUNNING for plan in seen.records("plans"))
    [outcome] = [record for topic, record in loop.log if topic == "outcomes"]
    [told] = [r for r in loop.seen.records("metrics") if isinstance(r, Metric)]
    assert (told.name, told.value, told.unit) == ("action_ms", outcome.duration_ms, "ms")  # type: ignore[attr-defined]  # an outcome
    assert told.entity_id == "svc"
    assert told.tags[0].value == "scale_out"
