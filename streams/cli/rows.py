"""Records from lines of CSV or JSON, with errors that say line, field, value and remedy."""

from __future__ import annotations

import csv
import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from enum import StrEnum
from pathlib import Path
from typing import Any, Generic, TextIO, TypeVar, cast, get_origin

import msgspec

from streams.errors import InvalidRecord, nearest
from streams.records import Action, Command, Event, Goal, Record
from streams.wire.keys import key_of

_R = TypeVar("_R", bound=Record)

_ID_OF: Mapping[type[Record], str] = {
    Action: "action_id",
    Command: "command_id",
    Event: "event_id",
    Goal: "goal_id",
}
"""Records that a person may send without id and time: they are meant as new, and as of now."""

_MOMENTS = frozenset(
    {"timestamp", "requested_at", "deadline", "created_at", "closed_at", "met_since"}
)
"""Fields that hold a moment in ms, and may be given as ISO 8601."""


class Format(StrEnum):
    CSV = "csv"
    JSONL = "jsonl"


class TimeUnit(StrEnum):
    """What numbers count that are moments."""

    MS = "ms"
    S = "s"
    US = "us"
    NS = "ns"


_SUFFIXES = {
    ".csv": Format.CSV,
    ".jsonl": Format.JSONL,
    ".ndjson": Format.JSONL,
    ".json": Format.JSONL,
}


@dataclass(frozen=True, slots=True)
class Row(Generic[_R]):
    """One line: the record in it, or why there is none."""

    line: int
    """Counted from 1, the header of a CSV file included."""
    record: _R | None = None
    error: InvalidRecord | None = None


class RowReader(Generic[_R]):
    """Reads lines as records of one type.

    ``now`` (ms) and ``new_id`` fill in the time and id of records that may lack them.
    """

    def __init__(
        self,
        record_type: type[_R],
        now: Callable[[], int],
        new_id: Callable[[], str],
        unit: TimeUnit = TimeUnit.MS,
    ) -> None:
        """``unit``: what numbers count that are moments."""
        from streams.wire.checks import Checks

        self._record_type = record_type
        self._now = now
        self._new_id = new_id
        self._unit = unit
        self._id_field = _ID_OF.get(record_type)
        self._checks = Checks(record_type)
        self._types = {field.name: field.type for field in msgspec.structs.fields(record_type)}
        self._moments = _MOMENTS & self._types.keys()

    def rows(self, text: TextIO, format_: Format) -> Iterator[Row[_R]]:
        """One row for each line that is not blank. A bad header raises InvalidRecord."""
        lines = self._csv(text) if format_ is Format.CSV else self._jsonl(text)
        for line, fields in lines:
            try:
                yield Row(line, record=self._record(fields()))
            except InvalidRecord as error:
                yield Row(line, error=at_line(line, error))

    def _record(self, fields: dict[str, Any]) -> _R:
        self._refuse_unknown(fields)
        for name in self._moments:
            if fields.get(name) is not None:
                fields[name] = to_ms(name, fields[name], self._unit)
                refuse_unit(name, fields[name])
        if self._id_field:
            if not fields.get(self._id_field):
                fields[self._id_field] = self._new_id()
            fields.setdefault("timestamp", self._now())
        try:
            record = msgspec.convert(fields, self._record_type)
        except msgspec.ValidationError as error:
            raise _unfit(error, fields) from error
        self._check(record)
        return record

    def _check(self, record: _R) -> None:
        if isinstance(record, Goal) and record.revision != 0:
            raise InvalidRecord(
                "the engine alone writes later revisions of a goal",
                field="revision",
                value=record.revision,
                remedy="leave it out; change a goal by a command",
            )
        problem = self._checks.problem(msgspec.to_builtins(record), key_of(record))
        if problem is not None:
            raise InvalidRecord(problem.detail)

    def _csv(self, text: TextIO) -> Iterator[tuple[int, Callable[[], dict[str, Any]]]]:
        reader = csv.reader(text, strict=True)
        try:
            header = [name.strip() for name in next(reader, [])]
        except csv.Error as error:
            raise InvalidRecord(f"line 1 is not CSV: {error}") from error
        self._check_header(header)
        while True:
            try:
                cells = next(reader, None)
            except csv.Error as error:
                yield reader.line_num, _raiser(InvalidRecord(f"not CSV: {error}"))
                continue
            if cells is None:
                return
            if cells:
                yield reader.line_num, lambda cells=cells: self._cells(header, cells)

    def _check_header(self, header: list[str]) -> None:
        try:
            self._refuse_unknown(dict.fromkeys(header))
        except InvalidRecord as error:
            raise InvalidRecord(
                "line 1: unknown column", field=error.field, remedy=error.remedy
            ) from None
        for name in header:
            if header.count(name) > 1:
                raise InvalidRecord(
                    "line 1: column stands twice", field=name, remedy="remove one of them"
                )
        if not header:
            raise InvalidRecord(
                "no header", field="line", value=1, remedy="name the columns in the first line"
            )

    def _cells(self, header: list[str], cells: list[str]) -> dict[str, Any]:
        if len(cells) != len(header):
            raise InvalidRecord(
                "wrong number of cells",
                field="cells",
                value=len(cells),
                remedy=f"give {len(header)}, as in the header; put commas in quotes",
            )
        fields: dict[str, Any] = {}
        for name, cell in zip(header, cells, strict=True):
            if cell != "":
                fields[name] = _typed(name, _clean(name, cell), self._types[name])
        return fields

    def _jsonl(self, text: TextIO) -> Iterator[tuple[int, Callable[[], dict[str, Any]]]]:
        for number, line in enumerate(text, start=1):
            if line.strip():
                yield number, lambda line=line: _json_object(line)

    def _refuse_unknown(self, fields: Mapping[str, Any]) -> None:
        for name, value in fields.items():
            if name not in self._types:
                remedy = nearest(name, self._types)
                raise InvalidRecord("unknown field", field=name, value=value, remedy=remedy)


