"""Tables in the pages are complete and say what the code says."""

from __future__ import annotations

import json
import re
from enum import StrEnum
from pathlib import Path
from typing import get_args, get_origin

import pytest
from prometheus_client import CollectorRegistry
from pydantic import BaseModel
from pydantic_core import to_jsonable_python

from streams.core.config import CoreConfig
from streams.core.features import build_features
from streams.core.goals.admission import RefusalReason
from streams.core.kernel.clocks import AHEAD
from streams.core.safety.approval import ApprovalProblem
from streams.runtime.flawed import DAMAGED_STATE
from streams.runtime.metrics import WorkerMetrics
from streams.runtime.topic_changes import ChangeKind
from streams.settings import Settings
from streams.wire.rejected import Reason
from streams.wire.topology import Topology
from tests.kits.pages import ROOT, read, table
from tools.commands import PAGE, page

OPERATIONS = "docs/operations.md"


def defaults(section: type[BaseModel], prefix: str = "") -> dict[str, str]:
    """Dotted key to default, as JSON; "unset" for none, "needed" where there has to be one.

    Entries of tables by name stand below ``NAME``.
    """
    found: dict[str, str] = {}
    for name, field in section.model_fields.items():
        key = f"{prefix}{field.alias or name}"
        hint = field.annotation
        inner = get_args(hint)[-1] if get_origin(hint) is dict else hint
        if isinstance(inner, type) and issubclass(inner, BaseModel):
            found |= defaults(inner, f"{key}." if inner is hint else f"{key}.NAME.")
        elif field.is_required():
            found[key] = "needed"
        else:
            found[key] = _text(field.get_default(call_default_factory=True))
    return found


def _text(value: object) -> str:
    return "unset" if value is None else json.dumps(to_jsonable_python(value))


def test_every_setting_stands_in_the_reference_with_its_default() -> None:
    expected = defaults(Settings)
    rows = table("docs/reference/settings.md", "key")
    assert {row[0]: row[1] for row in rows} == expected
    assert len(rows) == len(expected)
    assert all(row[2] for row in rows)


def test_the_web_settings_are_those_of_the_http_page() -> None:
    rows = {row[0].removeprefix("web.") for row in table("docs/reference/http.md", "setting")}
    assert rows == set(Settings().web.model_dump())


def test_every_metric_of_the_worker_stands_in_the_table() -> None:
    collectors = vars(WorkerMetrics(CollectorRegistry())).values()
    expected: dict[str, tuple[str, set[str]]] = {}
    for collector in collectors:
        (family,) = collector.describe()
        name = family.name + ("_total" if family.type == "counter" else "")
        expected[name] = (family.type, set(collector._labelnames))
    rows = table(OPERATIONS, "metric")
    found = {row[0]: (row[1], set(re.findall(r"\w+", row[2]))) for row in rows}
    assert len(expected) > 10
    assert found == expected


def rule_codes() -> set[str]:
    """Codes with which rules of the core refuse an input record."""
    text = "".join(
        path.read_text(encoding="utf-8") for path in (ROOT / "streams" / "core").rglob("*.py")
    )
    said = set(re.findall(r"""(?:\.reject|Objection)\(\s*"(\w+)\"""", text))
    return said | {spec.refusal for spec in build_features(CoreConfig()).commands.values()}


def test_every_alert_stands_in_the_table() -> None:
    raised = {
        rule
        for path in (ROOT / "streams" / "core").rglob("*.py")
        for rule in re.findall(r"""\balert\(\s*turn,\s*"(\w+)\"""", path.read_text("utf-8"))
    }
    assert len(raised) > 5
    assert {row[0] for row in table(OPERATIONS, "rule")} == raised


def test_every_reason_of_a_dead_letter_stands_in_the_table() -> None:
    codes = rule_codes() | {problem.value for problem in ApprovalProblem} | {AHEAD}
    assert {"unknown_command", "unknown_goal"} <= codes
    rows = table(OPERATIONS, "reason")
    assert [row[0] for row in rows][: len(Reason)] == [reason.value for reason in Reason]
    assert {row[0] for row in rows} == {reason.value for reason in Reason} | codes | {DAMAGED_STATE}


@pytest.mark.parametrize(
    ("page", "first", "codes"),
    [(OPERATIONS, "change", ChangeKind), ("docs/guide/goals.md", "code", RefusalReason)],
)
def test_codes_stand_in_their_tables(page: str, first: str, codes: type[StrEnum]) -> None:
    extra = {"ignored_target", "source_not_allowed"} if codes is RefusalReason else set[str]()
    assert {row[0] for row in table(page, first)} == {code.value for code in codes} | extra


def test_the_readme_lists_every_topic_with_name_and_record() -> None:
    expected = {
        spec.logical: (spec.name, spec.record_type.__name__)
        for spec in Topology.load().topics
        if spec.record_type is not None
    }
    rows = table("README.md", "logical name")
    assert {row[0]: (row[1], row[2]) for row in rows} == expected


def test_every_error_that_has_a_name_is_explained() -> None:
    from streams import errors

    names = {
        name
        for name, value in vars(errors).items()
        if isinstance(value, type) and issubclass(value, errors.GoalstreamError)
    } - {"GoalstreamError"}
    text = read(OPERATIONS)
    assert {name for name in names if f"`{name}`" not in text} == set()


def test_pages_name_the_limits_of_the_code() -> None:
    from streams.wire.body import MAX_VALUE_BYTES
    from streams.wire.deadletters import MAX_RAW_BYTES

    text = read(OPERATIONS)
    assert f"longer than {MAX_VALUE_BYTES:,} bytes" in text
    assert f"Above {MAX_RAW_BYTES:,} bytes" in text


def test_versions_are_those_of_the_tools() -> None:
    from tools.kafka.artifacts import JAVA_VERSION, KAFKA_VERSION, REGISTRY_VERSION

    text = read(OPERATIONS)
    assert f"tested with {KAFKA_VERSION}" in text
    assert f"Apicurio Registry {REGISTRY_VERSION}" in text
    assert f"Java {JAVA_VERSION}" in read("README.md")
    assert Path(ROOT / "CHANGELOG.md").read_text(encoding="utf-8").count("## 0.1.0") == 1


def test_the_page_of_commands_is_what_the_features_declare() -> None:
    assert PAGE.read_text(encoding="utf-8") == page()
