"""One recorded series from a CSV file: a column of times and a column of values."""

from __future__ import annotations

import csv
import math
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TextIO

import numpy as np

from streams.cli.rows import TimeUnit, refuse_unit, to_ms
from streams.core.kernel.batch import FloatArray, IntArray
from streams.errors import ConfigError, InvalidRecord

SECONDS_BELOW = 1e11
"""Numbers nearer to 0 are seconds since the epoch, others milliseconds: as seconds this is the
year 5138, as milliseconds it is March 1973."""
_FEW_REPEATS = 0.05
"""Share of readings at the time of another above which a file holds several series."""
_MOST_NAMED = 10
MOST_MS = 2**53
"""Farther from the epoch is no time."""


@dataclass(frozen=True, slots=True)
class Columns:
    """Names of the two columns that make a series."""

    time: str = "timestamp"
    value: str = "value"
    where: tuple[str, str] | None = None
    """A column and what it is to say: lines that say something else are passed over."""
    unit: TimeUnit | None = None
    """What numbers count that are times; None for seconds or ms, whichever is near."""


@dataclass(frozen=True, slots=True, eq=False)
class Series:
    """Readings in the order of their times, each once; arrays of equal length."""

    timestamps: IntArray
    """Event times, ms."""
    values: FloatArray
    """Finite."""
    notices: tuple[str, ...] = ()
    """What was done to the file's readings to make a series of them."""

    def __len__(self) -> int:
        return self.values.size


def read_series(path: Path, columns: Columns | None = None, limit: int | None = None) -> Series:
    """Read a CSV file with a header; other columns and blank lines are passed over.

    Times are ISO 8601 (UTC unless they say so), or seconds or ms since the epoch. Readings are put
    in order; of those at one time the first counts. ``limit`` ends the file after so many. Raises
    ConfigError when the file cannot be read or has no reading, and InvalidRecord, which names
    file, line, column and value, for what cannot be used.
    """
    columns = columns or Columns()
    timestamps: list[int] = []
    values: list[float] = []
    try:
        with path.open(encoding="utf-8-sig", errors="replace", newline="") as file:
            for place, time, value in _cells(path, file, columns):
                timestamps.append(_moment(place, columns.time, time, columns.unit))
                values.append(_number(place, columns.value, value))
                if len(values) == limit:
                    break
    except OSError as error:
        raise ConfigError(
            f"file cannot be read: {error.strerror}",
            field="FILE",
            value=str(path),
            remedy="name a readable CSV file",
        ) from error
    if not values:
        raise ConfigError(
            "the file has no readings",
            field="FILE",
            value=str(path),
            remedy="give a header with a column of times and one of values, and lines below it",
        )
    return _ordered(path, np.array(timestamps, np.int64), np.array(values, np.float64))


def _ordered(path: Path, timestamps: IntArray, values: FloatArray) -> Series:
    """In the order of time, each time once. Raises ConfigError where times repeat so often that
    the file must hold several series."""
    times, first = np.unique(timestamps, return_index=True)
    repeated = timestamps.size - times.size
    if repeated > _FEW_REPEATS * timestamps.size:
        raise ConfigError(
            f"{repeated} of {timestamps.size} readings repeat a time: several series in one file?",
            field="FILE",
            value=str(path),
            remedy="add --where COLUMN=VALUE to tell them apart, or split the file",
        )
    notices: list[str] = []
    if (np.diff(timestamps) < 0).any():
        notices.append("readings were not in the order of time and are sorted")
    if repeated:
        notices.append(f"{repeated} readings repeat a time; the first of each counts")
    return Series(times, values[first], tuple(notices))


def _cells(path: Path, text: TextIO, columns: Columns) -> Iterator[tuple[str, str, str]]:
    """Of each line the place, for messages, and the cells of time and value."""
    lines = csv.reader(text, strict=True)
    try:
        header = [name.strip() for name in next(lines, [])]
        time = _position(path, header, columns.time, "--time-column")
        value = _position(path, header, columns.value, "--value-column")
        column, wanted = columns.where or ("", "")
        kept = _position(path, header, column, "--where") if columns.where else None
        found: Counter[str] = Counter()
        for cells in lines:
            place = f"{path}, line {lines.line_num}"
            if cells and len(cells) != len(header):
                raise InvalidRecord(
                    f"{place}: wrong number of cells",
                    field="cells",
                    value=len(cells),
                    remedy=f"give {len(header)}, as in the header; put commas in quotes",
                )
            if not cells:
                continue
            said = "" if kept is None else cells[kept].strip()
            found[said] += 1
            if said == wanted:
                yield place, cells[time].strip(), cells[value].strip()
        if columns.where and not found[wanted]:
            names = ", ".join(sorted(found)[:_MOST_NAMED])
            raise InvalidRecord(
                f"{path}: no line says so", field="--where", value=f"{column}={wanted}",
                remedy=f"use one of: {names}",
            )  # fmt: skip
    except csv.Error as error:
        raise InvalidRecord(
            f"{path}, line {lines.line_num}: not CSV: {error}", remedy="correct the line"
        ) from error


def _position(path: Path, header: list[str], name: str, option: str) -> int:
    found = header.count(name)
    if found == 1:
        return header.index(name)
    problem, remedy = "the column stands twice", "remove one of them"
    if not found:
        problem, remedy = "no such column", f"give {option} one of: {', '.join(header)}"
    raise InvalidRecord(f"{path}, line 1: {problem}", field=option, value=name, remedy=remedy)


def _moment(place: str, column: str, cell: str, unit: TimeUnit | None) -> int:
    """ms since the epoch."""
    try:
        moment = _any_moment(place, column, cell) if unit is None else to_ms(column, cell, unit)
        refuse_unit(column, moment)
    except InvalidRecord as error:
        if error.message.startswith(place):
            raise
        raise InvalidRecord(
            f"{place}: {error.message}", field=column, value=cell, remedy=error.remedy
        ) from None
    return moment


def _any_moment(place: str, column: str, cell: str) -> int:
    number = _float(cell)
    if number is None:
        try:
            return to_ms(column, cell)
        except InvalidRecord as error:
            raise InvalidRecord(
                f"{place}: {error.message}",
                field=column,
                value=cell,
                remedy="use ISO 8601, such as 2026-01-31T12:00:00Z, or seconds or ms since the "
                "epoch",
            ) from None
    if not abs(number) < MOST_MS:
        raise InvalidRecord(
            f"{place}: not a moment",
            field=column,
            value=cell,
            remedy="use seconds or ms since the epoch, or ISO 8601",
        )
    return round(number * 1000 if abs(number) < SECONDS_BELOW else number)


def _number(place: str, column: str, cell: str) -> float:
    number = _float(cell)
    if number is None or not math.isfinite(number):
        raise InvalidRecord(
            f"{place}: not a finite number",
            field=column,
            value=cell,
            remedy="correct the value or remove the line",
        )
    return number


def _float(cell: str) -> float | None:
    try:
        return float(cell)
    except ValueError:
        return None
