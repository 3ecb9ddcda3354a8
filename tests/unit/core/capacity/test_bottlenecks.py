"""Bottlenecks: severity, moment, measures."""

from __future__ import annotations

import pytest

from streams.core.analysis.mitigations import mitigations
from streams.core.capacity.config import StateConfig
from streams.core.capacity.resource import Resource
from streams.records import Severity
from streams.records.forecast import Bottleneck
from tests.kits.core.resources import HOUR, NOW, STATES, forecast, outlook, resource


def only(asked: Resource, config: StateConfig = STATES) -> Bottleneck:
    (found,) = outlook(asked, config=config).bottlenecks
    return found


@pytest.mark.spec("S1-062")
def test_the_predicted_time_is_that_of_the_crossing() -> None:
    found = only(resource([80.0 + 3.5 * step for step in range(1, 25)], current=80.0))
    assert found.predicted_time == NOW + 6 * HOUR
    assert (found.location, found.affected_resources) == ("cpu", ("cpu",))
    assert (found.threshold, found.probability, found.confidence) == (100.0, 1.0, 1.0)
    assert found.mitigation_suggestions == mitigations("cpu")
    for part in ("cpu", "capacity of 100 %", "in 6 h", "123.8 %", "164 %"):
        assert part in found.description


@pytest.mark.spec("S1-063")
def test_critical_when_average_use_is_above_ninety_five_percent() -> None:
    assert only(resource([92.0, 97.0, 102.0])).severity is Severity.CRITICAL


@pytest.mark.spec("S1-064")
def test_high_when_only_a_peak_passes() -> None:
    assert only(resource([50.0, 80.0, 110.0])).severity is Severity.WARNING
    assert only(resource([88.0, 95.0, 102.0])).severity is Severity.WARNING


@pytest.mark.spec("S1-065")
def test_medium_when_nothing_passes_but_average_use_is_high() -> None:
    found = only(resource([84.0, 88.0, 92.0], current=60.0))
    assert found.severity is Severity.CAUTION
    assert (found.threshold, found.predicted_time) == (85.0, NOW + 2 * HOUR)
    assert "worth caution of 85 %" in found.description
    assert only(resource([88.0], current=86.0)).predicted_time == NOW


def test_no_bottleneck_is_low() -> None:
    severities = {
        found.severity
        for mean in range(0, 200, 5)
        for peak in (0.0, 30.0)
        for found in outlook(resource([mean - peak, mean + peak], current=None)).bottlenecks
    }
    assert severities == {Severity.CRITICAL, Severity.WARNING, Severity.CAUTION}


@pytest.mark.spec("S1-067")
@pytest.mark.parametrize(
    ("name", "count", "words"),
    [
        ("api_calls", 3, ("cache", "rate", "batch")),
        ("token_budget", 3, ("smaller model", "cache", "shorten prompts")),
        ("cpu", 3, ("instances", "optimise", "background")),
        ("memory", 3, ("structures", "garbage", "more memory")),
        ("storage", 2, ("capacity", "load")),
    ],
)
def test_measures_by_resource(name: str, count: int, words: tuple[str, ...]) -> None:
    asked = resource(name=name)
    found = only(resource([1.2 * asked.capacity], name=name))
    assert len(found.mitigation_suggestions) == count
    for word in words:
        assert word in " ".join(found.mitigation_suggestions)


def test_what_is_over_its_capacity_now_is_a_bottleneck_now() -> None:
    found = only(resource([50.0], current=120.0))
    assert (found.predicted_time, found.probability) == (NOW, 1.0)
    assert "now" in found.description


def test_severity_goes_by_share_not_by_raw_numbers() -> None:
    assert only(resource([9_900.0, 10_100.0], name="api_calls")).severity is Severity.CRITICAL
    assert not outlook(resource([120.0], name="api_calls")).bottlenecks
    strict = StateConfig(healthy=0.1, degraded=0.2, critical=0.3, overloaded=0.4)
    assert only(resource([35.0]), strict).severity is Severity.CAUTION
    assert only(resource([35.0]), strict).threshold == pytest.approx(30.0)


def test_the_most_pressing_comes_first() -> None:
    found = outlook(
        resource([88.0], name="memory"),
        resource([50.0, 110.0], name="cpu"),
        resource([9_000.0, 9_000.0, 10_100.0], name="api_calls"),
        resource([900.0, 1_200.0], name="network"),
    ).bottlenecks
    assert [each.location for each in found] == ["network", "cpu", "api_calls", "memory"]


def test_an_interval_gives_a_probability() -> None:
    found = only(resource(forecast=forecast([88.0, 100.0], half_width=8.0)))
    assert found.probability == pytest.approx(0.5)
    assert found.predicted_time == NOW + 2 * HOUR


def test_ids_are_the_same_for_the_same_cause() -> None:
    first, second = only(resource([120.0])), only(resource([120.0, 130.0]))
    assert first.bottleneck_id == second.bottleneck_id
    assert first.bottleneck_id != only(resource([2e4], name="api_calls")).bottleneck_id
