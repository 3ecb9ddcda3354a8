"""``goalstream replay``: decide again from recorded topics, and compare with what was decided."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import msgspec
import typer
from rich.markup import escape
from rich.table import Table

from streams.cli.rows import to_ms
from streams.cli.state import CliState, check_writable, stdout
from streams.records import Decision

if TYPE_CHECKING:
    from streams.cli.recordings import Recordings
    from streams.core.replay.compare import Comparison, DecisionDiff
    from streams.settings import Settings

_TOLD = ("chosen", "mode", "reason", "expected_effect", "measured_effect", "reward")
"""Fields of which both values are shown."""
_WIDTH = 60


def replay(
    ctx: typer.Context,
    files: Annotated[
        list[Path] | None,
        typer.Argument(
            metavar="FILE...",
            help="Recorded topics as JSON lines, as 'goalstream consume' prints them: all inputs "
            "and the decisions. The topics on the broker if absent.",
        ),
    ] = None,
    since: Annotated[
        str | None,
        typer.Option("--from", metavar="TIME", help="Compare decisions from this event time on."),
    ] = None,
    until: Annotated[
        str | None,
        typer.Option("--to", metavar="TIME", help="Compare decisions before this event time."),
    ] = None,
    show: Annotated[int, typer.Option(min=0, help="Print so many differences.")] = 20,
    strict: Annotated[bool, typer.Option(help="End with code 1 when anything differs.")] = False,
    json_file: Annotated[
        Path | None, typer.Option("--json", metavar="FILE", help="Write all differences there.")
    ] = None,
) -> None:
    """Feed recorded topics to the core and compare its decisions with those recorded.

    With the settings that were in force, decisions are the same, byte for byte. With others, what
    would have been decided otherwise is listed; actions, outcomes and metrics stay those recorded.
    The topics are read from their beginning, whatever --from says: state grows from all of them.
    While an engine writes, give --to. Times are ISO 8601 or ms since the epoch.
    """
    from streams.core.replay.compare import Comparison, Window, compare
    from streams.core.replay.compare import replay as decide_again
    from streams.runtime.catalogue import core_config
    from streams.runtime.handlers import load_handlers
    from streams.runtime.logs import configure_logging

    state: CliState = ctx.obj
    settings = state.settings()
    configure_logging("ERROR", json_lines=False)
    window = Window(
        None if since is None else to_ms("--from", since),
        None if until is None else to_ms("--to", until),
    )
    check_writable(json_file, "--json")
    config = core_config(settings, load_handlers(settings.worker.handlers))
    found = _recordings(files or (), settings)
    total = Comparison()
    for recorded in found.partitions():
        total.add(compare(recorded.decisions, decide_again(recorded, config), window))
    _print(found, total, show)
    if json_file is not None:
        json_file.write_bytes(msgspec.json.format(msgspec.json.encode(_figures(total))) + b"\n")
    if strict and not total.is_same:
        raise typer.Exit(1)


def _recordings(files: Sequence[Path], settings: Settings) -> Recordings:
    from streams.cli.recordings import from_files, from_kafka
    from streams.runtime.connect import opened_registry, topology_of

    topology = topology_of(settings)
    if files:
        return from_files(files, topology)
    with opened_registry(settings) as registry:
        return from_kafka(settings.librdkafka(), topology, registry)


def _print(found: Recordings, total: Comparison, show: int) -> None:
    for topic, begins in found.begins.items():
        for partition, offset in begins.items():
            typer.echo(
                f"warning: {topic}, partition {partition} begins at offset {offset}: what came "
                "before is not known, and decisions may differ for that",
                err=True,
            )
    if total.recorded or total.extra:
        stdout().print(_table(total))
    for line in islice(_lines(total), show):
        typer.echo(line)
    counts = ", ".join(f"{count} {topic}" for topic, count in found.counts().items() if count)
    typer.echo(f"read {counts or 'nothing'}")
    recorded = sum(total.recorded.values())
    differing = len(total.changed) + len(total.missing) + len(total.extra)
    verdict = "the same, byte for byte" if total.is_same else f"{differing} differ"
    typer.echo(f"{recorded} decisions compared: {verdict}")


def _table(total: Comparison) -> Table:
    table = Table(title="Decisions")
    table.add_column("kind")
    for head in ("recorded", "same", "changed", "missing", "extra"):
        table.add_column(head, justify="right")
    changed = Counter(change.recorded.kind for change in total.changed)
    missing = Counter(decision.kind for decision in total.missing)
    extra = Counter(decision.kind for decision in total.extra)
    for kind in sorted(total.recorded.keys() | extra.keys()):
        same = total.recorded[kind] - changed[kind] - missing[kind]
        numbers = (total.recorded[kind], same, changed[kind], missing[kind], extra[kind])
        table.add_row(escape(kind), *map(str, numbers))
    return table


def _lines(total: Comparison) -> Iterator[str]:
    """Differences as text, in the order of event time."""
    items: list[tuple[int, str]] = []
    items += [(each.recorded.timestamp, _changed(each)) for each in total.changed]
    items += [(each.timestamp, _alone("missing", each)) for each in total.missing]
    items += [(each.timestamp, _alone("extra", each)) for each in total.extra]
    return (line for _, line in sorted(items))


def _changed(change: DecisionDiff) -> str:
    told = [name for name in change.fields if name in _TOLD]
    parts = [
        f"{name} {_value(change.recorded, name)} -> {_value(change.replayed, name)}"
        for name in told
    ]
    if rest := [name for name in change.fields if name not in told]:
        parts.append(f"other {', '.join(rest)}")
    return f"{_head('changed', change.recorded)}: {'; '.join(parts)}"


def _alone(what: str, decision: Decision) -> str:
    return f"{_head(what, decision)}: {_value(decision, 'chosen')}, {_value(decision, 'reason')}"


def _head(what: str, decision: Decision) -> str:
    at = datetime.fromtimestamp(decision.timestamp / 1000, UTC)
    moment = at.isoformat(timespec="milliseconds").replace("+00:00", "Z")
    return f"{moment} {what} {decision.kind} of {decision.entity_id}"


def _value(decision: Decision, name: str) -> str:
    value = getattr(decision, name)
    text = "nothing" if value in (None, "") else str(value)
    return text if len(text) <= _WIDTH else f"{text[: _WIDTH - 1]}…"


def _figures(total: Comparison) -> dict[str, Any]:
    return {
        "recorded": dict(total.recorded),
        "same": total.same,
        "changed": [
            {"fields": each.fields, "recorded": each.recorded, "replayed": each.replayed}
            for each in total.changed
        ],
        "missing": total.missing,
        "extra": total.extra,
    }
