"""Resources whose measured value really falls with more units."""

from __future__ import annotations

import math
from typing import Any, cast

import pytest

from streams.demo.plant import CHANGED, EFFECT_ID, Plant, half
from streams.demo.scenario import ADD_HALF, ADD_UNIT, DRAIN, MOST, RESOURCES, SCALE_IN, Resource
from streams.runtime.handlers import UNDO

WEB = next(resource for resource in RESOURCES if resource.entity_id == "web")
PRESS = next(resource for resource in RESOURCES if resource.floor)


async def act(
    plant: Plant, action: str, resource: Resource, effect_id: str = "e", target: float = 0.0
) -> dict[str, object]:
    handler = plant.handlers().find(action)
    assert handler is not None
    params = {
        "entity_id": resource.entity_id,
        EFFECT_ID: effect_id,
        "target_value": str(target),
    }
    return await cast(Any, handler.run(params, ""))


def test_a_recorded_value_is_measured_as_it_was() -> None:
    plant = Plant([WEB])
    assert plant.measure(WEB, 60.0) == plant.current("web") == 60.0


async def test_more_units_bring_the_value_down_from_then_on() -> None:
    plant = Plant([WEB])
    plant.measure(WEB, 60.0)
    result = await act(plant, ADD_HALF, WEB)
    assert plant.units("web") == 6
    assert plant.measure(WEB, 60.0) == pytest.approx(40.0)
    assert result == {
        "output": "4 to 6 instances",
        "impact": {"cpu_utilization": pytest.approx(-20.0), "instances": 2.0},
    }


async def test_the_part_that_no_unit_takes_away_stays() -> None:
    plant = Plant([PRESS])
    plant.measure(PRESS, PRESS.floor + 30.0)
    await act(plant, ADD_HALF, PRESS)
    assert plant.measure(PRESS, PRESS.floor) == PRESS.floor
    assert plant.measure(PRESS, PRESS.floor + 30.0) == pytest.approx(PRESS.floor + 20.0)


@pytest.mark.parametrize(("units", "more"), [(1, 2), (2, 2), (4, 2), (5, 3), (16, 8)])
def test_half_is_more_than_one(units: int, more: int) -> None:
    assert half(units) == more


async def test_growth_ends_and_says_so() -> None:
    plant = Plant([WEB])
    plant.measure(WEB, 100.0)
    for number in range(20):
        refused = await act(plant, ADD_HALF, WEB, f"e{number}")
    assert plant.units("web") == WEB.units * MOST
    assert refused == {"success": False, "error": "all 16 instances are in use"}


@pytest.mark.parametrize("action", [ADD_UNIT, ADD_HALF])
async def test_an_effect_comes_about_once(action: str) -> None:
    plant = Plant([WEB])
    plant.measure(WEB, 60.0)
    first = await act(plant, action, WEB, "same")
    units = plant.units("web")
    again = await act(plant, action, WEB, "same")
    assert again == {"output": first["output"]}
    assert plant.units("web") == units
    await act(plant, action, WEB, "another")
    assert plant.units("web") > units


@pytest.mark.parametrize("action", [ADD_UNIT, ADD_HALF])
async def test_what_is_declared_comes_about_at_the_limit(action: str) -> None:
    for resource in RESOURCES:
        plant = Plant([resource])
        spec = plant.handlers().catalogue()[action]
        before = plant.measure(resource, resource.limit)
        await act(plant, action, resource)
        change = plant.measure(resource, resource.limit) - before
        assert spec.effect[resource.metric] == pytest.approx(change)


async def grown(value: float) -> Plant:
    """Six instances instead of four, under the load of ``value`` with four."""
    plant = Plant([WEB])
    plant.measure(WEB, 60.0)
    await act(plant, ADD_HALF, WEB, "grown")
    plant.measure(WEB, value)
    return plant


async def test_units_are_drained_then_given_back() -> None:
    plant = await grown(30.0)
    assert plant.current("web") == pytest.approx(20.0)
    assert await act(plant, DRAIN, WEB, "d", target=5.0) == {"output": "1 instances carry nothing"}
    assert plant.measure(WEB, 30.0) == pytest.approx(24.0)
    assert plant.units("web") == 6
    assert (await act(plant, SCALE_IN, WEB, "s", target=5.0))["output"] == "6 to 5 instances"
    assert plant.measure(WEB, 30.0) == pytest.approx(24.0)
    assert (await act(plant, SCALE_IN, WEB, "s", target=5.0)) == {"output": "6 to 5 instances"}


async def test_never_one_of_the_first_is_given_back() -> None:
    plant = await grown(30.0)
    await act(plant, DRAIN, WEB, "d", target=1.0)
    await act(plant, SCALE_IN, WEB, "s", target=1.0)
    assert plant.units("web") == WEB.units
    refused = await act(plant, SCALE_IN, WEB, "s2", target=1.0)
    assert refused == {"success": False, "error": "no instances to give back"}


async def test_no_unit_is_given_back_that_is_needed_after_all() -> None:
    plant = await grown(30.0)
    await act(plant, DRAIN, WEB, "d", target=4.0)
    plant.measure(WEB, 60.0)
    refused = await act(plant, SCALE_IN, WEB, "s", target=4.0)
    assert refused == {"success": False, "error": "4 instances would mean cpu_utilization 60"}
    assert plant.measure(WEB, 60.0) == pytest.approx(60.0)
    await act(plant, UNDO + DRAIN, WEB, "d", target=4.0)
    assert plant.measure(WEB, 60.0) == pytest.approx(40.0)
    await act(plant, DRAIN, WEB, "d", target=5.0)
    assert plant.measure(WEB, 60.0) == pytest.approx(48.0)


async def test_all_units_carry_load_when_more_are_needed() -> None:
    plant = await grown(30.0)
    await act(plant, DRAIN, WEB, "d", target=4.0)
    await act(plant, ADD_UNIT, WEB, "up")
    assert plant.measure(WEB, 70.0) == pytest.approx(40.0)


async def test_each_change_is_reported_once() -> None:
    plant = Plant([WEB])
    plant.measure(WEB, 10.0)
    await act(plant, ADD_UNIT, WEB, "up")
    await act(plant, DRAIN, WEB, "drained", target=4.0)
    await act(plant, SCALE_IN, WEB, "down", target=4.0)
    events = plant.take_events(7)
    assert [(e.metadata["before"], e.metadata["after"]) for e in events] == [("4", "5"), ("5", "4")]
    assert [event.metadata[EFFECT_ID] for event in events] == ["up", "down"]
    assert len({event.event_id for event in events}) == 2
    assert {(event.timestamp, event.event_type) for event in events} == {(7, CHANGED)}
    assert plant.take_events(8) == []


def test_nothing_is_measured_at_first() -> None:
    assert math.isnan(Plant([WEB]).current("web"))
