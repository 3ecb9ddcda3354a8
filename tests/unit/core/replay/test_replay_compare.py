"""What differs between two lists of decisions."""

from __future__ import annotations

from typing import Any

from streams.core.replay.compare import Comparison, Window, compare
from streams.records import Decision
from tests.kits.core.partition import START


def made(id_: str, **fields: Any) -> Decision:
    base = {"entity_id": "svc", "timestamp": START, "kind": "plan", "subject_id": "p"}
    return Decision(decision_id=id_, **(base | fields))


def test_the_same_decisions_are_the_same() -> None:
    found = compare([made("1"), made("2", kind="act")], [made("2", kind="act"), made("1")])
    assert found.is_same
    assert (found.same, dict(found.recorded)) == (2, {"plan": 1, "act": 1})


def test_the_order_within_a_map_does_not_count() -> None:
    assert compare(
        [made("1", inputs={"a": 1, "b": 2})], [made("1", inputs={"b": 2, "a": 1})]
    ).is_same


def test_what_differs_is_named_by_its_fields() -> None:
    found = compare([made("1", chosen="a")], [made("1", chosen="b", expected_effect=1.0)])
    assert not found.is_same
    (change,) = found.changed
    assert change.fields == ("chosen", "expected_effect")
    assert (change.recorded.chosen, change.replayed.chosen) == ("a", "b")


def test_the_last_digit_of_a_number_counts() -> None:
    found = compare([made("1", reward=0.1 + 0.2)], [made("1", reward=0.3)])
    assert found.changed[0].fields == ("reward",)


def test_decisions_of_one_side_only() -> None:
    found = compare([made("1"), made("2")], [made("2"), made("3")])
    assert [each.decision_id for each in found.missing] == ["1"]
    assert [each.decision_id for each in found.extra] == ["3"]
    assert found.same == 1


def test_only_decisions_in_the_window_are_compared() -> None:
    recorded = [made(str(at), timestamp=START + at) for at in range(5)]
    replayed = [made(str(at), timestamp=START + at) for at in range(1, 7)]
    found = compare(recorded, replayed, Window(START + 1, START + 5))
    assert (found.same, found.is_same) == (4, True)
    assert [each.decision_id for each in compare(recorded, replayed).missing] == ["0"]
    assert [each.decision_id for each in compare(recorded, replayed).extra] == ["5", "6"]


def test_a_decision_written_twice_counts_once() -> None:
    found = compare([made("1", chosen="old"), made("1", chosen="new")], [made("1", chosen="new")])
    assert (found.same, found.is_same) == (1, True)


def test_partitions_add_up() -> None:
    total = Comparison()
    total.add(compare([made("1")], [made("1")]))
    total.add(compare([made("2", kind="act")], []))
    assert (total.same, len(total.missing)) == (1, 1)
    assert dict(total.recorded) == {"plan": 1, "act": 1}
