"""The loads of the example."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from benchmarks.quality.closed_loop import LOAD_AT_MEAN, UNITS_AT_MEAN
from examples.autoscaler.loads import BEGIN_MS, DAY, DAY_MS, MADE, STEP_MS, UNIT, loads, made

SHOP, OFFICE = MADE["made_shop"], MADE["made_office"]


def test_two_recorded_and_two_made() -> None:
    found = loads()
    assert [load.name for load in found] == [
        "elb_request_count",
        "twitter_volume",
        "made_shop",
        "made_office",
    ]
    assert [len(load.trace.demand) for load in found] == [4_032, 8_000, 8_000, 8_000]


@pytest.mark.parametrize("load", loads(), ids=lambda load: load.name)
def test_a_demand_at_each_step_in_common_units(load) -> None:
    demand = load.trace.demand
    assert demand.min() >= 0
    assert demand.mean() == pytest.approx(UNITS_AT_MEAN * LOAD_AT_MEAN * UNIT)
    assert len(load.timestamps) == len(demand)
    assert (np.diff(load.timestamps) > 0).all()
    assert np.median(np.diff(load.timestamps)) == STEP_MS
    assert BEGIN_MS <= load.timestamps[0] < BEGIN_MS + DAY_MS
    assert load.trace.start == int(np.ceil(0.15 * len(demand)))


def test_a_shape_and_its_seed_make_one_load() -> None:
    assert (made(SHOP, 500) == made(SHOP, 8_000)[:500]).all()
    assert (made(SHOP, 500) != made(replace(SHOP, seed=3), 500)).any()


def test_a_made_load_has_day_week_crowds_and_a_lasting_shift() -> None:
    calm = replace(OFFICE, crowds=0, noise=0.0)
    values = made(calm, 8_000)
    day = values[: 5 * DAY].reshape(5, DAY).mean(axis=0)
    assert day[10 * 12] > 2 * day[3 * 12]
    assert values[5 * DAY : 7 * DAY].mean() < 0.5 * values[: 5 * DAY].mean()
    lasting = made(replace(calm, shift=1.0), 8_000)[calm.shift_at :].mean()
    assert values[calm.shift_at :].mean() / lasting == pytest.approx(calm.shift, rel=0.02)
    assert (made(calm, 8_000)[: calm.shift_at] == values[: calm.shift_at]).all()
    crowded = made(replace(OFFICE, noise=0.0), 8_000)
    assert crowded.max() > values.max()


def test_a_name_that_is_none() -> None:
    with pytest.raises(KeyError):
        loads(["no such load"])
