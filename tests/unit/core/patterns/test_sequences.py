from __future__ import annotations

import pytest

from streams.core.patterns.config import PatternConfig
from streams.core.patterns.learner import PatternLearner
from streams.records import Event, Pattern, PatternType
from tests.kits.core.patterns import (
    DAY,
    HOUR,
    MINUTE,
    MONDAY,
    at,
    dump,
    event,
    feed,
    load,
    of_type,
    workflow,
)

STEPS = ("start", "process", "finish")


def rounds(count: int, *steps: str, begin: int = MONDAY, period: int = HOUR) -> list[Event]:
    return [each for n in range(count) for each in workflow(begin + n * period, *steps)]


def workflows(events: list[Event], learner: PatternLearner | None = None) -> list[Pattern]:
    found = (learner or PatternLearner()).analyse(events).patterns
    return of_type(found, PatternType.WORKFLOW_SEQUENCE)


@pytest.mark.spec("S1-042")
def test_five_rounds_are_one_sequence() -> None:
    (found,) = workflows(rounds(5, *STEPS))
    assert found.metadata["sequence"] == "start -> process -> finish"
    assert found.occurrences == 5
    assert found.confidence == 0.95


@pytest.mark.spec("S1-042")
def test_the_id_is_the_same_after_a_restart() -> None:
    first, second = rounds(6, *STEPS), rounds(6, *STEPS, begin=MONDAY + DAY)
    state, before = feed(first)
    state, _ = feed(second, PatternLearner(), load(dump(state)))
    now = PatternLearner().patterns(state, at(second[-1].timestamp))
    (known,) = of_type(before, PatternType.WORKFLOW_SEQUENCE)
    (found,) = of_type(now, PatternType.WORKFLOW_SEQUENCE)
    assert found.pattern_id == known.pattern_id
    assert found.occurrences == 11  # the last one may still go on


@pytest.mark.spec("S1-042")
@pytest.mark.parametrize("key", ["user_id", "user", "session_id", "session"])
def test_interleaved_users_are_told_apart(key: str) -> None:
    events: list[Event] = []
    for n in range(8):
        for user in range(3):
            begin = MONDAY + n * HOUR + user * 20_000
            events += workflow(begin, *STEPS, **{key: f"u{user}"})
    found = workflows(events)
    assert [(each.metadata["sequence"], each.occurrences) for each in found] == [
        ("start -> process -> finish", 24)
    ]


@pytest.mark.spec("S1-042")
def test_chains_are_told_apart_where_nobody_is_named() -> None:
    events = [
        Event(
            entity_id="checkout",
            timestamp=MONDAY + n * HOUR + place * MINUTE + chain,
            event_id=f"{n}-{chain}-{place}",
            event_type=step,
            correlation_id=f"chain-{n}-{chain}",
        )
        for n in range(8)
        for chain in range(2)
        for place, step in enumerate(STEPS)
    ]
    (found,) = workflows(events)
    assert found.occurrences == 16


@pytest.mark.spec("S1-042")
def test_events_300_seconds_apart_are_two_sequences() -> None:
    near = [each for n in range(8) for each in workflow(MONDAY + n * HOUR, *STEPS, gap=299_999)]
    far = [each for n in range(8) for each in workflow(MONDAY + n * HOUR, *STEPS, gap=300_000)]
    assert len(workflows(near)) == 1
    assert workflows(far) == []


@pytest.mark.spec("S1-042")
def test_confidence_is_the_share_of_the_sequences() -> None:
    others = [
        each
        for n in range(4)
        for each in workflow(MONDAY + DAY + n * HOUR, f"odd-{n}", f"even-{n}", "finish")
    ]
    (found,) = workflows(rounds(6, *STEPS) + others)
    assert found.confidence == pytest.approx(0.6)


@pytest.mark.spec("S1-037")
def test_a_workflow_seen_thrice_needs_twenty_events() -> None:
    three = rounds(3, *STEPS)
    alone = [event(MONDAY + DAY + n * HOUR, f"other-{n}") for n in range(11)]
    assert workflows(three + alone[:10]) == []
    (found,) = workflows(three + alone)
    assert found.occurrences == 3


def test_twice_is_not_enough() -> None:
    alone = [event(MONDAY + DAY + n * HOUR, f"other-{n}") for n in range(20)]
    assert workflows(rounds(2, *STEPS) + alone) == []


def test_the_same_event_in_a_row_is_no_workflow() -> None:
    assert workflows(rounds(20, "retry", "retry")) == []


def test_steps_by_chance_are_no_workflow() -> None:
    """Two types taking turns at random make each pair a quarter of the time."""
    pairs = ["ab", "ba", "ab", "ba", "ba", "ab", "ab", "ba", "ab", "ba"]
    events = [each for n, pair in enumerate(pairs) for each in workflow(MONDAY + n * HOUR, *pair)]
    assert all(each.confidence < 0.7 for each in workflows(events))


def test_longer_runs_of_events_are_not_counted() -> None:
    longest = PatternConfig().max_steps
    names = [f"step-{n}" for n in range(longest + 1)]
    assert len(workflows(rounds(6, *names[:-1]))) == 1
    assert workflows(rounds(6, *names)) == []


def test_a_sweep_ends_sequences() -> None:
    learner = PatternLearner()
    state, news = feed(rounds(5, *STEPS), learner)
    assert of_type(news, PatternType.WORKFLOW_SEQUENCE) == []
    now = MONDAY + 4 * HOUR + 2 * MINUTE + 300_000
    assert learner.sweep(state, at(now - 1)) == []
    (found,) = learner.sweep(state, at(now, "chain"))
    assert found.occurrences == 5
    assert found.correlation_id == "chain"


@pytest.mark.spec("S1-047")
def test_a_workflow_not_seen_for_a_month_is_retired() -> None:
    learner = PatternLearner()
    state, _ = feed(rounds(6, *STEPS), learner)
    last = rounds(5, *STEPS)[-1].timestamp
    news = learner.sweep(state, at(last + 31 * DAY))
    assert [each.active for each in of_type(news, PatternType.WORKFLOW_SEQUENCE)] == [False]


def test_many_different_sequences_do_not_push_out_a_workflow() -> None:
    noise = [
        each
        for n in range(300)
        for each in workflow(MONDAY + DAY + n * HOUR, f"a{n}", f"b{n}", "end")
    ]
    again = rounds(80, *STEPS, begin=MONDAY + 15 * DAY)
    state, _ = feed(rounds(6, *STEPS) + noise + again)
    assert len(state.sequences) <= PatternConfig().max_sequences
    found = PatternLearner().patterns(state, at(again[-1].timestamp))
    assert [each.active for each in of_type(found, PatternType.WORKFLOW_SEQUENCE)] == [True]
