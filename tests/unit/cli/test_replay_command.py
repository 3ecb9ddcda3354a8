"""``goalstream replay`` as a user meets it: from lines of recorded topics to what differs."""

from __future__ import annotations

import json
import os
from collections.abc import Iterable, Sequence
from pathlib import Path

import msgspec
import pytest
import typer
from typer.testing import CliRunner, Result

from streams.cli.recordings import Decoding, Recordings, from_files
from streams.cli.replay import replay
from streams.cli.state import CliState
from streams.core.partition import Partition
from streams.errors import GoalstreamError, InvalidRecord
from streams.records import Decision, Direction, Event, Metric, Record
from streams.runtime.kafka import Received
from streams.settings import Settings
from streams.testing.feature_contract import MemoryStore
from streams.wire.encode import Encoder
from streams.wire.registry import EmbeddedRegistry
from streams.wire.topology import RECORD_OF, Topology
from tests.kits.core.partition import (
    NUMBER,
    START,
    Entry,
    Seen,
    action,
    apply_batch,
    batches,
    event,
    goal,
    log_of,
    metric,
)

TOPOLOGY = Topology.load()


@pytest.fixture(autouse=True)
def _bare_environment(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    for name in list(os.environ):
        if name.startswith("GOALSTREAM_"):
            monkeypatch.delenv(name)


def run(*arguments: str, **settings: str) -> Result:
    app = typer.Typer()
    app.command()(replay)
    overrides = {name.replace("__", "."): value for name, value in settings.items()}
    return CliRunner().invoke(app, list(arguments), obj=CliState(overrides=overrides))


def live() -> tuple[list[Entry], list[Decision]]:
    """A log in which a goal is planned for, and what the engine decided."""
    load = [metric(50.0 + i, name="cpu", timestamp=START + 1000 + i * 1000) for i in range(30)]
    wish = goal(
        40.0, target_metric="cpu", actions=("scale",), direction=Direction.AT_MOST, hold_ms=5000
    )
    again = goal(90.0, goal_id="g-2", target_metric="cpu", dependencies=("nowhere",))
    log = log_of(
        [("goals", wish), *(("metrics", each) for each in load),
         ("goals", msgspec.structs.replace(again, timestamp=START + 40_000)),
         ("events", event(event_type="note", timestamp=START + 41_000)),
         ("actions", action(timestamp=START + 42_000))]
    )  # fmt: skip
    partition, seen = Partition(NUMBER, Settings().core(), MemoryStore()), Seen()
    for batch in batches(log):
        seen.add(batch[0].source, apply_batch(partition, batch))
    return log, seen.records("decisions")


def line(topic: str, offset: int, record: Record, **more: int) -> str:
    where = {"topic": TOPOLOGY.kafka_name(topic), "partition": NUMBER, "offset": offset}
    return msgspec.json.encode({**where, "key": "svc", "record": record, **more}).decode()


def written(path: Path, log: Sequence[Entry], decisions: Sequence[Decision]) -> Path:
    lines = [line(entry.source, entry.offset, entry.record) for entry in log]
    lines += [line("decisions", offset, each) for offset, each in enumerate(decisions)]
    path.write_text("\n".join([*lines, ""]))
    return path


def test_recorded_lines_lead_to_the_same_decisions(tmp_path: Path) -> None:
    log, decisions = live()
    assert {each.kind for each in decisions} >= {"plan", "refusal"}
    result = run(str(written(tmp_path / "log.jsonl", log, decisions)), "--strict")
    assert result.exit_code == 0, result.output
    assert f"{len(decisions)} decisions compared: the same, byte for byte" in result.stdout
    assert "30 metrics" in result.stdout
    assert "warning" not in result.stderr


def test_other_settings_tell_what_would_have_been_decided_otherwise(tmp_path: Path) -> None:
    log, decisions = live()
    path, figures = written(tmp_path / "log.jsonl", log, decisions), tmp_path / "out.json"
    result = run(str(path), "--json", str(figures), "--strict", safety__mode="approve")
    assert result.exit_code == 1
    assert "mode recommend -> approve" in result.stdout
    assert "differ" in result.stdout
    told = json.loads(figures.read_text())
    assert sum(told["recorded"].values()) == len(decisions)
    assert told["changed"][0]["recorded"]["mode"] == "recommend"
    assert told["changed"][0]["replayed"]["mode"] == "approve"
    assert "mode" in told["changed"][0]["fields"]


def test_differences_are_no_failure_unless_asked_for(tmp_path: Path) -> None:
    log, decisions = live()
    result = run(str(written(tmp_path / "log.jsonl", log, decisions[1:])), "--show", "0")
    assert result.exit_code == 0
    assert "1 differ" in result.stdout
    assert "extra plan" not in result.stdout


def test_only_decisions_between_the_times_are_compared(tmp_path: Path) -> None:
    log, decisions = live()
    path = written(tmp_path / "log.jsonl", log, decisions)
    at = decisions[0].timestamp
    result = run(str(path), "--from", str(at + 1))
    assert f"{sum(d.timestamp > at for d in decisions)} decisions compared" in result.stdout
    result = run(str(path), "--to", str(at))
    assert "0 decisions compared: the same" in result.stdout


@pytest.mark.parametrize("option", ["--from", "--to"])
def test_a_time_that_is_none_is_refused(tmp_path: Path, option: str) -> None:
    result = run(str(tmp_path), option, "yesterday")
    assert isinstance(result.exception, InvalidRecord)
    assert result.exception.field == option


def test_topics_whose_beginning_is_gone_are_named(tmp_path: Path) -> None:
    log, decisions = live()
    result = run(str(written(tmp_path / "log.jsonl", log[2:], decisions)))
    assert "warning: metrics, partition 3 begins at offset 1" in result.stderr


def test_several_files_are_one_log(tmp_path: Path) -> None:
    log, decisions = live()
    paths = [
        written(tmp_path / f"{source}.jsonl", [e for e in log if e.source == source], [])
        for source in ("metrics", "goals", "events", "actions")
    ]
    paths.append(written(tmp_path / "decisions.jsonl", [], decisions))
    result = run(*map(str, paths), "--strict")
    assert result.exit_code == 0, result.output


def test_lines_of_other_topics_and_without_a_record_are_passed_over(tmp_path: Path) -> None:
    path = tmp_path / "log.jsonl"
    dead = '{"topic":"agent-events","partition":3,"offset":0,"reason":"empty","detail":""}\n'
    path.write_text(dead + line("alerts", 0, event()) + "\n\n" + line("events", 0, event()))
    assert from_files([path], TOPOLOGY).counts()["events"] == 1


@pytest.mark.parametrize(
    ("lines", "said"),
    [
        (["not json"], "not a line of a recorded topic"),
        (['{"topic":"events"}'], "not a line of a recorded topic"),
        ([line("events", 0, metric(1.0))], "not a line of a recorded topic"),
        ([line("events", 1, event()), line("events", 1, event())], "not in the order"),
    ],
)
def test_a_line_that_cannot_be_used_is_named(
    tmp_path: Path, lines: Iterable[str], said: str
) -> None:
    path = tmp_path / "log.jsonl"
    path.write_text("\n".join(lines))
    with pytest.raises(InvalidRecord, match=said) as caught:
        from_files([path], TOPOLOGY)
    assert str(caught.value.field).startswith(str(path))


def test_a_file_that_is_not_there_is_named(tmp_path: Path) -> None:
    with pytest.raises(GoalstreamError) as caught:
        from_files([tmp_path / "no.jsonl"], TOPOLOGY)
    assert caught.value.field == "FILE"


def encoded(topic: str, record: Record) -> bytes:
    name = TOPOLOGY.kafka_name(topic)
    encoder = Encoder(EmbeddedRegistry(), {name: RECORD_OF[topic]})
    encoder.prepare()
    return encoder.encode(record, name)


def test_messages_become_records_with_the_time_of_writing() -> None:
    found = Recordings()
    decoding = Decoding(EmbeddedRegistry().under, found)
    late, early = event("e-1", timestamp=START), metric(2.0, timestamp=START + 9)
    raw = [
        Received("agent-events", NUMBER, 4, START + 20, b"svc", encoded("events", late)),
        Received("agent-events", NUMBER, 5, START + 21, b"svc", b"damaged"),
    ]
    decoding.add("events", NUMBER, raw)
    values = [
        Received("agent-metrics", NUMBER, 7, START + 10, b"svc", encoded("metrics", early)),
        Received("agent-metrics", NUMBER, 8, START + 11, b"other", encoded("metrics", early)),
    ]
    decoding.add("metrics", NUMBER, values)
    (part,) = found.partitions()
    assert part.partition == NUMBER
    assert part.tapes["events"].times.tolist() == [START + 20]
    assert part.tapes["metrics"].times.tolist() == [START + 10]
    assert part.tapes["metrics"].offsets.tolist() == [7]


@pytest.mark.parametrize(("known", "time"), [(START + 20, START + 20), (0, START)])
def test_without_all_times_of_writing_event_time_counts(known: int, time: int) -> None:
    found = Recordings()
    first = Metric(entity_id="svc", name="cpu", value=1.0, timestamp=START)
    decoding = Decoding(EmbeddedRegistry().under, found)
    value = encoded("metrics", first)
    decoding.add("metrics", 0, [Received("agent-metrics", 0, 0, START + 20, b"svc", value)])
    note: Event = event()
    decoding.add("events", 0, [Received("e", 0, 0, known, b"svc", encoded("events", note))])
    assert found.partitions()[0].tapes["metrics"].times.tolist() == [time]
