"""What was recorded of the inputs and of the decisions, by partition, ready to be replayed."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import closing
from pathlib import Path
from typing import Any

import msgspec
import numpy as np

from streams.core.kernel.batch import MetricBatch, Positioned, series_key
from streams.core.partition import METRICS
from streams.core.replay.tape import Recorded, metrics_tape, records_tape
from streams.errors import ConfigError, InvalidRecord
from streams.records import Decision, Metric, Record
from streams.runtime.kafka import APPLY, Reader, Received
from streams.wire.columns import MetricDecoder
from streams.wire.decode import RecordDecoder
from streams.wire.registry import Registry, Schemas
from streams.wire.topology import INPUTS, RECORD_OF, Topology

DECISIONS = "decisions"
TOPICS = (DECISIONS, *INPUTS)
"""Logical topics that a replay needs; decisions first, so that no input is newer than they."""


class _Line(msgspec.Struct):
    """A line of ``goalstream consume``; one without a record could not be decoded."""

    topic: str
    partition: int
    offset: int
    record: msgspec.Raw = msgspec.Raw()
    written_at: int | None = None


class Part:
    """Collects the records of one partition, each source in the order of its offsets."""

    def __init__(self) -> None:
        self._records: dict[str, list[Positioned]] = {}
        self._offsets: list[int] = []
        self._timestamps: list[int] = []
        self._values: list[float] = []
        self._texts: tuple[list[str], list[str], list[str]] = ([], [], [])
        """Of metrics: series key, entity type, correlation id."""
        self._known: dict[str, str] = {}
        self._written: dict[str, list[int]] = {}

    def add(self, source: str, item: Positioned, written_at: int) -> None:
        """``written_at``: ms; 0 or less where it is not known."""
        record = item.record
        if isinstance(record, Metric):
            self._offsets.append(item.offset)
            self._timestamps.append(record.timestamp)
            self._values.append(record.value)
            key = series_key(record.entity_id, record.name)
            self._add_texts(key, record.entity_type, record.correlation_id)
        else:
            self._records.setdefault(source, []).append(item)
        self._written.setdefault(source, []).append(written_at)

    def add_metrics(self, batch: MetricBatch, written_at: Iterable[int]) -> None:
        """Metrics as columns."""
        self._offsets += batch.offsets.tolist()
        self._timestamps += batch.timestamps.tolist()
        self._values += batch.values.tolist()
        for row, key in enumerate(batch.keys):
            self._add_texts(key, batch.entity_types[row], batch.correlation_ids[row])
        self._written.setdefault(METRICS, []).extend(written_at)

    def count(self, source: str) -> int:
        """Records of a source."""
        return len(self._written.get(source, ()))

    def recorded(self, number: int) -> Recorded:
        """Everything, in order of time of writing; of event time unless all of those are known."""
        known = all(min(times) > 0 for times in self._written.values())
        written = self._written if known else {}
        found = Recorded(number)
        if self._offsets:
            found.tapes[METRICS] = metrics_tape(self._metrics(), written.get(METRICS))
        for source, records in self._records.items():
            if source == DECISIONS:
                found.decisions = [x.record for x in records if isinstance(x.record, Decision)]
            else:
                found.tapes[source] = records_tape(source, records, written.get(source))
        return found

    def _metrics(self) -> MetricBatch:
        keys, types, correlations = self._texts
        return MetricBatch(
            np.array(self._offsets, np.int64),
            np.array(self._timestamps, np.int64),
            np.array(self._values, np.float64),
            keys,
            types,
            correlations,
        )

    def _add_texts(self, *texts: str) -> None:
        # Millions of rows share few texts; one copy of each is kept.
        for column, text in zip(self._texts, texts, strict=True):
            column.append(self._known.setdefault(text, text))


class Recordings:
    """All partitions."""

    def __init__(self) -> None:
        self._parts: dict[int, Part] = {}
        self.begins: dict[str, dict[int, int]] = {}
        """Source -> partition -> offset of the oldest record that is still there, where records
        before it are gone."""

    def part(self, number: int) -> Part:
        return self._parts.setdefault(number, Part())

    def counts(self) -> dict[str, int]:
        """Records by topic."""
        return {topic: sum(part.count(topic) for part in self._parts.values()) for topic in TOPICS}

    def partitions(self) -> list[Recorded]:
        """By partition number."""
        return [self._parts[number].recorded(number) for number in sorted(self._parts)]


class Decoding:
    """Puts messages of the topics into recordings. What cannot be decoded is passed over: the
    engine did not apply it either."""

    def __init__(self, schemas: Callable[[str], Schemas], into: Recordings) -> None:
        """``schemas`` gives those of a logical topic."""
        self._into = into
        self._metrics = MetricDecoder(schemas(METRICS))
        self._records = {
            topic: RecordDecoder(schemas(topic), RECORD_OF[topic])
            for topic in TOPICS
            if topic != METRICS
        }

    def add(self, topic: str, partition: int, messages: Sequence[Received]) -> None:
        """Messages of one partition of a logical topic, in the order of their offsets."""
        decoder = self._metrics if topic == METRICS else self._records[topic]
        decoder.fetch(decoder.unknown_ids(messages))
        part = self._into.part(partition)
        written = {message.offset: message.timestamp for message in messages}
        if isinstance(decoder, MetricDecoder):
            batch = decoder.decode(messages).batch
            part.add_metrics(batch, [written[offset] for offset in batch.offsets.tolist()])
        else:
            for item in decoder.decode(messages).records:
                part.add(topic, item, written[item.offset])


def from_kafka(client: Mapping[str, Any], topology: Topology, registry: Registry) -> Recordings:
    """Each topic from its oldest record to where it ended when its turn came.

    ``client``: settings of a librdkafka client. Raises Unavailable or UnknownName.
    """
    found = Recordings()
    decoding = Decoding(lambda topic: registry.under(topology.topic(topic).subject), found)
    # Records that are gone before they are read are no recording to compare with.
    group = f"{topology.prefix}operator-replay"
    with closing(Reader(client, group, reset="error")) as reader:
        for topic in TOPICS:
            name = topology.kafka_name(topic)
            bounds = reader.bounds(name, f"{APPLY}, or correct topics.prefix")
            found.begins[topic] = {number: begin for number, (begin, _) in bounds.items() if begin}
            for partition, messages in reader.between(name, bounds):
                decoding.add(topic, partition, messages)
    return found


def from_files(paths: Sequence[Path], topology: Topology) -> Recordings:
    """Lines as ``goalstream consume`` prints them, of any topics and partitions, mixed as they
    are; each partition of a topic in the order of its offsets.

    Raises ConfigError for a file that cannot be read, InvalidRecord for a line that cannot be.
    """
    found = Recordings()
    last: dict[tuple[str, int], int] = {}
    for path in paths:
        try:
            with path.open("rb") as lines:
                for number, line in enumerate(lines, 1):
                    if line.strip():
                        _add_line(found, topology, f"{path}:{number}", line, last)
        except OSError as error:
            raise ConfigError(
                f"file cannot be read: {error.strerror}",
                field="FILE",
                value=str(path),
                remedy="name a readable file of JSON lines, as goalstream consume prints them",
            ) from error
    return found


def _add_line(
    into: Recordings,
    topology: Topology,
    place: str,
    text: bytes,
    last: dict[tuple[str, int], int],
) -> None:
    line = _read(place, text, _Line)
    spec = topology.find(line.topic)
    if spec is None or spec.logical not in TOPICS or not bytes(line.record):
        return
    topic = spec.logical
    before = last.get((topic, line.partition))
    if before is not None and line.offset <= before:
        raise InvalidRecord(
            "not in the order of the topic",
            field=place,
            value=f"offset {line.offset} behind {before}",
            remedy="give the lines of a partition in ascending order of offset, each once",
        )
    if before is None and line.offset:
        into.begins.setdefault(topic, {})[line.partition] = line.offset
    last[topic, line.partition] = line.offset
    record: Record = _read(place, bytes(line.record), RECORD_OF[topic])
    item = Positioned(line.offset, record)
    into.part(line.partition).add(topic, item, line.written_at or 0)


def _read(place: str, text: bytes, type_: type[Any]) -> Any:
    try:
        return msgspec.json.decode(text, type=type_)
    except msgspec.MsgspecError as error:
        raise InvalidRecord(
            f"not a line of a recorded topic: {error}",
            field=place,
            value=text[:80].decode(errors="replace").strip(),
            remedy="give lines as 'goalstream consume TOPIC --from beginning' prints them",
        ) from error
