"""What a partition sees coming: anomalies, patterns, states; and taking it elsewhere."""

from __future__ import annotations

from typing import Any

import msgspec
import numpy as np
import pytest

from streams.core.config import CoreConfig
from streams.core.forecasting.config import ForecastConfig
from streams.core.metric.config import MetricConfig
from streams.core.partition import METRICS
from streams.core.transfer import IMPORT, knowledge_of
from streams.records import Forecast, PatternType, Prediction, PredictionKind, Severity
from tests.kits.core.partition import (
    HOUR,
    START,
    Bench,
    Seen,
    command,
    event,
    goal,
    measured,
    metric,
)
from tests.kits.core.values import noise

EAGER = CoreConfig(forecasting=ForecastConfig(min_points=10, interval_ms=0))


def states(seen: Seen) -> list[Prediction]:
    return [p for p in seen.records("predictions") if p.kind is PredictionKind.STATE]


# -- forecasts ------------------------------------------------------------------------------------


def forecasts(models: tuple[str, ...], values: np.ndarray) -> list[Forecast]:
    """What is published of hourly values, one forecast a value."""
    options = ForecastConfig(models=models, min_points=10, interval_ms=0)
    return measured(Bench(CoreConfig(forecasting=options)), queue=values).records("forecasts")


@pytest.mark.spec("S1-026")
def test_a_model_that_fails_is_not_named_in_the_forecasts_without_it() -> None:
    values = noise(185)
    values[180] = 1e12  # SNARIMAX's regression runs away and it has to start anew
    made = forecasts(("snarimax", "holt_winters"), values)
    assert (made[-6].timestamp, made[-6].members) == (START + 179 * HOUR, ("snarimax",))
    assert {(f.method, f.members) for f in made[-5:]} == {("holt_winters", ("holt_winters",))}
    assert np.isfinite([f.predictions for f in made]).all()


@pytest.mark.spec("S1-026")
def test_an_ensemble_names_the_members_that_can_forecast_yet() -> None:
    day = np.random.default_rng(2).uniform(0, 100, 24)
    made = forecasts(("ensemble",), np.tile(day, 15) + noise(360))
    # No hour of the day has come twice; in the end nothing but the hour of the day tells anything.
    assert set(made[0].members) == {"last_value", "level", "median"}
    assert made[-1].members[0] == "daily_profile"
    assert not {"level", "median"} & set(made[-1].members)


# -- anomalies and drift --------------------------------------------------------------------------


@pytest.mark.spec("S1-044")
@pytest.mark.spec("S1-198")
def test_an_outlier_is_one_event_and_one_pattern() -> None:
    bench = Bench()
    values = 100 + noise(800)
    values[600] = 100 + 12
    seen = measured(bench, queue=values)
    (told,) = (e for e in seen.records("events") if e.event_type == "metric_anomaly")
    assert told.timestamp == START + 600 * HOUR
    assert told.metadata["metric"] == "queue"
    assert float(told.metadata["value"]) == values[600]
    assert float(told.metadata["expected"]) == pytest.approx(100, abs=1)
    (pattern,) = (p for p in seen.records("patterns") if p.pattern_type is PatternType.ANOMALY)
    assert "queue" in pattern.description
    assert pattern.last_occurrence == told.timestamp


def test_a_change_of_noise_is_told_as_drift() -> None:
    seen = measured(Bench(), queue=np.concatenate([noise(1000), 8 * noise(400, seed=1)]))
    drifts = [e for e in seen.records("events") if e.event_type == "forecast_drift"]
    assert drifts
    assert all(e.timestamp >= START + 1000 * HOUR for e in drifts)
    assert {"reason", "change"} <= drifts[0].metadata.keys()


def test_what_is_noticed_at_a_value_is_told_once_after_a_restart() -> None:
    bench, values = Bench(), 100 + noise(800)
    values[600] = 112
    entries = [metric(v, timestamp=START + i * HOUR) for i, v in enumerate(values.tolist())]
    whole = Bench().send(METRICS, *entries)
    bench.send(METRICS, *entries[:500])
    bench.save()
    seen = bench.send(METRICS, *entries[500:])
    assert seen.records("events") == whole.records("events")[-len(seen.records("events")) :]
    bench.restart()
    bench._ends[METRICS] = 500
    again = bench.send(METRICS, *entries[500:])
    assert msgspec.msgpack.encode(again.records("events")) == msgspec.msgpack.encode(
        seen.records("events")
    )


