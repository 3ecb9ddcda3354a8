"""The order in which records were applied is found again."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from random import Random

from hypothesis import given
from hypothesis import strategies as st

from streams.core.kernel.commands import EVERYBODY
from streams.core.kernel.ids import stable_id
from streams.core.replay.order import Mark, Order, cause_of, latest, marks
from streams.records import Decision
from tests.kits.core.partition import (
    START,
    Entry,
    action,
    command,
    event,
    log_of,
    metric,
    outcome,
)
from tests.kits.core.recording import tapes_of

NUMBER = 3


def decision(entity: str, cause: Entry, inputs: dict[str, int], ordinal: int = 0) -> Decision:
    return Decision(
        entity_id=entity,
        timestamp=START,
        decision_id=stable_id("decision", cause.source, NUMBER, cause.offset, ordinal),
        kind="plan",
        subject_id="p-1",
        inputs=inputs,
    )


def applied(log: Sequence[Entry], found: Sequence[Mark], **how: bool) -> list[tuple[str, int]]:
    """(source, offset) in the order that was found."""
    tapes = tapes_of(log, **how)
    return [
        (run.source, int(tapes[run.source].offsets[row]))
        for run in Order(tapes, found).runs()
        for row in range(run.start, run.end)
    ]


def true_order(log: Sequence[Entry]) -> list[tuple[str, int]]:
    return [(entry.source, entry.offset) for entry in log]


def random_log(seed: int, size: int) -> list[Entry]:
    random, made = Random(seed), []
    for number in range(size):
        entity = random.choice(["a", "b", "c", EVERYBODY])
        make = random.choice(["metrics", "metrics", "commands", "actions", "outcomes", "events"])
        if entity == EVERYBODY:
            make = "commands"
        name = f"{make}-{number}"
        record = {
            "metrics": lambda name: metric(1.0),
            "commands": lambda name: command("goal.cancel", name),
            "actions": action,
            "outcomes": outcome,
            "events": event,
        }[make](name)
        made.append((make, type(record)(**{**_fields(record), "entity_id": entity})))
    return log_of(made)


def _fields(record: object) -> dict[str, object]:
    return {name: getattr(record, name) for name in record.__struct_fields__}  # type: ignore[attr-defined]  # a struct


@dataclass
class Witness:
    """Notes what an entity had seen whenever it decides."""

    seed: int

    def decisions(self, log: Sequence[Entry]) -> list[Decision]:
        random, seen, made = Random(self.seed), dict[str, dict[str, int]](), []
        for entry in log:
            entity = entry.record.entity_id
            seen.setdefault(entity, {})[entry.source] = entry.offset
            if entity != EVERYBODY and random.random() < 0.4:
                made.append(decision(entity, entry, self._inputs(seen, entity)))
        return made

    @staticmethod
    def _inputs(seen: dict[str, dict[str, int]], entity: str) -> dict[str, int]:
        inputs = dict(seen.get(EVERYBODY, {}))
        for source, offset in seen[entity].items():
            inputs[source] = max(offset, inputs.get(source, -1))
        return inputs


@given(st.integers(0, 2**32 - 1), st.integers(1, 60), st.booleans())
def test_at_each_decision_the_entity_has_seen_what_it_had_seen(
    seed: int, size: int, in_order: bool
) -> None:
    log = random_log(seed, size)
    decisions = Witness(seed).decisions(log)
    found = applied(log, marks(decisions, NUMBER), in_order=in_order)
    assert sorted(found) == sorted(true_order(log))
    again = {place: entry for entry in log for place in [(entry.source, entry.offset)]}
    replayed = [again[place] for place in found]
    wanted = {each.decision_id: each for each in decisions}
    seen: dict[str, dict[str, int]] = {}
    for entry in replayed:
        entity = entry.record.entity_id
        seen.setdefault(entity, {})[entry.source] = entry.offset
        id_ = stable_id("decision", entry.source, NUMBER, entry.offset, 0)
        if id_ in wanted:
            assert Witness._inputs(seen, entity) == wanted.pop(id_).inputs
    assert not wanted


@given(st.integers(0, 2**32 - 1), st.integers(1, 60))
def test_with_the_times_of_writing_the_order_is_the_true_one(seed: int, size: int) -> None:
    log = random_log(seed, size)
    assert applied(log, marks(Witness(seed).decisions(log), NUMBER)) == true_order(log)
    assert applied(log, []) == true_order(log)


@given(st.integers(0, 2**32 - 1), st.integers(1, 40), st.integers(0, 2**32 - 1))
def test_marks_that_contradict_lose_no_record_and_keep_each_source_in_order(
    seed: int, size: int, other: int
) -> None:
    log, random = random_log(seed, size), Random(other)
    wild = [
        Mark(
            random.choice("abc"),
            {source: random.randrange(-1, size) for source in ("metrics", "commands", "nowhere")},
            random.choice([None, ("metrics", random.randrange(size)), ("nowhere", 0)]),
        )
        for _ in range(random.randrange(10))
    ]
    found = applied(log, wild, in_order=bool(random.randrange(2)))
    assert sorted(found) == sorted(true_order(log))
    for source in {entry.source for entry in log}:
        offsets = [offset for name, offset in found if name == source]
        assert offsets == sorted(offsets)


def test_at_the_same_time_requests_come_before_what_was_measured_and_done() -> None:
    log = log_of(
        [("outcomes", outcome()), ("actions", action()), ("metrics", metric(1.0)),
         ("commands", command("goal.cancel"))]
    )  # fmt: skip
    found = applied(log, [], in_order=False)
    assert [source for source, _ in found] == ["commands", "metrics", "actions", "outcomes"]


def test_a_decision_tells_at_which_record_it_was_made() -> None:
    entry = Entry("metrics", 7, metric(1.0))
    made = decision("svc", entry, {"actions": 2, "metrics": 7}, ordinal=5)
    assert cause_of(made, NUMBER) == ("metrics", 7)
    assert cause_of(made, NUMBER + 1) is None
    assert marks([made], NUMBER + 1)[0].cause is None


def test_decisions_of_one_record_make_one_mark() -> None:
    entry = Entry("metrics", 7, metric(1.0))
    made = [decision("svc", entry, {"metrics": 7}, ordinal) for ordinal in range(3)]
    assert marks(made, NUMBER) == [Mark("svc", {"metrics": 7}, ("metrics", 7))]


def test_of_a_decision_written_twice_the_last_one_counts() -> None:
    first = decision("svc", Entry("metrics", 7, metric(1.0)), {"metrics": 7})
    other = decision("svc", Entry("metrics", 8, metric(1.0)), {"metrics": 8})
    again = decision("svc", Entry("metrics", 7, metric(1.0)), {"metrics": 7, "actions": 1})
    assert latest([first, other, again]) == [other, again]
