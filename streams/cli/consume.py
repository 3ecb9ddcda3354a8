"""``goalstream consume``: records of a topic as JSON lines."""

from __future__ import annotations

import base64
import sys
import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import closing, suppress
from enum import StrEnum
from typing import TYPE_CHECKING, Annotated, Any

import msgspec
import typer

from streams.cli.state import CliState
from streams.errors import nearest
from streams.records import Record

if TYPE_CHECKING:
    from streams.runtime.kafka import Reader, Received
    from streams.wire.registry import Schemas

_POLL_SECONDS = 0.2


class Start(StrEnum):
    BEGINNING = "beginning"
    END = "end"


def consume(
    ctx: typer.Context,
    topic: Annotated[str, typer.Argument(help="Logical or Kafka name of a topic.")],
    start: Annotated[Start, typer.Option("--from", help="Where to start.")] = Start.END,
    maximum: Annotated[
        int | None, typer.Option("--max", min=1, help="Stop after so many records.")
    ] = None,
    timeout: Annotated[
        float | None, typer.Option(min=0.1, help="Stop after so many seconds without a record.")
    ] = None,
    key: Annotated[str | None, typer.Option(help="Only records with this key.")] = None,
) -> None:
    """Print records as JSON lines until interrupted.

    What cannot be decoded is printed too, with the reason and the bytes in base64.
    """
    from streams.runtime.connect import opened_registry, topology_of
    from streams.runtime.kafka import APPLY, Reader
    from streams.wire.registry import subject_name

    state: CliState = ctx.obj
    settings = state.settings()
    topology = topology_of(settings)
    spec = topology.find(topic)
    name = spec.name if spec else topic
    remedy = f"{APPLY}, or {nearest(topic, [each.logical for each in topology.topics])}"
    reader = Reader(settings.librdkafka(), f"{topology.prefix}operator-consume")
    with opened_registry(settings) as registry, closing(reader), suppress(KeyboardInterrupt):
        lines = Lines(registry.under(subject_name(name)), spec.record_type if spec else None)
        # The end is asked for now, so that no record written from here on is missed.
        bounds = reader.bounds(name, remedy)
        reader.assign(
            {
                (name, number): end if start is Start.END else begin
                for number, (begin, end) in bounds.items()
            }
        )
        for messages in selected(_batches(reader, timeout, time.monotonic), key, maximum):
            for line in lines.of(messages):
                sys.stdout.write(line + "\n")
            sys.stdout.flush()


def _batches(
    reader: Reader, timeout: float | None, clock: Callable[[], float]
) -> Iterator[list[Received]]:
    """Batches of messages until none came for ``timeout`` seconds; for ever when None."""
    last = clock()
    while timeout is None or clock() - last < timeout:
        if received := reader.poll(_POLL_SECONDS):
            yield received
            last = clock()


def selected(
    batches: Iterable[list[Received]], key: str | None, maximum: int | None
) -> Iterator[list[Received]]:
    """The messages with this key, at most so many; None for all."""
    left = maximum
    for batch in batches:
        wanted = [message for message in batch if key is None or message.key == key.encode()]
        yield wanted[:left]
        if left is not None:
            left -= len(wanted[:left])
            if not left:
                return


class Lines:
    """Makes JSON lines of messages."""

    def __init__(self, schemas: Schemas, record_type: type[Record] | None) -> None:
        from streams.runtime.kafka import MAX_VALUE_BYTES
        from streams.wire.decode import RecordDecoder

        self._decoder = (
            RecordDecoder(schemas, record_type, max_value_bytes=MAX_VALUE_BYTES)
            if record_type
            else None
        )

    def of(self, messages: Sequence[Received]) -> Iterator[str]:
        """One line a message, in order. Raises Unavailable while the registry is away."""
        if self._decoder is None:
            for message in messages:
                yield _line(message, _raw(message, "no_schema", "no record type is declared"))
            return
        self._decoder.fetch(self._decoder.unknown_ids(messages))
        for message in messages:
            decoded = self._decoder.decode([message])
            for found in decoded.records:
                yield _line(message, {"record": msgspec.to_builtins(found.record)})
            for rejected in decoded.rejected:
                yield _line(message, _raw(message, rejected.reason, rejected.detail))


def _line(message: Received, content: Mapping[str, Any]) -> str:
    head = {
        "topic": message.topic,
        "partition": message.partition,
        "offset": message.offset,
        "key": None if message.key is None else message.key.decode(errors="backslashreplace"),
    }
    if message.timestamp > 0:
        head["written_at"] = message.timestamp
    return msgspec.json.encode({**head, **content}).decode()


def _raw(message: Received, reason: str, detail: str) -> dict[str, Any]:
    value = None if message.value is None else base64.b64encode(message.value).decode()
    return {"reason": reason, "detail": detail, "value_base64": value}