# -- patterns -------------------------------------------------------------------------------------


@pytest.mark.spec("S1-038")
@pytest.mark.spec("S1-039")
def test_hourly_events_are_a_recurring_task() -> None:
    bench = Bench()
    events = [event(f"e-{i}", event_type="backup", timestamp=START + i * HOUR) for i in range(10)]
    patterns = bench.send("events", *events).records("patterns")
    (found,) = (p for p in patterns if p.pattern_type is PatternType.RECURRING_TASK)
    assert (found.frequency, found.confidence) == ("every 1 hours", 1.0)
    assert found.next_occurrence == START + 10 * HOUR
    assert found.active


@pytest.mark.spec("S1-047")
def test_a_task_that_stops_is_retired() -> None:
    bench = Bench()
    events = [event(f"e-{i}", event_type="backup", timestamp=START + i * HOUR) for i in range(10)]
    bench.send("events", *events)
    later = event("x", event_type="login", timestamp=START + 16 * HOUR)
    (retired,) = bench.send("events", later).records("patterns")
    assert not retired.active


@pytest.mark.spec("S1-045")
def test_two_metrics_in_lockstep_are_a_correlation() -> None:
    bench = Bench(CoreConfig(forecasting=ForecastConfig(interval_ms=10 * HOUR)))
    load = 50 + 10 * noise(100)
    seen = measured(bench, load=load, queue=2 * load + 0.1 * noise(100, seed=1))
    found = [p for p in seen.records("patterns") if p.pattern_type is PatternType.CORRELATION]
    assert found
    assert "load" in found[0].description
    assert "queue" in found[0].description


def test_unrelated_metrics_are_none() -> None:
    bench = Bench(CoreConfig(forecasting=ForecastConfig(interval_ms=10 * HOUR)))
    seen = measured(bench, load=50 + noise(300), queue=50 + noise(300, seed=1))
    assert [p for p in seen.records("patterns") if p.pattern_type is PatternType.CORRELATION] == []


# -- states ---------------------------------------------------------------------------------------


@pytest.mark.spec("S1-049")
def test_low_use_of_all_resources_is_optimal() -> None:
    seen = measured(Bench(EAGER), cpu=30 + noise(60), memory=40 + noise(60, seed=1))
    last = states(seen)[-1]
    assert (last.current_state, last.predicted_state) == ("optimal", "optimal")
    assert {demand.resource_type for demand in last.resource_demands} == {"cpu", "memory"}


@pytest.mark.spec("S1-073")
def test_the_demand_names_the_configured_method() -> None:
    options = ForecastConfig(models=("holt_winters",), interval_ms=0)
    seen = measured(Bench(CoreConfig(forecasting=options)), cpu=30 + noise(60))
    assert {d.method for d in states(seen)[-1].resource_demands} == {"holt_winters"}


@pytest.mark.spec("S1-072")
def test_a_resource_without_forecast_is_left_out_and_named() -> None:
    bench = Bench(EAGER)
    measured(bench, cpu=30 + noise(60), memory=40 + noise(60, seed=1))
    bench.save()
    bench.store.tables["models"].pop(b"svc\x1fmemory")
    bench.restart()
    seen = measured(bench, start=60, cpu=30 + noise(1))
    (last,) = states(seen)
    assert [demand.resource_type for demand in last.resource_demands] == ["cpu"]
    assert last.missing_resources == ("memory",)


@pytest.mark.spec("S1-053")
@pytest.mark.parametrize(("use", "state"), [(95.0, "overloaded"), (94.9, "critical")])
def test_the_borders_of_states_are_exact(use: float, state: str) -> None:
    seen = measured(Bench(EAGER), cpu=np.full(40, use))
    assert states(seen)[-1].current_state == state


