from __future__ import annotations

import copy
import json

from streams.records import Goal, Metric
from streams.wire.schemas import (
    foreign_time_unit,
    published_text,
    record_fields,
    schema_json,
    schema_text,
    without,
)


def test_attributes_are_taken_off_at_every_depth_but_not_out_of_defaults() -> None:
    schema = {
        "type": "record", "name": "R", "doc": "d",
        "fields": [{
            "name": "doc", "doc": "d", "default": {"doc": "kept"},
            "type": ["null", {"type": "long", "logicalType": "timestamp-millis"}],
        }],
    }  # fmt: skip
    before = copy.deepcopy(schema)
    assert without(schema, "doc", "logicalType") == {
        "type": "record", "name": "R",
        "fields": [
            {"name": "doc", "default": {"doc": "kept"}, "type": ["null", {"type": "long"}]}
        ],
    }  # fmt: skip
    assert schema == before


def test_the_text_is_what_was_written() -> None:
    assert json.loads(schema_text(Goal)) == schema_json(Goal)
    assert published_text(copy.deepcopy(schema_json(Goal))) == schema_text(Goal)


def test_a_schema_of_somebody_else_is_published_as_it_is() -> None:
    changed = schema_json(Goal) | {"doc": "another"}
    assert json.loads(published_text(changed)) == changed
    assert published_text("long") == '"long"'


def test_another_unit_of_time_is_noticed() -> None:
    text = schema_text(Goal)
    assert foreign_time_unit(schema_json(Goal), schema_json(Goal)) == ""
    micros = json.loads(text.replace("timestamp-millis", "timestamp-micros"))
    assert foreign_time_unit(micros, schema_json(Goal)) == "timestamp"
    bare = without(schema_json(Goal), "logicalType")
    assert foreign_time_unit(bare, schema_json(Goal)) == ""
    only_deadline = copy.deepcopy(schema_json(Goal))
    deadline = next(f for f in only_deadline["fields"] if f["name"] == "deadline")
    deadline["type"] = ["null", {"type": "long", "logicalType": "timestamp-micros"}]
    assert foreign_time_unit(only_deadline, schema_json(Goal)) == "deadline"
    assert foreign_time_unit("long", schema_json(Metric)) == ""


def test_the_fields_of_all_records_are_found() -> None:
    deep = {"type": "record", "name": "a.Deep", "fields": [{"name": "x", "type": "long"}]}
    places = [
        deep, {"type": "array", "items": deep}, {"type": "map", "values": deep},
        ["null", {"type": "array", "items": ["null", deep]}], {"type": deep},
    ]  # fmt: skip
    for place in places:
        schema = {"type": "record", "name": "Top", "fields": [{"name": "f", "type": place}]}
        assert record_fields(schema) == {("Top", "f"), ("Deep", "x")}
    assert ("Tag", "key") in record_fields(schema_json(Metric))
    assert ("Metric", "tags") in record_fields(schema_json(Metric))
