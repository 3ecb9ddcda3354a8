"""Services that are lived through step by step."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from benchmarks.quality.closed_loop import DELAY, LIMIT, Trace
from examples.autoscaler.compare import serving
from examples.autoscaler.handlers import handlers
from examples.autoscaler.loads import STEP_MS, UNIT, Load
from examples.autoscaler.service import DEMAND, UNITS, UTILISATION, Fleet, Service

demands = st.lists(st.floats(0, 5_000), min_size=16, max_size=50)


def load(demand: list[float], warm_up: int = 6, name: str = "shop") -> Load:
    times = 1_700_000_000_000 + STEP_MS * np.arange(len(demand))
    return Load(name, times, Trace(np.array(demand), warm_up, UNIT))


def lived(service: Service, wanted: list[int]) -> tuple[list[int], list[int], list[bool]]:
    """Paid, serving and violating by step."""
    paid, serves, violates = [], [], []
    for step, units in enumerate(wanted):
        paid.append(service.paid)
        serves.append(service.serving)
        violates.append(service.violates)
        service.ask(units, f"e-{step}")
        service.end_step()
    return paid, serves, violates


def test_units_are_paid_at_once_and_serve_late() -> None:
    service = Service(load([60.0] * 20))
    paid, serves, _ = lived(service, [1] * 8 + [3] * 12)
    assert paid == [1] * 9 + [3] * 11
    assert serves == [1] * (8 + DELAY) + [3] * (12 - DELAY)


def test_units_given_up_are_gone_at_once() -> None:
    paid, serves, _ = lived(Service(load([600.0] * 20)), [10] * 8 + [2] * 12)
    assert paid == [10] * 9 + [2] * 11
    assert serves == [10] * 9 + [2] * 11


def test_a_step_violates_above_the_limit() -> None:
    full = LIMIT * UNIT * 2
    _, _, violates = lived(Service(load([full, full + 0.1, *[full] * 14])), [2] * 16)
    assert violates == [False, True, *[False] * 14]


@settings(max_examples=50)
@given(demands, st.data())
def test_its_accounts_are_those_of_the_closed_loop(
    demand: list[float], data: st.DataObject
) -> None:
    size = len(demand)
    wanted = data.draw(st.lists(st.integers(1, 60), min_size=size, max_size=size))
    service = Service(load(demand, warm_up=DELAY + 1))
    paid, serves, violates = lived(service, wanted)
    assert service.is_over
    found = service.cost()
    assert found.units == pytest.approx(np.mean(paid[DELAY + 1 :]))
    assert found.violations == pytest.approx(np.mean(violates[DELAY + 1 :]))
    assert serving(service.asked())[DELAY:].tolist() == serves[DELAY:]


def test_what_is_measured() -> None:
    service = Service(load([150.0, *[0.0] * 15]))
    found = {metric.name: metric.value for metric in service.measure()}
    assert found == {UNITS: 3.0, DEMAND: 150.0, UTILISATION: 0.5}
    assert next(metric.name for metric in service.measure()) == UNITS
    assert {metric.timestamp for metric in service.measure()} == {1_700_000_000_000}


def test_the_same_effect_is_had_once() -> None:
    service = Service(load([100.0] * 16))
    assert service.ask(7, "e-1")
    assert service.ask(4, "e-2")
    assert not service.ask(7, "e-1")
    assert service.units == 4
    with pytest.raises(ValueError, match="1 or more"):
        service.ask(0, "e-3")


async def test_the_handler_brings_the_units_to_the_target_once() -> None:
    fleet = Fleet([load([100.0] * 16), load([100.0] * 16, name="office")])
    handler = handlers(fleet).find("scale_to")
    assert handler is not None
    assert handler.idempotent
    params = {"entity_id": "office", "target_value": "9.0", "effect_id": "e"}
    told = await handler.run(params, "g")  # type: ignore[misc]  # a coroutine function
    assert told == {"output": "2 to 9 units", "impact": {UNITS: 7.0}}
    assert await handler.run(params, "g") == {  # type: ignore[misc]  # a coroutine function
        "output": "9 units were asked for before"
    }
    assert [service.units for service in fleet.services.values()] == [2, 9]


def test_a_fleet_runs_until_the_longest_load_is_over() -> None:
    fleet = Fleet([load([100.0] * 16), load([100.0] * 20, name="office")])
    steps = 0
    while fleet.running:
        for service in fleet.running:
            service.end_step()
        steps += 1
    assert steps == 20
    assert [len(service.asked()) for service in fleet.services.values()] == [16, 20]
