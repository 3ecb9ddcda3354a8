"""Forecasts and their accuracy over HTTP."""

from __future__ import annotations

import math
from collections.abc import AsyncIterator
from typing import Any

import httpx
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from streams.core.forecasting.bank import SeriesBank
from streams.core.forecasting.config import ForecastConfig
from streams.core.kernel.model_results import AnchorAccuracy, RunningAccuracy
from streams.web import Health
from streams.web.resources.forecasts import STEPS_MAX, _shown
from tests.kits.web.group import TOKEN, Group
from tests.kits.web.memory import MemorySource
from tests.kits.web.series import HOUR, MINUTE, RECORD_TIME, START

API = "/api/forecasting"
SERIES = {"entity_id": "shop", "metric_name": "load"}


def wave(count: int) -> list[float]:
    noise = np.random.default_rng(7).normal(size=count)
    return (50 + 10 * np.sin(np.arange(count) / 5) + noise).tolist()


@pytest.fixture
def source() -> MemorySource:
    source = MemorySource()
    source.learn("shop", "load", wave(30))
    return source


@pytest.fixture
async def web(source: MemorySource) -> AsyncIterator[httpx.AsyncClient]:
    async with Group().add("localhost", source) as client:
        yield client


def error(response: httpx.Response) -> tuple[int, str]:
    return response.status_code, response.json()["error"]["field"]


def width(body: dict[str, Any]) -> float:
    return sum(upper - lower for lower, upper in body["confidence_intervals"])


# --- forecasts -----------------------------------------------------------------------------


@pytest.mark.spec("S1-020")
async def test_a_forecast_of_ten_steps(web: httpx.AsyncClient) -> None:
    response = await web.post(f"{API}/forecast", json=SERIES | {"horizon": 10})

    body = response.json()
    assert response.status_code == 200
    assert (body["metric_name"], body["method"], body["forecast_horizon"]) == (
        "load",
        "ensemble",
        10,
    )
    assert len(body["predictions"]) == len(body["confidence_intervals"]) == 10
    newest = START + 29 * HOUR
    assert body["prediction_timestamps"] == [newest + k * HOUR for k in range(1, 11)]
    for value, (lower, upper) in zip(
        body["predictions"], body["confidence_intervals"], strict=True
    ):
        assert lower <= value <= upper
    assert body["confidence_level"] == 0.95
    assert 0 < body["mae"] <= body["rmse"]
    metadata = body["metadata"]
    assert metadata["members"]
    assert (metadata["points"], metadata["step_ms"], metadata["stride"]) == (30, HOUR, 1)
    assert 0 <= metadata["confidence"] <= 1


async def test_what_is_read_is_what_the_bank_says(
    web: httpx.AsyncClient, source: MemorySource
) -> None:
    body = (await web.get(f"{API}/forecast", params=SERIES | {"horizon": 5})).json()

    said = source.bank.forecast(0, 5, 0.95)
    assert said is not None
    assert body["predictions"] == said.mean.tolist()
    assert body["confidence_intervals"] == np.stack([said.lower, said.upper], 1).tolist()
    assert body["recent"] == pytest.approx(wave(30), rel=1e-6)


async def test_both_forms_of_a_request_and_both_names_mean_the_same(
    web: httpx.AsyncClient, source: MemorySource
) -> None:
    before = source.bank.dump(0)
    asked = {"entity": "shop", "metric": "load", "horizon": 3, "confidence_level": 0.9}

    answers = [
        (await web.post(f"{API}/forecast", json=asked)).json(),
        (await web.get(f"{API}/forecast", params=asked)).json(),
        (await web.get(f"{API}/forecast", params=asked)).json(),
    ]

    assert answers[0] == answers[1] == answers[2]
    assert source.bank.dump(0) == before


@pytest.mark.spec("S1-030")
async def test_without_a_horizon_there_are_24_steps(web: httpx.AsyncClient) -> None:
    body = (await web.post(f"{API}/forecast", json=SERIES)).json()

    assert (body["forecast_horizon"], len(body["predictions"])) == (24, 24)


