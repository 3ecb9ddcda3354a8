"""Cost and violations beside those of the Kubernetes rule."""

from __future__ import annotations

import io
import math
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from rich.console import Console

from benchmarks.quality.closed_loop import HPA_TARGET, Cost, at_cost, curve, hpa
from examples.autoscaler.compare import (
    Comparison,
    comparison,
    draw,
    markdown,
    median_ratio,
    overall_ratio,
    table,
    target_at_cost,
)
from examples.autoscaler.loads import loads
from examples.autoscaler.service import Service

STEPS = 600


def steered_by_hpa(target: float) -> Service:
    (load,) = loads(["made_shop"], STEPS)
    service = Service(load)
    for units in hpa(load.trace, target).tolist():
        service.ask(units, f"e-{service.step}")
        service.end_step()
    return service


def with_violations(ours: float, theirs: float) -> Comparison:
    found = comparison(steered_by_hpa(HPA_TARGET))
    return replace(found, ours=Cost(20.0, ours), hpa_at_cost=theirs)


def test_who_steers_like_the_kubernetes_rule_violates_as_often() -> None:
    found = comparison(steered_by_hpa(HPA_TARGET))
    assert found.ours == found.hpa
    assert found.hpa_at_cost == pytest.approx(at_cost(curve(found.trace), found.hpa.units))
    assert found.ratio == pytest.approx(1.0, abs=0.1)
    assert found.oracle.violations == found.static_peak.violations == 0
    assert found.oracle.units < found.ours.units < found.static_peak.units


def test_the_target_that_costs_as_much() -> None:
    on = loads(["made_shop"], STEPS)[0].trace
    for target in (0.35, 0.5, 0.7):
        units = on.cost(hpa(on, target)).units
        found = on.cost(hpa(on, target_at_cost(on, units))).units
        assert found == pytest.approx(units, rel=0.02)


def test_ratios_of_several_loads() -> None:
    some = [with_violations(0.1, 0.2), with_violations(0.3, 0.3), with_violations(0.0, 0.5)]
    assert median_ratio(some) == pytest.approx(0.5)
    assert overall_ratio(some) == pytest.approx(0.4)


def test_ratios_where_the_kubernetes_rule_does_not_violate() -> None:
    assert with_violations(0.0, 0.0).ratio == overall_ratio([with_violations(0.0, 0.0)]) == 1.0
    assert with_violations(0.1, 0.0).ratio == overall_ratio([with_violations(0.1, 0.0)]) == math.inf


def test_the_tables_name_cost_and_violations() -> None:
    one = with_violations(0.05, 0.1)
    console = Console(width=140, record=True, file=io.StringIO())
    console.print(table([one]))
    shown = console.export_text()
    for text in (shown, markdown([one])):
        assert "made_shop" in text
        assert "20.0 (5.00%)" in text
        assert "20.0 (10.00%)" in text
        assert "0.500" in text


def test_the_picture_is_drawn(tmp_path: Path) -> None:
    path = tmp_path / "new" / "loads.png"
    draw([comparison(steered_by_hpa(0.5))], path)
    assert path.read_bytes().startswith(b"\x89PNG")


def test_the_same_steps_for_the_same_targets() -> None:
    one, other = (comparison(steered_by_hpa(0.6)) for _ in range(2))
    assert np.array_equal(one.asked, other.asked)