def format_of(path: str) -> Format | None:
    """Format by the file's extension; None when it says nothing."""
    return _SUFFIXES.get(Path(path).suffix.lower())


def to_ms(name: str, value: object, unit: TimeUnit = TimeUnit.MS) -> int:
    """A moment in ms since the epoch, from a number of ``unit`` since then or from ISO 8601 (UTC
    unless it says so)."""
    from streams.core.kernel.clocks import UNIT_MS

    if isinstance(value, int) and not isinstance(value, bool):
        return value if unit is TimeUnit.MS else round(value * UNIT_MS[unit])
    text = str(value).strip()
    try:
        if re.fullmatch(r"-?\d+", text):
            return to_ms(name, int(text), unit)
        if unit is not TimeUnit.MS and re.fullmatch(r"-?\d+\.\d*", text):
            return round(float(text) * UNIT_MS[unit])
        moment = datetime.fromisoformat(text)
    except ValueError:
        raise InvalidRecord(
            "not a moment",
            field=name,
            value=value,
            remedy="use ISO 8601, such as 2026-01-31T12:00:00Z, or ms since the epoch",
        ) from None
    if moment.tzinfo is None:
        moment = moment.replace(tzinfo=UTC)
    return round(moment.timestamp() * 1000)


def refuse_unit(name: str, moment: int) -> None:
    """Raise InvalidRecord for ms that are plainly a number of another unit."""
    from streams.core.kernel.clocks import unit_of

    unit = unit_of(moment)
    if unit:
        raise InvalidRecord(
            f"looks like {unit}, not ms, since the epoch",
            field=name,
            value=moment,
            remedy=f"add --time-unit {unit}",
        )


def _typed(name: str, cell: str, type_: Any) -> Any:
    """A CSV cell as a value of the field's type: JSON for maps and lists."""
    if name in _MOMENTS:
        return cell
    try:
        if get_origin(type_) in (dict, tuple):
            return msgspec.json.decode(cell)
        return msgspec.convert(cell, type_, strict=False)
    except msgspec.ValidationError as error:
        raise InvalidRecord(
            "value cannot be used", field=name, value=cell, remedy=_lower(str(error))
        ) from error
    except msgspec.DecodeError as error:
        remedy = f"write JSON in quotes ({error})"
        raise InvalidRecord("not JSON", field=name, value=cell, remedy=remedy) from error


def _json_object(line: str) -> dict[str, Any]:
    _clean("line", line)
    try:
        value = msgspec.json.decode(line)
    except msgspec.DecodeError as error:
        raise InvalidRecord(
            f"not JSON: {error}", field="line", value=line.strip()[:80], remedy="correct the line"
        ) from error
    if not isinstance(value, dict):
        raise InvalidRecord(
            "not a JSON object",
            field="line",
            value=line.strip()[:80],
            remedy="write one object with the record's fields on each line",
        )
    return cast("dict[str, Any]", value)


def _clean(name: str, text: str) -> str:
    """``text``, when all of it was UTF-8; other bytes arrive as lone surrogates."""
    try:
        text.encode()
    except UnicodeEncodeError:
        shown = text.encode("utf-8", "surrogateescape")[:80]
        raise InvalidRecord(
            "not UTF-8", field=name, value=shown, remedy="save the file as UTF-8"
        ) from None
    return text


def _unfit(error: msgspec.ValidationError, fields: Mapping[str, Any]) -> InvalidRecord:
    """msgspec's words with the field they are about."""
    text = str(error)
    missing = re.search(r"missing required field `(\w+)`(?! - at)", text)
    if missing:
        return InvalidRecord("missing field", field=missing[1], remedy="add it")
    path = re.search(r"`\$\.(\w+)", text)
    field = path[1] if path else ""
    return InvalidRecord(
        "value cannot be used", field=field, value=fields.get(field), remedy=_lower(text)
    )


def at_line(line: int, error: InvalidRecord) -> InvalidRecord:
    """``error`` with the line that it is about."""
    return InvalidRecord(
        f"line {line}: {error.message}",
        field=error.field,
        value=error.value,
        remedy=error.remedy,
    )


def _raiser(error: InvalidRecord) -> Callable[[], dict[str, Any]]:
    def fail() -> dict[str, Any]:
        raise error

    return fail


def _lower(text: str) -> str:
    return text[:1].lower() + text[1:]
