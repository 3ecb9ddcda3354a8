"""Metrics decoded in columns: one read for all messages that one schema wrote.

A row takes the fast way only when it is certain to give what reading it alone would give; any
other row is read alone, and that reading decides. So a result never depends on the neighbours.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import polars as pl

from streams.core.kernel.batch import (
    KEY_SEPARATOR,
    FloatArray,
    IntArray,
    MetricBatch,
    series_key,
)
from streams.errors import InvalidRecord, UnknownName
from streams.records import Metric
from streams.wire.avro_lengths import exact_bodies
from streams.wire.body import MAX_VALUE_BYTES, BodyReader, Fields
from streams.wire.checks import LAST_TIMESTAMP, Checks
from streams.wire.container import Container, container
from streams.wire.frames import Frames
from streams.wire.framing import HEADER_SIZE
from streams.wire.registry import Schemas
from streams.wire.rejected import Problem, Raw, Rejected
from streams.wire.schemas import foreign_time_unit, schema_json

_FEW = 32
"""Rows that are as quickly read one by one as in columns."""


@dataclass(frozen=True, slots=True)
class DecodedMetrics:
    """A batch of metrics after decoding; both parts in the order of the batch."""

    batch: MetricBatch
    rejected: list[Rejected]


class MetricDecoder:
    """Decodes messages of the metrics topic; one instance per thread."""

    def __init__(self, schemas: Schemas, *, max_value_bytes: int = MAX_VALUE_BYTES) -> None:
        self._body = BodyReader(schemas, Metric, max_value_bytes=max_value_bytes)
        self._checks = Checks(Metric)
        self._containers: dict[int, Container | None] = {}

    def unknown_ids(self, raws: Iterable[Raw]) -> set[int]:
        """Schema ids to ``fetch`` before ``decode``; no I/O."""
        return self._body.unknown_ids(raws)

    def fetch(self, schema_ids: Iterable[int]) -> None:
        """Ask the registry; may block. Raises Unavailable: ask again later, skip nothing."""
        self._body.schemas.fetch(schema_ids)

    def decode(self, raws: Sequence[Raw]) -> DecodedMetrics:
        """Columns and rejections of messages of one partition, in ascending order of offset.

        Raises NotCached when ``unknown_ids`` were not fetched; then nothing was decided.
        """
        frames = Frames.of(raws, self._body.max_value_bytes)
        parts: list[_Part] = []
        alone = np.ones(len(raws), np.bool_)
        for schema_id, rows in frames.groups():
            for read, frame in self._frames_of(frames, schema_id, rows):
                part = _good_part(raws, read, frame)
                alone[part.rows] = False
                parts.append(part)
        part, rejected = self._one_by_one(raws, np.flatnonzero(alone))
        if len(part.rows) or not parts:
            parts.append(part)
        return DecodedMetrics(_batch(raws, _merged(parts)), rejected)

    def _frames_of(
        self, frames: Frames, schema_id: int, rows: IntArray
    ) -> Iterator[tuple[IntArray, pl.DataFrame]]:
        """Rows that can be read in columns, and their columns."""
        plan = self._container(schema_id)
        if plan is None:
            return
        starts, ends = frames.starts[rows] + HEADER_SIZE, frames.ends[rows]
        rows = rows[exact_bodies(frames.data, starts, ends, plan.shapes)]
        if len(rows):
            yield from _read(plan, frames, rows)

    def _container(self, schema_id: int) -> Container | None:
        if schema_id not in self._containers:
            try:
                writer = self._body.schemas.schema_of(schema_id)
            except (UnknownName, InvalidRecord):
                return None
            unit = foreign_time_unit(writer, schema_json(Metric))
            self._containers[schema_id] = None if unit else container(writer)
        return self._containers[schema_id]

    def _one_by_one(self, raws: Sequence[Raw], rows: IntArray) -> tuple[_Part, list[Rejected]]:
        good: list[int] = []
        records: list[Fields] = []
        rejected: list[Rejected] = []
        for row, raw in zip(_ints(rows), _of(raws, rows), strict=True):
            fields = self._body.read(raw.value)
            problem = (
                fields if isinstance(fields, Problem) else self._checks.problem(fields, raw.key)
            )
            if problem is not None:
                rejected.append(Rejected(raw, problem.reason, problem.detail))
            elif not isinstance(fields, Problem):
                good.append(row)
                records.append(fields)
        return _part_of(good, records), rejected


@dataclass(frozen=True, slots=True)
class _Part:
    """Good metrics as columns, with their rows in the batch, ascending."""

    rows: IntArray
    timestamps: IntArray
    values: FloatArray
    keys: list[str]
    entity_types: pl.Series
    correlation_ids: pl.Series


def _read(
    plan: Container, frames: Frames, rows: IntArray
) -> Iterator[tuple[IntArray, pl.DataFrame]]:
    """Rows in columns; around one that columns cannot show, as few as possible are left out."""
    frame = plan.read(len(rows), frames.data_of(rows))
    if frame is not None:
        yield rows, frame
    elif len(rows) > _FEW:
        for half in np.array_split(rows, 2):
            yield from _read(plan, frames, half)


def _good_part(raws: Sequence[Raw], rows: IntArray, frame: pl.DataFrame) -> _Part:
    """The rows of a frame that break no rule."""
    entities, names = frame["entity_id"], frame["name"]
    keys: list[str] = (entities + KEY_SEPARATOR + names).to_list()
    timestamps, values = frame["timestamp"].to_numpy(), frame["value"].to_numpy()
    good = np.isfinite(values) & (timestamps >= 1) & (timestamps <= LAST_TIMESTAMP)
    good &= ((entities != "") & (names != "")).to_numpy()
    sent = pl.Series([raw.key or b"" for raw in _of(raws, rows)], dtype=pl.Binary)
    good &= (sent == entities.cast(pl.Binary)).to_numpy()
    if "".join(keys).count(KEY_SEPARATOR) != len(keys):  # one of them has more than its own
        good &= np.array([key.count(KEY_SEPARATOR) == 1 for key in keys])
    part = _Part(rows, timestamps, values, keys, frame["entity_type"], frame["correlation_id"])
    return part if good.all() else _picked(part, np.flatnonzero(good))


def _of(raws: Sequence[Raw], rows: IntArray) -> Sequence[Raw]:
    return raws if len(rows) == len(raws) else [raws[row] for row in _ints(rows)]


def _part_of(rows: list[int], records: list[Fields]) -> _Part:
    return _Part(
        rows=np.array(rows, np.int64),
        timestamps=np.array([fields["timestamp"] for fields in records], np.int64),
        values=np.array([fields["value"] for fields in records], np.float64),
        keys=[series_key(fields["entity_id"], fields["name"]) for fields in records],
        entity_types=_texts([fields["entity_type"] for fields in records]),
        correlation_ids=_texts([fields["correlation_id"] for fields in records]),
    )


def _picked(part: _Part, order: IntArray) -> _Part:
    """The given rows of a part, in the given order."""
    return _Part(
        part.rows[order],
        part.timestamps[order],
        part.values[order],
        [part.keys[row] for row in _ints(order)],
        part.entity_types[order],
        part.correlation_ids[order],
    )


def _merged(parts: list[_Part]) -> _Part:
    """All parts as one, in the order of the batch."""
    if len(parts) == 1:
        return parts[0]
    joined = _Part(
        np.concatenate([part.rows for part in parts]),
        np.concatenate([part.timestamps for part in parts]),
        np.concatenate([part.values for part in parts]),
        [key for part in parts for key in part.keys],
        pl.concat([part.entity_types for part in parts]),
        pl.concat([part.correlation_ids for part in parts]),
    )
    return _picked(joined, np.argsort(joined.rows, kind="stable"))


def _batch(raws: Sequence[Raw], part: _Part) -> MetricBatch:
    good = _of(raws, part.rows)
    return MetricBatch(
        offsets=np.array([raw.offset for raw in good], np.int64),
        timestamps=part.timestamps,
        values=part.values,
        keys=part.keys,
        entity_types=part.entity_types,
        correlation_ids=part.correlation_ids,
        written=np.array([raw.timestamp for raw in good], np.int64),
    )


def _texts(texts: list[str]) -> pl.Series:
    return pl.Series(texts, dtype=pl.String)


def _ints(rows: IntArray) -> list[int]:
    return rows.tolist()
