"""Resources whose measured value really falls with more units."""

from __future__ import annotations

import pytest

from streams.demo.plant import MOST, SCALE_IN, SCALE_OUT, Plant
from streams.demo.scenario import RESOURCES, Resource

WEB = next(resource for resource in RESOURCES if resource.entity_id == "web")
PRESS = next(resource for resource in RESOURCES if resource.floor)


async def act(plant: Plant, action: str, resource: Resource, **params: str) -> dict[str, object]:
    handler = plant.handlers().find(action)
    assert handler is not None
    return await handler.run({"resource": resource.entity_id, **params}, "")


def test_a_recorded_value_is_measured_as_it_was() -> None:
    plant = Plant([WEB])
    assert plant.measure(WEB, 60.0) == plant.current("web") == 60.0


async def test_scaling_out_reaches_the_aim_from_then_on() -> None:
    plant = Plant([WEB])
    plant.measure(WEB, 60.0)
    result = await act(plant, SCALE_OUT, WEB, aim="40")
    assert plant.units("web") == 6
    assert plant.measure(WEB, 60.0) == pytest.approx(40.0)
    assert result == {
        "output": "4 to 6 instances",
        "impact": {"cpu_utilization": pytest.approx(-20.0)},
    }


async def test_the_part_that_no_unit_takes_away_stays() -> None:
    plant = Plant([PRESS])
    plant.measure(PRESS, PRESS.floor + 30.0)
    await act(plant, SCALE_OUT, PRESS, aim=str(PRESS.floor + 15.0))
    assert plant.measure(PRESS, PRESS.floor) == PRESS.floor
    assert plant.measure(PRESS, PRESS.floor + 30.0) == pytest.approx(PRESS.floor + 15.0)


async def test_growth_ends_and_says_so() -> None:
    plant = Plant([WEB])
    plant.measure(WEB, 100.0)
    await act(plant, SCALE_OUT, WEB, aim="0.1")
    assert plant.units("web") == WEB.units * MOST
    refused = await act(plant, SCALE_OUT, WEB, aim="0.1")
    assert refused["success"] is False
    assert plant.units("web") == WEB.units * MOST


@pytest.mark.parametrize("aim", ["70", "nan", "many"])
async def test_an_aim_that_cannot_be_reached_is_an_error(aim: str) -> None:
    plant = Plant([PRESS])
    plant.measure(PRESS, 90.0)
    with pytest.raises(ValueError, match="aim|float"):
        await act(plant, SCALE_OUT, PRESS, aim=aim)
    assert plant.units("press") == PRESS.units


async def test_units_are_given_back_one_by_one_and_never_the_first() -> None:
    plant = Plant([WEB])
    plant.measure(WEB, 60.0)
    await act(plant, SCALE_OUT, WEB, aim="48")
    assert not plant.can_spare("web")
    plant.measure(WEB, 20.0)
    assert plant.can_spare("web")
    await act(plant, SCALE_IN, WEB)
    assert plant.units("web") == WEB.units
    assert not plant.can_spare("web")
    assert (await act(plant, SCALE_IN, WEB))["success"] is False


async def test_each_change_is_reported_once() -> None:
    plant = Plant([WEB])
    plant.measure(WEB, 60.0)
    await act(plant, SCALE_OUT, WEB, aim="50")
    await act(plant, SCALE_IN, WEB)
    events = plant.take_events(7)
    assert [(e.metadata["before"], e.metadata["after"]) for e in events] == [("4", "5"), ("5", "4")]
    assert len({event.event_id for event in events}) == 2
    assert {event.timestamp for event in events} == {7}
    assert plant.take_events(8) == []
