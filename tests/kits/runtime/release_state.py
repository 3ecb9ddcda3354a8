"""What a worker of an earlier release left behind: ``tests/fixtures/state-0.1.0``, whose README
describes the files."""

from __future__ import annotations

import lzma
import math
import re
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import groupby
from pathlib import Path
from typing import Any, NamedTuple

import msgspec

from streams.records import Alert, Record
from streams.settings import Settings, load_settings
from streams.wire.topology import RECORD_OF

DIRECTORY = Path(__file__).parents[2] / "fixtures" / "state-0.1.0"
PARTITIONS = 4

_IDS_ALONE = "seen_ids"
"""How ids are remembered is nobody's business; that known ones are dropped shows in ``further``."""
_RELATIVE, _ABSOLUTE = 1e-6, 1e-4
"""Forecasts are of single precision, and their last digits depend on the processor: what is near 0
is the difference of larger numbers."""

_NUMBER = re.compile(r"-?\d+\.\d+(?:e-?\d+)?")


class Change(NamedTuple):
    """A record of a table's changelog."""

    table: str
    partition: int
    offset: int
    key: bytes
    value: bytes | None


@dataclass(frozen=True, slots=True)
class Placed:
    """A record and where it lies."""

    topic: str
    partition: int
    offset: int
    record: Record


@dataclass(frozen=True, slots=True)
class Batch:
    """Records of one topic and partition, and what they led to."""

    step: int
    by_engine: bool
    topic: str
    partition: int
    records: list[Placed]
    emitted: list[tuple[str, Record]]
    """Topic and record, in order."""


def settings() -> Settings:
    return load_settings(DIRECTORY / "goalstream.toml", environ={})


def changes() -> list[Change]:
    """The changelogs, each in the order of its offsets."""
    return [Change(*each) for each in msgspec.msgpack.decode(_unpacked("changelogs.msgpack.xz"))]


def inputs() -> list[Placed]:
    """What the input topics held."""
    return [
        Placed(line["topic"], line["partition"], line["offset"], _record(line["topic"], line))
        for line in _lines("inputs.jsonl.xz")
    ]


def positions() -> dict[tuple[str, int], int]:
    """Committed offset by topic and partition."""
    found: dict[str, dict[str, int]] = msgspec.json.decode(_read("positions.json"))
    return {
        (topic, int(number)): offset
        for topic, offsets in found.items()
        for number, offset in offsets.items()
    }


def further() -> list[list[Batch]]:
    """What came after that, by step."""
    batches = map(_batch, _lines("further.jsonl.xz"))
    return [list(step) for _, step in groupby(batches, key=lambda batch: batch.step)]


def views(*, after: bool = False) -> dict[str, dict[str, Any]]:
    """Rows of each view by key: of what is stored, or ``after`` all of ``further``."""
    found = msgspec.json.decode(_unpacked("expected.json.xz"))["views_after" if after else "views"]
    del found[_IDS_ALONE]
    return found


def as_json(value: Any) -> Any:
    """What is read of a value that is written as JSON."""
    return msgspec.json.decode(msgspec.json.encode(value))


def is_new(record: Record) -> bool:
    """Whether a record is an alert that the release did not know."""
    return isinstance(record, Alert) and record.rule not in ("critical_goal", "goal_failed")


def differences(found: Any, expected: Any, at: str = "") -> Iterator[str]:
    """Where two values of JSON differ; numbers, those in texts too, are compared to six digits."""
    match found, expected:
        case dict(), dict():
            for key in sorted(found.keys() | expected.keys()):
                if key in found and key in expected:
                    yield from differences(found[key], expected[key], f"{at}.{key}")
                else:
                    yield f"{at}.{key}: {'unexpected' if key in found else 'missing'}"
        case list(), list() if len(found) == len(expected):
            for index, pair in enumerate(zip(found, expected, strict=True)):
                yield from differences(*pair, f"{at}[{index}]")
        case (float(), int() | float()) if _close(found, expected):
            return
        case (str(), str()) if _alike(found, expected):
            return
        case _:
            if found != expected:
                yield f"{at}: {found!r}, not {expected!r}"


def common_revisions(
    some: list[dict[str, Any]], others: list[dict[str, Any]]
) -> list[dict[str, Any]]:
    """Without revisions of open goals that the others lack: that release told of each turn of a
    trend, and not of a slow move after a rest. What the goals are is compared at the end."""

    def is_kept(each: dict[str, Any]) -> bool:
        goal = each.get("goals", each)
        if "target_metric" not in goal or goal.get("closed_at") is not None:
            return True
        return any(not list(differences(other, each)) for other in others)

    return [each for each in some if is_kept(each)]


def _close(found: float, expected: float) -> bool:
    return math.isclose(found, expected, rel_tol=_RELATIVE, abs_tol=_ABSOLUTE)


def _alike(found: str, expected: str) -> bool:
    """Whether two texts differ in the last digits of numbers at most."""
    (texts, numbers), (others, other_numbers) = (
        (_NUMBER.split(text), [float(each) for each in _NUMBER.findall(text)])
        for text in (found, expected)
    )
    return texts == others and all(map(_close, numbers, other_numbers))


def _batch(line: dict[str, Any]) -> Batch:
    topic, number = line["topic"], line["partition"]
    return Batch(
        line["step"],
        line["by_engine"],
        topic,
        number,
        [Placed(topic, number, at, _converted(topic, each)) for at, each in line["records"]],
        [(each["topic"], _record(each["topic"], each)) for each in line["emitted"]],
    )


def _record(topic: str, line: dict[str, Any]) -> Record:
    return _converted(topic, line["record"])


def _converted(topic: str, record: Any) -> Record:
    return msgspec.convert(record, RECORD_OF[topic])


def _lines(name: str) -> Iterator[dict[str, Any]]:
    return map(msgspec.json.decode, _unpacked(name).splitlines())


def _unpacked(name: str) -> bytes:
    return lzma.decompress(_read(name))


def _read(name: str) -> bytes:
    return (DIRECTORY / name).read_bytes()