@pytest.mark.spec("S1-062")
def test_a_bottleneck_is_told_with_the_time_of_the_crossing() -> None:
    ramp = 20 + np.arange(75.0)
    seen = measured(Bench(EAGER), cpu=ramp)
    found = [p for p in seen.records("predictions") if p.kind is PredictionKind.BOTTLENECK]
    last = found[-1]
    assert last.metric == "cpu"
    assert last.severity in {Severity.CRITICAL, Severity.WARNING}
    assert last.predicted_time is not None
    assert last.predicted_time - last.timestamp <= 7 * HOUR
    assert len(last.mitigations) >= 2


@pytest.mark.spec("S1-066")
def test_no_published_bottleneck_is_low() -> None:
    severities = {
        p.severity
        for use in range(10, 131, 10)
        for spread in (1, 10)
        for p in measured(Bench(EAGER), cpu=use + spread * noise(60)).records("predictions")
        if p.kind is PredictionKind.BOTTLENECK
    }
    assert severities == {Severity.CAUTION, Severity.WARNING, Severity.CRITICAL}


def test_a_state_that_stays_is_told_once_an_interval() -> None:
    options = ForecastConfig(interval_ms=6 * HOUR)
    seen = measured(Bench(CoreConfig(forecasting=options)), cpu=30 + 0.1 * noise(200))
    times = [p.timestamp for p in states(seen)]
    assert times
    assert min(np.diff(times)) >= 6 * HOUR


# -- moving to another system ---------------------------------------------------------------------


def known(bench: Bench) -> Any:
    return msgspec.to_builtins(knowledge_of(bench.entity()))


def export(bench: Bench) -> dict[str, str]:
    return {"knowledge": msgspec.json.encode(known(bench)).decode()}


def full_bench() -> Bench:
    bench = Bench(CoreConfig(metrics={"queue": MetricConfig(capacity=100.0)}))
    bench.send("goals", goal())
    events = [event(f"e-{i}", event_type="backup", timestamp=START + i * HOUR) for i in range(12)]
    bench.send("events", *events)
    return bench


@pytest.mark.spec("S1-203")
def test_an_export_can_be_imported_into_an_empty_system() -> None:
    source, target = full_bench(), Bench()
    seen = target.send("commands", command(IMPORT, arguments=export(source)))
    assert seen.rejections == []
    assert known(target) == known(source)
    assert len(seen.records("goals")) == len(seen.records("patterns")) == 1
    target.save()
    target.restart()
    assert known(target) == known(source)


def test_an_import_never_overwrites() -> None:
    source = full_bench()
    before = known(source)
    (rejection,) = source.send("commands", command(IMPORT, arguments=export(source))).rejections
    assert rejection[2] == "not_empty"
    assert known(source) == before


@pytest.mark.parametrize("text", ["", "[]", '{"goals": 3}', '{"surprise": 1}'])
def test_an_import_that_is_no_export_is_refused(text: str) -> None:
    bench = Bench()
    seen = bench.send("commands", command(IMPORT, arguments={"knowledge": text}))
    assert [rejection[2] for rejection in seen.rejections] == ["invalid_import"]
    assert known(bench)["goals"] == []


def test_an_import_for_another_entity_is_refused() -> None:
    arguments = export(full_bench())
    seen = Bench().send("commands", command(IMPORT, entity_id="other", arguments=arguments))
    assert [rejection[2] for rejection in seen.rejections] == ["invalid_import"]


# -- other metrics and the calendar ---------------------------------------------------------------


@pytest.mark.spec("S1-199")
def test_a_leading_metric_makes_forecasts_better() -> None:
    lead = 50 + 10 * noise(900)
    load = np.concatenate([lead[:2], lead[:-2]]) + 0.5 * noise(900, seed=1)

    def errors(*regressors: str) -> tuple[float, Any]:
        options = ForecastConfig(min_points=10, interval_ms=0, horizon=3)
        known = {"load": MetricConfig(regressors=regressors)}
        seen = measured(Bench(CoreConfig(forecasting=options, metrics=known)), lead=lead, load=load)
        made = [f for f in seen.records("forecasts") if f.metric == "load"]
        late = [f for f in made if f.timestamp > START + 600 * HOUR][:-3]
        off = [abs(f.predictions[0] - load[(f.timestamp - START) // HOUR + 1]) for f in late]
        return float(np.mean(off)), made[-1]

    plain, _ = errors()
    better, last = errors("lead")
    assert better < 0.7 * plain
    assert "lead" in last.members
