from __future__ import annotations

import pytest

from streams.errors import InvalidRecord, UnknownName
from streams.records import RECORD_TYPES, Goal
from streams.wire.registry import EMBEDDED_IDS, EmbeddedRegistry, subject_name
from streams.wire.schemas import schema_json


def test_the_ids_never_change() -> None:
    assert " ".join(EMBEDDED_IDS) == (
        "Metric Event Action Goal Plan Suggestion Feedback Outcome LoopEvent Forecast "
        "Prediction Pattern Alert Command Decision DeadLetter"
    )
    moved = {
        "Forecast": 2_000_000_017,
        "Prediction": 2_000_000_018,
        "Goal": 2_000_000_019,
        "Plan": 2_000_000_020,
        "Decision": 2_000_000_021,
    }
    first = dict(zip(EMBEDDED_IDS, range(2_000_000_001, 2_000_000_017), strict=True))
    assert first | moved == EMBEDDED_IDS


def test_every_schema_is_known_by_its_id_and_back() -> None:
    registry = EmbeddedRegistry()
    for record_type in RECORD_TYPES:
        schema_id = registry.lookup("any-value", schema_json(record_type))
        assert schema_id == EMBEDDED_IDS[record_type.__name__]
        assert registry.schema_of(schema_id) == schema_json(record_type)
        assert registry.register("any-value", schema_json(record_type)) == schema_id


def test_nothing_has_to_be_fetched() -> None:
    registry = EmbeddedRegistry()
    assert registry.pending({1, 2_000_000_001}) == set()
    with pytest.raises(UnknownName, match=r"registry\.url"):
        registry.under("any-value").schema_of(1)


def test_other_schemas_are_refused() -> None:
    registry = EmbeddedRegistry()
    changed = schema_json(Goal) | {"fields": schema_json(Goal)["fields"][:-1]}
    with pytest.raises(UnknownName, match="goals-value"):
        registry.lookup("goals-value", changed)
    with pytest.raises(InvalidRecord, match="takes no new schemas"):
        registry.register("goals-value", changed)


def test_subjects_are_named_after_topics() -> None:
    assert subject_name("agent-goals") == "agent-goals-value"
