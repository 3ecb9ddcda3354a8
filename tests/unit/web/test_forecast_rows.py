"""Predictions, patterns and predicted states over HTTP."""

from __future__ import annotations

import httpx
import pytest

from streams.web import TableInfo
from streams.web.group import rows
from tests.kits.web.group import Group
from tests.kits.web.memory import TABLES, MemorySource

API = "/api/forecasting"
HOUR = 3_600_000
KNOWN = (
    *TABLES,
    TableInfo("predictions", "Predictions", "entity/metric"),
    TableInfo("patterns", "Patterns", "entity/pattern id"),
    TableInfo("states", "Predicted state", "entity"),
)


def worker(*owned: int) -> MemorySource:
    return MemorySource(mine=frozenset(owned), known=KNOWN)


def predict(source: MemorySource, key: str, hours: float | None, horizon: float = 24) -> None:
    predicted = None if hours is None else round(1000 + hours * HOUR)
    row = {"metric": key, "timestamp": 1000, "predicted_time": predicted}
    source.put("predictions", key, row | {"horizon_ms": horizon * HOUR})


def metrics(response: httpx.Response) -> list[str]:
    assert response.status_code == 200
    return [row["metric"] for row in response.json()["predictions"]]


def error(response: httpx.Response) -> tuple[int, str]:
    return response.status_code, response.json()["error"]["field"]


@pytest.fixture
def source() -> MemorySource:
    return worker(0, 1, 2, 3)


@pytest.fixture
def web(source: MemorySource) -> httpx.AsyncClient:
    return Group().add("localhost", source)


@pytest.mark.spec("S1-137")
@pytest.mark.parametrize("hours", ["0", "169", "-1", "day", "", "nan"])
async def test_hours_out_of_range_are_422(web: httpx.AsyncClient, hours: str) -> None:
    response = await web.get(f"{API}/predictions", params={"horizon_hours": hours})

    assert error(response) == (422, "horizon_hours")


@pytest.mark.spec("S1-137")
async def test_the_next_24_hours_unless_told(web: httpx.AsyncClient, source: MemorySource) -> None:
    predict(source, "shop/soon", 1)
    predict(source, "shop/in a day", 24)
    predict(source, "shop/later", 25, horizon=168)
    predict(source, "shop/within", None, horizon=168)
    asked = {"entity": "shop"}

    assert metrics(await web.get(f"{API}/predictions", params=asked)) == [
        "shop/in a day",
        "shop/soon",
    ]
    for hours, count in ((1, 1), (25, 3), (168, 4)):
        response = await web.get(f"{API}/predictions", params=asked | {"horizon_hours": hours})
        assert (len(metrics(response)), response.json()["horizon_hours"]) == (count, hours)


async def test_only_rows_of_the_entity_however_many(
    web: httpx.AsyncClient, source: MemorySource
) -> None:
    for number in range(250):
        predict(source, f"shop/{number:03}", 1)
    for other in ("sho/a", "shop2/a", "shoq/a"):
        predict(source, other, 1)

    response = await web.get(f"{API}/predictions", params={"entity_id": "shop"})

    assert metrics(response) == [f"shop/{number:03}" for number in range(250)]
    assert response.json()["next"] is None
    assert response.json()["complete"]


async def test_rows_of_an_entity_are_read_through_any_worker(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(rows, "_PAGE", 10)
    group, there = Group(), worker(0)
    for number in range(35):
        predict(there, f"shop/{number:03}", 1)
    a = group.add("a", worker(1, 2, 3), "b")
    group.add("b", there, "a")

    assert len(metrics(await a.get(f"{API}/predictions?entity=shop"))) == 35
    there.mine = frozenset()
    assert error(await a.get(f"{API}/predictions?entity=shop")) == (503, "entity_id")


async def test_rows_of_all_entities_page_by_page() -> None:
    group, here, there = Group(), worker(1, 2, 3), worker(0)
    for source, key in ((here, "a/1"), (there, "shop/1"), (here, "b/1")):
        predict(source, key, 1)
    a = group.add("a", here, "b", "c")
    group.add("b", there, "a")

    first = await a.get(f"{API}/predictions", params={"limit": 2})
    second = await a.get(f"{API}/predictions", params={"after": first.json()["next"]})

    assert (metrics(first), metrics(second)) == (["a/1", "b/1"], ["shop/1"])
    assert second.json()["next"] is None
    assert (second.json()["complete"], second.json()["unavailable"]) == (True, ["http://c:5003"])


async def test_patterns_of_one_type(web: httpx.AsyncClient, source: MemorySource) -> None:
    source.put("patterns", "shop/p1", {"pattern_id": "p1", "pattern_type": "anomaly"})
    source.put("patterns", "shop/p2", {"pattern_id": "p2", "pattern_type": "correlation"})
    source.put("patterns", "till/p3", {"pattern_id": "p3", "pattern_type": "anomaly"})

    every = await web.get(f"{API}/patterns")
    some = await web.get(f"{API}/patterns", params={"entity": "shop", "pattern_type": "anomaly"})

    assert [row["pattern_id"] for row in every.json()["patterns"]] == ["p1", "p2", "p3"]
    assert [row["pattern_id"] for row in some.json()["patterns"]] == ["p1"]


async def test_an_unknown_pattern_type_is_400_and_lists_the_known(web: httpx.AsyncClient) -> None:
    response = await web.get(f"{API}/patterns", params={"pattern_type": "foo"})

    assert error(response) == (400, "pattern_type")
    assert "recurring_task, periodic_spike" in response.json()["error"]["remedy"]


@pytest.mark.parametrize("query", ["limit=0", "limit=1001", "entity_id=a%0Ab"])
async def test_bad_values_are_422(web: httpx.AsyncClient, query: str) -> None:
    assert error(await web.get(f"{API}/patterns?{query}")) == (422, query.partition("=")[0])


async def test_a_worker_without_the_table_says_so() -> None:
    response = await Group().add("localhost", MemorySource()).get(f"{API}/patterns")

    assert error(response) == (404, "table")


# --- the predicted state -------------------------------------------------------------------


async def test_the_latest_predicted_state_in_both_forms(
    web: httpx.AsyncClient, source: MemorySource
) -> None:
    state = {"kind": "state", "entity_id": "shop", "predicted_state": "degraded"}
    source.put("states", "shop", state)

    read = await web.get(f"{API}/predict", params={"entity": "shop"})
    posted = await web.post(f"{API}/predict", json={"entity_id": "shop"})

    assert read.status_code == posted.status_code == 200
    assert read.json() == posted.json() == state


async def test_a_predicted_state_is_read_from_its_owner() -> None:
    group, there = Group(), worker(0)
    there.put("states", "shop", {"predicted_state": "critical"})
    a = group.add("a", worker(1, 2, 3), "b")
    group.add("b", there, "a")

    response = await a.get(f"{API}/predict", params={"entity": "shop"})

    assert response.json() == {"predicted_state": "critical"}
    there.mine = frozenset()
    assert (await a.get(f"{API}/predict", params={"entity": "shop"})).status_code == 503


async def test_an_entity_without_a_predicted_state_is_404_and_says_what_to_do(
    web: httpx.AsyncClient,
) -> None:
    response = await web.get(f"{API}/predict", params={"entity": "shop"})

    assert error(response) == (404, "entity_id")
    assert response.json()["error"]["value"] == "shop"
    assert "/api/forecasting/capacity" in response.json()["error"]["remedy"]
    assert error(await web.get(f"{API}/predict")) == (422, "entity_id")