@pytest.mark.spec("S1-031")
async def test_a_lower_level_gives_narrower_intervals(web: httpx.AsyncClient) -> None:
    widths = [
        width((await web.post(f"{API}/forecast", json=SERIES | {"confidence_level": level})).json())
        for level in (0.5, 0.8, 0.95)
    ]

    assert widths == sorted(widths)
    assert widths[0] < widths[1] < widths[2]


@pytest.mark.spec("S1-027")
async def test_24_hours_of_minutes_end_24_hours_ahead(
    web: httpx.AsyncClient, source: MemorySource
) -> None:
    source.learn("shop", "hits", wave(300), step_ms=MINUTE)
    asked = {"entity_id": "shop", "metric_name": "hits", "horizon_hours": 24}

    body = (await web.post(f"{API}/forecast", json=asked)).json()

    times, metadata = body["prediction_timestamps"], body["metadata"]
    assert body["forecast_horizon"] == 24 * 60
    assert times[-1] == metadata["newest_timestamp"] + 24 * HOUR
    assert len(times) == len(body["predictions"]) <= 168
    assert set(np.diff(times)) == {metadata["stride"] * MINUTE}
    full = source.bank.forecast(1, 24 * 60, 0.95)
    assert full is not None
    assert body["predictions"][-1] == full.mean[-1]


@given(st.integers(1, STEPS_MAX))
def test_points_shown_are_few_even_and_end_at_the_horizon(steps: int) -> None:
    shown = _shown(steps)

    assert 1 <= len(shown) <= 168
    assert shown[-1] == steps - 1
    assert shown[0] >= 0
    assert len(set(np.diff(shown))) <= 1
    assert steps > 168 or len(shown) == steps


async def test_hours_too_many_for_the_step_are_refused(
    web: httpx.AsyncClient, source: MemorySource
) -> None:
    source.learn("shop", "ticks", wave(30), step_ms=1000)
    asked = {"entity_id": "shop", "metric_name": "ticks", "horizon_hours": 24}

    response = await web.post(f"{API}/forecast", json=asked)

    assert error(response) == (422, "horizon_hours")
    assert "2.8 h" in response.json()["error"]["remedy"]


async def test_a_series_without_a_time_step_is_forecast_in_steps_only(
    web: httpx.AsyncClient, source: MemorySource
) -> None:
    source.learn("shop", "still", wave(30), step_ms=0)
    asked = {"entity_id": "shop", "metric_name": "still"}

    steps = (await web.post(f"{API}/forecast", json=asked)).json()
    hours = await web.post(f"{API}/forecast", json=asked | {"horizon_hours": 2})

    assert (len(steps["predictions"]), steps["prediction_timestamps"]) == (24, [])
    assert error(hours) == (409, "horizon_hours")


@pytest.mark.spec("S1-028")
async def test_a_short_history_is_refused_with_need_and_have(
    web: httpx.AsyncClient, source: MemorySource
) -> None:
    source.learn("shop", "new", [1, 2, 3, 4, 5])

    response = await web.post(f"{API}/forecast", json=SERIES | {"metric_name": "new"})

    assert error(response) == (409, "metric_name")
    assert response.json()["history"] == {"need": 10, "have": 5}
    assert "insufficient history" in response.json()["error"]["message"]


@pytest.mark.spec("S1-029")
@pytest.mark.parametrize("path", [f"{API}/forecast", f"{API}/accuracy"])
async def test_an_unknown_metric_is_404(web: httpx.AsyncClient, path: str) -> None:
    response = await web.get(path, params=SERIES | {"metric_name": "laod"})

    assert error(response) == (404, "metric")
    assert response.json()["error"]["value"] == "shop/laod"


