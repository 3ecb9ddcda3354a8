"""Predictions of states and bottlenecks as records, and the capacity report."""

from __future__ import annotations

from dataclasses import replace

import msgspec
import pytest

from streams.core.capacity.capacity_report import capacity_report
from streams.core.capacity.config import StateConfig
from streams.core.capacity.outlook import Outlook
from streams.core.capacity.predictions import bottleneck_predictions, state_prediction
from streams.core.config import CoreConfig
from streams.core.metric.config import MetricConfig
from streams.records import Direction, Prediction, PredictionKind, Severity
from streams.wire.decode import RecordDecoder
from streams.wire.registry import EmbeddedRegistry
from tests.kits.core.resources import HOUR, NOW, STATES, forecast, outlook, resource
from tests.kits.messages import message

OWNER = {"entity_id": "checkout", "entity_type": "service", "correlation_id": "c-1"}


def busy() -> Outlook:
    """cpu passes its capacity after 6 of 24 hours, memory is fine, storage has no forecast."""
    ramp = [80.0 + 3.5 * step for step in range(1, 25)]
    return outlook(
        resource([40.0] * 24, name="memory", current=40.0),
        resource(forecast=forecast(ramp, half_width=0.5), current=80.0),
        resource(name="storage", current=100.0),
    )


def decoded(*sent: Prediction) -> list[object]:
    """After a journey through Avro."""
    result = RecordDecoder(EmbeddedRegistry(), Prediction).decode([message(one) for one in sent])
    assert result.rejected == []
    return [one.record for one in result.records]


@pytest.mark.spec("S1-048")
def test_a_state_prediction_is_complete_when_decoded() -> None:
    sent = state_prediction(busy(), **OWNER)
    (found,) = decoded(sent)
    assert found == sent
    assert isinstance(found, Prediction)
    assert (found.prediction_id, found.timestamp, found.kind) == ("p-1", NOW, PredictionKind.STATE)
    assert (found.current_state, found.predicted_state) == ("degraded", "overloaded")
    assert (found.horizon_ms, found.predicted_time) == (24 * HOUR, NOW + 5 * HOUR)
    assert (found.metric, found.severity) == ("cpu", Severity.CRITICAL)
    assert 0.9 < found.confidence <= 1.0
    assert [each.resource_type for each in found.resource_demands] == ["memory", "cpu"]
    assert found.affected_resources == ("cpu", "memory")
    assert [each.location for each in found.predicted_bottlenecks] == ["cpu"]
    assert found.missing_resources == ("storage",)
    assert len(found.risk_factors) == 3
    assert found.recommendations[0].startswith("act now")
    for part in ("degraded now", "overloaded in 5 h", "cpu", "within 24 h"):
        assert part in found.description


@pytest.mark.spec("S1-048")
@pytest.mark.spec("S1-062")
def test_a_bottleneck_is_a_prediction_of_its_own() -> None:
    (sent,) = bottleneck_predictions(busy(), **OWNER)
    (found,) = decoded(sent)
    assert found == sent
    (bottleneck,) = busy().bottlenecks
    assert sent.prediction_id == bottleneck.bottleneck_id
    assert (sent.kind, sent.metric) == (PredictionKind.BOTTLENECK, "cpu")
    assert (sent.threshold, sent.capacity, sent.current_value) == (100.0, 100.0, 80.0)
    assert sent.predicted_time == bottleneck.predicted_time
    assert sent.mitigations == bottleneck.mitigation_suggestions
    assert (sent.affected_resources, sent.correlation_id) == (("cpu",), "c-1")
    assert [each.resource_type for each in sent.resource_demands] == ["cpu"]


@pytest.mark.spec("S1-070")
def test_without_history_the_prediction_says_so() -> None:
    sent = state_prediction(outlook(), entity_id="checkout")
    assert decoded(sent) == [sent]
    assert (sent.current_state, sent.predicted_state) == ("unknown", "unknown")
    assert (sent.confidence, sent.probability, sent.resource_demands) == (0.5, 0.0, ())
    assert (sent.predicted_time, sent.severity) == (None, Severity.INFO)
    assert "no forecast" in sent.description
    assert bottleneck_predictions(outlook(), entity_id="checkout") == []


@pytest.mark.parametrize(
    ("name", "capacity"),
    [
        pytest.param("cpu", 100, marks=pytest.mark.spec("S1-054")),
        pytest.param("memory", 100, marks=pytest.mark.spec("S1-055")),
        pytest.param("api_calls", 10_000, marks=pytest.mark.spec("S1-056")),
        pytest.param("token_budget", 1_000_000, marks=pytest.mark.spec("S1-057")),
        pytest.param("storage", 1_000, marks=pytest.mark.spec("S1-058")),
        pytest.param("network", 1_000, marks=pytest.mark.spec("S1-059")),
    ],
)
def test_default_capacities(name: str, capacity: float) -> None:
    assert capacity_report(CoreConfig(), STATES, NOW).capacities[name] == capacity


@pytest.mark.spec("S1-071")
def test_the_report_shows_what_is_configured() -> None:
    core = CoreConfig(
        metrics={
            "queue": MetricConfig(capacity=500, unit="jobs"),
            "uptime": MetricConfig(capacity=1, direction=Direction.AT_LEAST),
            "latency": MetricConfig(),
        },
        aliases={"queue_length": "queue", "ping": "latency"},
    )
    states = replace(STATES, critical=0.9)
    report = capacity_report(core, states, NOW)
    assert msgspec.json.decode(msgspec.json.encode(report)) == {
        "capacities": {"queue": 500},
        "units": {"queue": "jobs"},
        "aliases": {"queue_length": "queue"},
        "thresholds": {
            "optimal": 0.0,
            "healthy": 0.6,
            "degraded": 0.75,
            "critical": 0.9,
            "overloaded": 0.95,
        },
        "timestamp": NOW,
    }
    assert StateConfig() == STATES
