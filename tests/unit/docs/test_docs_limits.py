"""The page of limits says what the code does."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from streams.core.outcomes.feature import KEPT_BYTES
from streams.records import limits
from streams.settings import Settings
from streams.web.http.requests import BODY_BYTES
from streams.web.resources.ingest import BATCH_MAX
from streams.wire.body import MAX_VALUE_BYTES
from streams.wire.deadletters import MAX_DETAIL, MAX_RAW_BYTES
from streams.wire.lengths import MAX_PARTS
from streams.wire.schema_limits import MAX_DEPTH, MAX_SCHEMA_BYTES
from streams.wire.schema_limits import MAX_PARTS as MAX_TYPES
from streams.wire.subjects import UNKNOWN_KEPT_SECONDS

PAGE = Path(__file__).parents[3] / "docs" / "reference" / "limits.md"
ROWS = [
    [cell.strip() for cell in line.strip("|").split("|")]
    for line in PAGE.read_text(encoding="utf-8").splitlines()
    if line.startswith("|") and not line.startswith(("|---", "| what"))
]
FIXED = {
    "value of a message": MAX_VALUE_BYTES,
    "ids, names": limits.ID_BYTES,
    "descriptions, reasons": limits.TEXT_BYTES,
    "an argument of a command": limits.TEXT_BYTES,
    "the argument of `entity.import`": limits.ARGUMENT_BYTES,
    "entries of a map or list": limits.ENTRIES,
    "records, maps and lists": MAX_PARTS,
    "where a schema may": "the topic's subject, `TOPIC-value`",
    "text of a schema": MAX_SCHEMA_BYTES,
    "types in it": MAX_TYPES,
    "types inside one another": MAX_DEPTH,
    "types that contain": 0,
    "how long an id": int(UNKNOWN_KEPT_SECONDS),
    "one kept outcome": KEPT_BYTES,
    "key, headers and value": MAX_RAW_BYTES,
    "detail, characters": MAX_DETAIL,
    "body of a request": BODY_BYTES,
    "metrics in one batch": BATCH_MAX,
}


@pytest.mark.parametrize("row", ROWS, ids=lambda row: row[0][:30])
def test_every_limit_is_that_of_the_code(row: list[str]) -> None:
    what, limit, setting, beyond = row
    assert beyond
    if setting == "fixed":
        (expected,) = [value for start, value in FIXED.items() if what.startswith(start)]
        assert limit == str(expected)
        return
    (path,) = re.findall(r"`([^`]+)`", setting)
    value: object = Settings()
    for name in path.split("."):
        value = getattr(value, name)
    assert float(limit) == value


def test_every_fixed_limit_stands_there() -> None:
    fixed = [row[0] for row in ROWS if row[2] == "fixed"]
    assert all(any(what.startswith(start) for what in fixed) for start in FIXED)
    assert len(fixed) == len(FIXED)
    bounds = " ".join(row[2] for row in ROWS)
    for number in (limits.MOST_OUTPUT_BYTES, 1_000_000):
        assert str(number) in bounds