@pytest.mark.parametrize(
    ("changes", "field"),
    [
        ({"horizon": 0}, "horizon"),
        ({"horizon": 169}, "horizon"),
        ({"horizon": "24"}, "horizon"),
        ({"horizon": True}, "horizon"),
        ({"horizon": 1.5}, "horizon"),
        ({"horizon_hours": 169}, "horizon_hours"),
        ({"horizon": 1, "horizon_hours": 1}, "horizon_hours"),
        ({"confidence_level": 1}, "confidence_level"),
        ({"confidence_level": 0}, "confidence_level"),
        ({"entity_id": ""}, "entity_id"),
        ({"entity_id": "a\n"}, "entity_id"),
        ({"metric_name": 5}, "metric_name"),
        ({"metric": "load"}, "metric"),
        ({"parameters": {"alpha": 0.5}}, "parameters"),
    ],
)
@pytest.mark.spec("S1-019")
async def test_bad_values_are_422_with_the_field(
    web: httpx.AsyncClient, changes: dict[str, object], field: str
) -> None:
    response = await web.post(f"{API}/forecast", json=SERIES | changes)

    assert error(response) == (422, field)
    assert response.json()["error"]["remedy"]


async def test_a_missing_field_is_named(web: httpx.AsyncClient) -> None:
    assert error(await web.post(f"{API}/forecast", json={"entity_id": "a"})) == (422, "metric_name")
    assert error(await web.get(f"{API}/forecast")) == (422, "entity_id")


@pytest.mark.parametrize("query", ["horizon=0", "horizon=ten", "confidence_level=nan"])
async def test_bad_values_of_a_query_are_422(web: httpx.AsyncClient, query: str) -> None:
    response = await web.get(f"{API}/forecast?entity_id=shop&metric_name=load&{query}")

    assert error(response) == (422, query.partition("=")[0])


# --- methods -------------------------------------------------------------------------------


@pytest.mark.parametrize("method", ["prophet", "lstm", "sarima", "ensembel", "os:system"])
async def test_a_method_that_does_not_run_lists_those_that_do(
    web: httpx.AsyncClient, method: str
) -> None:
    response = await web.post(f"{API}/forecast", json=SERIES | {"method": method})

    assert error(response) == (400, "method")
    assert "use one of ensemble, holt_winters" in response.json()["error"]["remedy"]


async def test_a_method_is_asked_by_its_name(web: httpx.AsyncClient, source: MemorySource) -> None:
    asked = SERIES | {"method": "holt_winters", "horizon": 4}
    body = (await web.post(f"{API}/forecast", json=asked)).json()

    said = source.bank.forecast(0, 4, 0.95, "holt_winters")
    assert said is not None
    assert (body["method"], body["predictions"]) == ("holt_winters", said.mean.tolist())
    assert body["rmse"] is None
    assert body["mae"] == source.accuracy("shop", "load").models["holt_winters"]


async def test_every_method_says_whether_it_runs_and_why_not(web: httpx.AsyncClient) -> None:
    body = (await web.get(f"{API}/methods")).json()

    methods = {method["name"]: method for method in body["methods"]}
    assert body["default"] == "ensemble"
    assert [name for name, method in methods.items() if method["running"]] == [
        "ensemble",
        "holt_winters",
    ]
    assert methods["sarima"]["remedy"] == "add sarima to forecasting.models"
    assert methods["prophet"]["runs"] == ""
    assert "install" in methods["prophet"]["remedy"]


async def test_a_method_of_another_name_runs_under_it() -> None:
    source = MemorySource(config=ForecastConfig(models=("exponential_smoothing", "snarimax")))
    source.learn("shop", "load", wave(120))
    web = Group().add("localhost", source)

    body = (await web.post(f"{API}/forecast", json=SERIES | {"method": "arima"})).json()

    assert body["method"] == "snarimax"


async def test_health_names_methods_and_state(web: httpx.AsyncClient, source: MemorySource) -> None:
    well = await web.get(f"{API}/health")
    source.is_ready = Health(False, "recovering")
    later = await web.get(f"{API}/health")
    source.alive = Health(False, "stalled")
    dead = await web.get(f"{API}/health")

    assert (well.status_code, well.json()["status"]) == (200, "ok")
    assert well.json()["methods"] == ["ensemble", "holt_winters"]
    assert well.json()["writable"] is False
    assert (later.status_code, later.json()["status"]) == (200, "not_ready")
    assert (dead.status_code, dead.json()["status"]) == (503, "failing")


