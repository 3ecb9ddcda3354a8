"""Counts of goals and patterns over HTTP."""

from __future__ import annotations

import httpx
import pytest

from streams.records import GoalStatus, PatternType
from streams.web import TableInfo
from streams.web.resources import knowledge
from tests.kits.web.group import Group
from tests.kits.web.memory import MemorySource

API = "/api/forecasting/statistics"
KNOWN = (
    TableInfo("goals", "Goals", "entity/goal id"),
    TableInfo("patterns", "Patterns", "entity/pattern id"),
)


def worker(*owned: int) -> MemorySource:
    return MemorySource(mine=frozenset(owned), known=KNOWN)


def fill(source: MemorySource, entity: str, achieved: int, active: int, anomalies: int) -> None:
    for number in range(achieved):
        source.put("goals", f"{entity}/d{number}", {"status": "achieved"})
    for number in range(active):
        source.put("goals", f"{entity}/o{number}", {"status": "active"})
    for number in range(anomalies):
        source.put("patterns", f"{entity}/{number}", {"pattern_type": "anomaly"})


def counted(response: httpx.Response) -> tuple[int, int, int]:
    body = response.json()
    goals = body["goals_by_status"]
    return goals["achieved"], goals["active"], body["patterns_by_type"]["anomaly"]


async def test_every_kind_is_counted_even_when_there_is_none() -> None:
    body = (await Group().add("localhost", worker(0, 1, 2, 3)).get(API)).json()

    assert body == {
        "goals_by_status": {status.value: 0 for status in GoalStatus},
        "patterns_by_type": {kind.value: 0 for kind in PatternType},
        "complete": True,
        "unavailable": [],
    }


async def test_rows_of_all_workers_are_counted_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(knowledge, "_PAGE", 3)
    group, here, there = Group(), worker(1, 2, 3), worker(0)
    fill(here, "a", achieved=4, active=1, anomalies=2)
    fill(there, "shop", achieved=1, active=3, anomalies=5)
    a = group.add("a", here, "b")
    group.add("b", there, "a")

    response = await a.get(API)

    assert counted(response) == (5, 4, 7)
    assert response.json()["complete"] is True


async def test_what_is_missing_is_said() -> None:
    group, here = Group(), worker(1, 2, 3)
    fill(here, "a", achieved=1, active=0, anomalies=0)
    a = group.add("a", here, "b")

    response = await a.get(API)

    assert counted(response) == (1, 0, 0)
    assert response.json()["complete"] is False
    assert response.json()["unavailable"] == ["http://b:5003"]


async def test_there_is_a_bound(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(knowledge, "_PAGE", 2)
    monkeypatch.setattr(knowledge, "_PAGES", 3)
    source = worker(0, 1, 2, 3)
    fill(source, "a", achieved=7, active=0, anomalies=6)
    web = Group().add("localhost", source)

    response = await web.get(API)

    assert counted(response) == (6, 0, 6)
    assert response.json()["complete"] is False


async def test_it_takes_no_parameters() -> None:
    response = await Group().add("localhost", worker(0)).get(API, params={"limit": "1"})

    assert (response.status_code, response.json()["error"]["field"]) == (400, "limit")
