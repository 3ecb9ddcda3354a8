"""``goalstream produce``: records from a file or a pipe to a topic."""

from __future__ import annotations

import io
import sys
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from enum import StrEnum
from functools import partial
from pathlib import Path
from typing import Annotated, BinaryIO

import typer
from rich.console import Console
from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn

from streams.cli.rows import Format, Row, RowReader, TimeUnit, at_line, format_of
from streams.cli.state import CliState, complain
from streams.errors import ConfigError, InvalidRecord
from streams.records import Record


class Kind(StrEnum):
    METRICS = "metrics"
    EVENTS = "events"
    ACTIONS = "actions"
    GOALS = "goals"
    COMMANDS = "commands"


class OnError(StrEnum):
    STOP = "stop"
    SKIP = "skip"


def produce(
    ctx: typer.Context,
    kind: Annotated[Kind, typer.Argument(help="What the file holds.")],
    file: Annotated[str, typer.Argument(metavar="FILE", help="CSV or JSON lines; - for stdin.")],
    format_: Annotated[
        Format | None, typer.Option("--format", help="Instead of the file's extension.")
    ] = None,
    on_error: Annotated[
        OnError, typer.Option(help="At a line that cannot be used: stop there, or skip it.")
    ] = OnError.STOP,
    time_unit: Annotated[
        TimeUnit, typer.Option(help="What numbers count that are times, since the epoch.")
    ] = TimeUnit.MS,
    rate: Annotated[
        float | None,
        typer.Option(min=0.001, help="Records a second; as fast as possible if absent."),
    ] = None,
) -> None:
    """Send records; columns or keys are the record's fields.

    Times are ISO 8601 or ms since the epoch, unless --time-unit says otherwise. Ids and times of
    events, actions, goals and commands may be left out. Maps and lists in CSV are JSON.
    """
    from streams.runtime.connect import opened_registry, topology_of
    from streams.runtime.kafka import Sender
    from streams.wire.topology import RECORD_OF

    state: CliState = ctx.obj
    chosen = _format(file, format_)
    settings = state.settings()
    topology, topic = topology_of(settings), kind.value
    with _source(file) as binary, opened_registry(settings) as registry:
        sender = Sender(settings.librdkafka(), topology, registry, [topic])
        sender.prepare()
        reader = RowReader(RECORD_OF[topic], state.now, state.new_id, time_unit)
        text = io.TextIOWrapper(binary, "utf-8-sig", errors="surrogateescape", newline="")
        rows = _with_progress(reader.rows(text, chosen), binary, file)
        pace = RateLimit(rate, time.monotonic, sender.wait) if rate else None
        stopped, skipped = False, 0
        try:
            skipped = send_rows(rows, partial(sender.send, topic), on_error, pace)
        except InvalidRecord as error:
            complain(error)
            stopped = True
        finally:
            # Whatever was handed over before a bad line is delivered and counted.
            sender.finish()
        name = topology.kafka_name(topic)
        typer.echo(f"{sender.sent[topic]} {topic} sent to {name}", err=True)
    if skipped:
        typer.echo(f"{skipped} lines skipped", err=True)
    if stopped:
        raise typer.Exit(1)


def send_rows(
    rows: Iterable[Row[Record]],
    send: Callable[[Record], None],
    on_error: OnError,
    pace: RateLimit | None = None,
) -> int:
    """Send the records of ``rows``; the number of lines skipped.

    With OnError.STOP the first bad line raises its InvalidRecord; the lines before it are sent.
    """
    skipped = 0
    for row in rows:
        if pace and row.record is not None:
            pace.keep()
        error = _send(row, send)
        if error is not None:
            if on_error is OnError.STOP:
                raise error
            complain(error)
            skipped += 1
    return skipped


def _send(row: Row[Record], send: Callable[[Record], None]) -> InvalidRecord | None:
    """Send the row's record; why not, when it cannot be sent."""
    if row.record is None:
        return row.error
    try:
        send(row.record)
    except InvalidRecord as error:
        return at_line(row.line, error)
    return None


class RateLimit:
    """Keeps an even rate: record n leaves at n / rate seconds after the first."""

    def __init__(
        self, rate: float, clock: Callable[[], float], wait: Callable[[float], None]
    ) -> None:
        self._interval = 1 / rate
        self._clock = clock
        self._wait = wait
        self._due: float | None = None

    def keep(self) -> None:
        """Wait until the next record is due."""
        now = self._clock()
        due = now if self._due is None else self._due
        while now < due:
            self._wait(due - now)
            now = self._clock()
        self._due = due + self._interval


def _format(file: str, chosen: Format | None) -> Format:
    found = chosen or format_of(file)
    if found is None:
        raise ConfigError(
            "format is not known",
            field="--format",
            value=None,
            remedy="add --format csv or --format jsonl",
        )
    return found


@contextmanager
def _source(file: str) -> Iterator[BinaryIO]:
    if file == "-":
        yield sys.stdin.buffer
        return
    try:
        binary = Path(file).open("rb")  # noqa: SIM115 - closed below
    except OSError as error:
        raise ConfigError(
            f"file cannot be read: {error.strerror}",
            field="FILE",
            value=file,
            remedy="name a readable file, or - for stdin",
        ) from error
    with binary:
        yield binary


def _with_progress(
    rows: Iterator[Row[Record]], binary: BinaryIO, file: str
) -> Iterator[Row[Record]]:
    """``rows`` with a bar on stderr, when that is a terminal; its length is the file's."""
    console = Console(stderr=True)
    if not console.is_terminal:
        yield from rows
        return
    size = None if file == "-" else Path(file).stat().st_size
    columns = (TextColumn(file), BarColumn(), TextColumn("{task.fields[count]} records"))
    with Progress(*columns, TimeElapsedColumn(), console=console, transient=True) as progress:
        task = progress.add_task("", total=size, count=0)
        for count, row in enumerate(rows, start=1):
            yield row
            done = binary.tell() if size is not None else count
            progress.update(task, completed=done, count=count)