async def test_the_capacity_report(web: httpx.AsyncClient) -> None:
    body = (await web.get(f"{API}/capacity")).json()

    assert body["capacities"]["api_calls"] == 10_000
    assert body["thresholds"]["overloaded"] == 0.95
    assert body["timestamp"] == RECORD_TIME


# --- accuracy ------------------------------------------------------------------------------


@pytest.mark.spec("S1-033")
async def test_values_of_zero_have_no_percentage_error(
    web: httpx.AsyncClient, source: MemorySource
) -> None:
    source.learn("shop", "idle", [0.0] * 30)

    body = (await web.get(f"{API}/accuracy/shop/idle")).json()

    assert body["mape"] is None
    assert (body["mae"], body["rmse"], body["points"]) == (0, 0, 30)


@pytest.mark.spec("S1-033")
async def test_before_the_first_score_everything_is_null(
    web: httpx.AsyncClient, source: MemorySource
) -> None:
    source.learn("shop", "new", [1.0])

    body = (await web.get(f"{API}/accuracy/shop/new")).json()

    names = ("mae", "rmse", "mape", "horizon_evaluated")
    assert {name: body[name] for name in names} == dict.fromkeys(names)
    assert (body["models"], body["points"]) == ({}, 1)


@pytest.mark.spec("S1-033")
async def test_accuracy_by_horizon(
    web: httpx.AsyncClient, source: MemorySource, monkeypatch: pytest.MonkeyPatch
) -> None:
    anchors = (AnchorAccuracy(1, 1.5, 0.8, 20), AnchorAccuracy(6, 3.0, 0.7, 9))
    far = AnchorAccuracy(72, math.nan, math.nan, 0)
    said = RunningAccuracy(30, 1.5, 2.0, 12.5, 0.9, {"ensemble": 1.5}, (*anchors, far))
    monkeypatch.setattr(SeriesBank, "accuracy", lambda self, row: said)

    body = (await web.get(f"{API}/accuracy", params=SERIES)).json()

    assert (body["mae"], body["rmse"], body["mape"]) == (1.5, 2.0, 12.5)
    assert body["convergence"] == 0.9
    assert body["horizon_evaluated"] == 6
    assert body["horizons"] == [anchor._asdict() for anchor in anchors]


async def test_the_path_and_the_query_name_the_same_series(
    web: httpx.AsyncClient, source: MemorySource
) -> None:
    source.learn("a/b", "x/y", wave(30))
    asked = {"entity_id": "a/b", "metric_name": "x/y"}

    by_query = await web.get(f"{API}/accuracy", params=asked)
    by_path = await web.get(f"{API}/accuracy/a%252Fb/x/y")

    assert by_query.status_code == 200
    assert by_path.json() == by_query.json()


# --- through any worker --------------------------------------------------------------------


@pytest.mark.parametrize("token", [None, TOKEN])
async def test_a_series_of_another_worker_is_forecast_through_any(token: str | None) -> None:
    group = Group(token=token)
    here, there = MemorySource(mine=frozenset({1})), MemorySource(mine=frozenset({0, 2, 3}))
    there.learn("shop", "load", wave(30))
    a, b = group.add("a", here, "a", "b"), group.add("b", there, "a", "b")
    for client in (a, b):
        client.headers["Authorization"] = f"Bearer {TOKEN}"
    asked = SERIES | {"horizon_hours": 6.5, "confidence_level": 0.85, "method": "holt_winters"}

    through_a = await a.post(f"{API}/forecast", json=asked)

    assert through_a.status_code == 200
    assert through_a.json() == (await b.post(f"{API}/forecast", json=asked)).json()
    assert through_a.json()["forecast_horizon"] == 7
    errors = [(await each.get(f"{API}/accuracy/shop/load")).json() for each in (a, b)]
    assert errors[0] == errors[1]


