from __future__ import annotations

import msgspec
import pytest
from hypothesis import given

from streams.errors import InvalidRecord, UnknownName
from streams.records import Alert, Event, Goal, Metric, Outcome, OutcomeStatus, Record, Severity
from streams.wire.decode import RecordDecoder
from streams.wire.encode import Encoder
from streams.wire.framing import schema_id_of
from streams.wire.registry import EMBEDDED_IDS, EmbeddedRegistry
from tests.kits.messages import ENCODER, NOW, message, metric
from tests.kits.records import records

GOAL = Goal(entity_id="e", timestamp=NOW, goal_id="g", target_metric="m", target_value="x")
DECODERS = {cls: RecordDecoder(EmbeddedRegistry(), cls) for cls in Record.__subclasses__()}


@given(records())
def test_every_record_comes_back_as_it_was(record: Record) -> None:
    sent = message(record, offset=7)
    assert schema_id_of(sent.value) == EMBEDDED_IDS[type(record).__name__]
    decoded = DECODERS[type(record)].decode([sent])
    assert decoded.rejected == []
    assert [(one.offset, one.record) for one in decoded.records] == [(7, record)]


def test_a_record_on_the_wrong_topic_is_refused() -> None:
    with pytest.raises(InvalidRecord, match=r"topic Goal carries Goal records.*'Metric'"):
        ENCODER.encode(metric(), "Goal")


def test_a_topic_must_be_prepared() -> None:
    with pytest.raises(UnknownName, match="'metrics'"):
        Encoder(EmbeddedRegistry(), {"metrics": Metric}).encode(metric(), "metrics")
    with pytest.raises(UnknownName, match="'other'"):
        ENCODER.encode(metric(), "other")


@pytest.mark.parametrize(
    ("record", "field"),
    [
        (GOAL, "target_value"),
        (Event(entity_id="e", timestamp=None, event_id="e", event_type="t"), "timestamp"),
        (metric(unit=None), "unit"),
    ],
)  # fmt: skip
def test_a_value_of_a_wrong_type_is_named(record: Record, field: str) -> None:
    with pytest.raises(InvalidRecord, match=field):
        ENCODER.encode(record, type(record).__name__)


@pytest.mark.spec("S2-011")
def test_an_unknown_status_is_not_written() -> None:
    outcome = Outcome(
        entity_id="e", timestamp=NOW, event_id="o", run_id="r", agent_name="a", agent_type="t",
        action_type="x", start_time=NOW, end_time=NOW, duration_ms=1.0, latency_ms=1.0,
        status=OutcomeStatus.SUCCESS, severity=Severity.INFO, action_id="a",
    )  # fmt: skip
    assert ENCODER.encode(outcome, "Outcome")
    wrong = msgspec.structs.replace(outcome, status="weird")
    with pytest.raises(InvalidRecord, match=r"weird.*\$\.status"):
        ENCODER.encode(wrong, "Outcome")


def test_an_encoder_asks_the_registry_once_per_topic() -> None:
    class Counting(EmbeddedRegistry):
        asked: list[str] = []  # noqa: RUF012 - one test, one registry

        def lookup(self, subject: str, schema: object) -> int:
            self.asked.append(subject)
            return super().lookup(subject, schema)

    encoder = Encoder(Counting(), {"a": Metric, "b": Alert})
    encoder.prepare()
    for _ in range(3):
        encoder.encode(metric(), "a")
    assert Counting.asked == ["a-value", "b-value"]
