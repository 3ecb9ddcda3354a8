"""The record classes and the Avro schemas say the same, in both directions."""

from __future__ import annotations

import enum
import json
import typing
from pathlib import Path
from typing import Any

import fastavro
import msgspec
import pytest

from streams.records import RECORD_TYPES, Record, Severity, Trend
from streams.wire.resources import schema_path
from streams.wire.schemas import schema_json
from tests.kits.records import TIME_FIELDS, optional

PLAIN = {str: "string", bool: "boolean", float: "double", bytes: "bytes"}
METRIC_ORDER = (
    "entity_id entity_type name value timestamp unit source correlation_id schema_version tags"
)


class Comparison:
    """Walks a class and a schema together; names each place where they differ."""

    def __init__(self) -> None:
        self.named: dict[str, Any] = {}
        self.seen: set[type] = set()

    def struct(self, struct: type[Any], schema: Any, where: str) -> None:
        self.seen.add(struct)
        assert schema["type"] == "record", where
        assert schema["name"] == struct.__name__, where
        hints = typing.get_type_hints(struct)
        fields = {field["name"]: field for field in schema["fields"]}
        assert len(fields) == len(schema["fields"]), where
        infos = {info.name: info for info in msgspec.structs.fields(struct)}
        assert fields.keys() == infos.keys(), where
        for name, field in fields.items():
            here = f"{where}.{name}"
            self.type(hints[name], field["type"], name, here)
            self.default(infos[name], field, here)

    def type(self, hint: Any, schema: Any, name: str, where: str) -> None:
        inner = optional(hint)
        if inner is not None:
            assert len(schema) == 2, where
            assert schema[0] == "null", where
            self.type(inner, schema[1], name, where)
        elif typing.get_origin(hint) is tuple:
            assert schema["type"] == "array", where
            self.type(typing.get_args(hint)[0], schema["items"], "", where)
        elif typing.get_origin(hint) is dict:
            assert schema["type"] == "map", where
            self.type(typing.get_args(hint)[1], schema["values"], "", where)
        elif hint is int:
            time = {"type": "long", "logicalType": "timestamp-millis"}
            assert schema == (time if name in TIME_FIELDS else "long"), where
        elif hint in PLAIN:
            assert schema == PLAIN[hint], where
        else:
            self.named_type(hint, schema, where)

    def named_type(self, hint: type[Any], schema: Any, where: str) -> None:
        if isinstance(schema, str):
            schema = self.named[schema]
        else:
            assert schema["name"] not in self.named, f"{where}: defined twice"
            self.named[schema["name"]] = schema
        if issubclass(hint, msgspec.Struct):
            self.struct(hint, schema, where)
            return
        assert issubclass(hint, enum.Enum), where
        self.seen.add(hint)
        assert (schema["type"], schema["name"]) == ("enum", hint.__name__), where
        assert schema["symbols"] == [member.value for member in hint], where
        assert schema.get("default", schema["symbols"][0]) in schema["symbols"], where

    def default(self, info: Any, field: dict[str, Any], where: str) -> None:
        if info.default_factory is not msgspec.NODEFAULT:
            expected = info.default_factory()
        else:
            expected = info.default
        if expected is msgspec.NODEFAULT:
            assert "default" not in field, where
            return
        assert "default" in field, where
        encoded = json.loads(msgspec.json.encode(expected))
        assert field["default"] == encoded, where
        assert type(field["default"]) is type(encoded), where


@pytest.mark.parametrize("record_type", RECORD_TYPES, ids=lambda cls: cls.__name__)
def test_class_and_schema_agree(record_type: type[Record]) -> None:
    schema = schema_json(record_type)
    assert schema["namespace"] == "goalstream"
    assert schema["doc"]
    Comparison().struct(record_type, schema, record_type.__name__)
    fastavro.parse_schema(schema)


def test_the_comparison_reaches_every_nested_type() -> None:
    names: set[str] = set()
    for record_type in RECORD_TYPES:
        comparison = Comparison()
        comparison.struct(record_type, schema_json(record_type), record_type.__name__)
        names |= {cls.__name__ for cls in comparison.seen}
    assert {"Tag", "Header", "GoalAnalysis", "PlanStep", "Candidate", "Observation"} <= names
    assert {"ResourceDemand", "Bottleneck"} <= names
    assert {"Severity", "LoopState", "OutcomeStatus", "Direction"} <= names


def test_every_schema_file_belongs_to_a_record() -> None:
    folder: Path = schema_path("Metric").parent
    assert {path.stem for path in folder.glob("*.avsc")} == {cls.__name__ for cls in RECORD_TYPES}


def test_metric_is_laid_out_for_columns() -> None:
    metric = next(cls for cls in RECORD_TYPES if cls.__name__ == "Metric")
    schema = schema_json(metric)
    assert " ".join(field["name"] for field in schema["fields"]) == METRIC_ORDER
    assert "map" not in json.dumps(schema["fields"])
    assert not any(isinstance(field["type"], list) for field in schema["fields"])


def test_an_unknown_severity_is_never_read_as_harmless() -> None:
    alert = next(cls for cls in RECORD_TYPES if cls.__name__ == "Alert")
    severity = next(f for f in schema_json(alert)["fields"] if f["name"] == "severity")
    assert Severity(severity["type"]["default"]).rank >= Severity.WARNING.rank


def test_states_and_meanings_have_no_symbol_to_fall_back_to() -> None:
    goal = next(cls for cls in RECORD_TYPES if cls.__name__ == "Goal")
    enums = {f["name"]: f["type"] for f in schema_json(goal)["fields"]}
    assert not any("default" in enums[name] for name in ("status", "direction", "origin"))
    assert enums["trend"]["default"] == Trend.STABLE