@pytest.mark.parametrize(
    ("changes", "status", "field"),
    [
        ({"metric_name": "laod"}, 404, "metric"),
        ({"metric_name": "new"}, 409, "metric_name"),
        ({"method": "lstm"}, 400, "method"),
        ({"horizon_hours": 168, "metric_name": "ticks"}, 422, "horizon_hours"),
    ],
)
async def test_the_owner_s_refusal_is_passed_on(
    changes: dict[str, object], status: int, field: str
) -> None:
    group, there = Group(), MemorySource()
    there.learn("shop", "load", wave(30))
    there.learn("shop", "new", [1, 2])
    there.learn("shop", "ticks", wave(30), step_ms=1000)
    a = group.add("a", MemorySource(mine=frozenset()), "b")
    b = group.add("b", there, "a")

    through_a = await a.post(f"{API}/forecast", json=SERIES | changes)

    assert error(through_a) == (status, field)
    assert through_a.json() == (await b.post(f"{API}/forecast", json=SERIES | changes)).json()


async def test_a_request_of_a_peer_is_never_passed_on() -> None:
    group = Group()
    a = group.add("a", MemorySource(mine=frozenset()), "b")
    group.add("b", MemorySource(mine=frozenset()), "a")

    outside = await a.get(f"{API}/forecast", params=SERIES)
    hop = await a.get(f"{API}/forecast", params=SERIES, headers={"Goalstream-Hop": "1"})

    assert error(outside) == error(hop) == (503, "entity_id")
    assert hop.headers["retry-after"] == "1"
    assert group.network.paths("b") == ["/partitions"]
    assert group.network.paths("a") == []


async def test_before_the_partitions_are_known_nothing_is_said(
    web: httpx.AsyncClient, source: MemorySource
) -> None:
    source.count = 0

    assert error(await web.get(f"{API}/forecast", params=SERIES)) == (503, "entity_id")


async def test_an_owner_that_moved_is_asked_anew_the_next_time() -> None:
    group, old, new = Group(), MemorySource(), MemorySource(mine=frozenset())
    a = group.add("a", MemorySource(mine=frozenset()), "b", "c")
    for host, source in (("b", old), ("c", new)):
        source.learn("shop", "load", wave(30))
        group.add(host, source, "a")
    assert (await a.get(f"{API}/forecast", params=SERIES)).status_code == 200
    old.mine, new.mine = frozenset(), frozenset({0})

    assert error(await a.get(f"{API}/forecast", params=SERIES)) == (503, "entity_id")
    assert (await a.get(f"{API}/forecast", params=SERIES)).status_code == 200


# --- description ---------------------------------------------------------------------------


async def test_openapi_describes_every_route(web: httpx.AsyncClient) -> None:
    body = (await web.get("/openapi.json")).json()

    paths = body["paths"]
    assert set(paths[f"{API}/forecast"]) == {"get", "post"}
    assert f"{API}/accuracy/{{entity_id}}/{{metric_name}}" in paths
    assert set(paths[f"{API}/predict"]) == {"get", "post"}
    assert f"{API}/goals/{{entity_id}}/{{goal_id}}" in paths
    assert {f"{API}/{name}" for name in ("goals", "patterns/analyze", "statistics")} <= set(paths)
    asked = {p["name"]: p for p in paths[f"{API}/forecast"]["get"]["parameters"]}
    assert [name for name, of in asked.items() if of["required"]] == ["entity_id", "metric_name"]
    schemas = body["components"]["schemas"]
    assert schemas["ForecastAnswer"]["properties"]["predictions"]["type"] == "array"
    text = str(body)
    assert all(f"'{name}'" in text for name in ("EventMessage", "MetricBatch", "CapacityReport"))


@pytest.mark.parametrize(
    ("path", "allowed"),
    [
        ("/forecast", {"GET", "HEAD", "POST"}),
        ("/metrics", {"POST"}),
        ("/accuracy/a/b", {"GET", "HEAD"}),
        ("/goals/a/b", {"GET", "HEAD"}),
        ("/patterns/analyze", {"POST"}),
    ],
)
async def test_other_methods_are_405(web: httpx.AsyncClient, path: str, allowed: set[str]) -> None:
    response = await web.delete(f"{API}{path}")

    assert error(response) == (405, "method")
    assert set(response.headers["allow"].split(", ")) == allowed
    assert "POST" not in allowed or "POST" in response.json()["error"]["remedy"]
