"""An entity never grows beyond a message: what does not fit is refused, and all else goes on."""

from __future__ import annotations

from collections.abc import Mapping

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from streams.core.config import CoreConfig
from streams.core.kernel.store import ENTITIES
from tests.kits.core.partition import (
    START,
    Bench,
    action,
    command,
    event,
    goal,
    log_of,
    outcome,
    run_cut,
)

LIMIT = 150_000
CONFIG = CoreConfig(entity_bytes=LIMIT)
LONG = "x" * 8_000


def big(number: int) -> object:
    return action(f"a-{number}", params={"text": LONG}, timestamp=START + number)


def stored(bench: Bench) -> int:
    bench.save()
    return len(bench.store.tables[ENTITIES][b"svc"])


def test_actions_fill_it_and_an_outcome_makes_room() -> None:
    bench = Bench(CONFIG)
    refused = [bench.send("actions", big(number)).rejections for number in range(30)]
    first = next(number for number, found in enumerate(refused) if found)
    ((_, _, reason, detail),) = refused[first]
    assert reason == "entity_full"
    assert "'svc'" in detail
    assert "'actions'" in detail
    assert len(bench.state().pending) == first
    assert stored(bench) <= LIMIT

    other = bench.send("actions", action("a-0", entity_id="other"))
    assert other.dispatches == [("a-0", False)]
    assert bench.send("outcomes", outcome("a-0")).rejections == []
    assert bench.send("actions", big(99)).dispatches == [("a-99", False)]


@pytest.mark.parametrize("size", [450_000, 1_000_000])
def test_one_record_that_is_too_large_leaves_no_trace(size: int) -> None:
    bench = Bench(CONFIG)
    bench.send("goals", goal())
    before = stored(bench)
    seen = bench.send("goals", goal(goal_id="g-2", target_metric="b", description="x" * size))
    assert [rejection[2] for rejection in seen.rejections] == ["entity_full"]
    assert seen.emissions == []
    assert abs(stored(bench) - before) < 50  # the offset alone has moved, if at all


def test_what_ends_something_is_taken_by_a_full_entity() -> None:
    bench = Bench(CONFIG)
    bench.send("goals", goal())
    for number in range(30):
        bench.send("actions", big(number))
    seen = bench.send("commands", command("goal.cancel", target="g-1"))
    assert seen.rejections == []
    assert not bench.state().open_goals()


def test_outcomes_of_any_size_leave_room() -> None:
    """What settles an action is always taken, so what is kept of it is small."""
    bench = Bench(CONFIG)
    text = "é" * 30_000
    for number in range(12):
        given = outcome(
            f"a-{number}", output=text, stack_trace=text, input_data=text, error_message=text,
            metadata={f"k{n}": "x" * 8_000 for n in range(40)}, tags=("t" * 200,) * 200,
        )  # fmt: skip
        assert bench.send("outcomes", given).rejections == []
    assert len(bench.state().outcomes) == 10
    assert stored(bench) < 10 * 8_000
    kept = bench.state().outcomes[-1]
    assert kept.action_id == "a-11"
    assert kept.output == "é" * 512


@given(cuts=st.dictionaries(st.integers(1, 60), st.integers(0, 4), max_size=12))
@settings(max_examples=20)
def test_what_is_refused_does_not_depend_on_batches_and_restarts(cuts: Mapping[int, int]) -> None:
    log = log_of(
        entry
        for n in range(40)
        for entry in (
            ("actions", big(n)),
            ("events", event(f"e-{n}", event_type="any", metadata={}, timestamp=START + n)),
            *((("outcomes", outcome(f"a-{n}")),) if n % 3 == 0 else ()),
        )
    )
    whole, store = run_cut(CONFIG, log, {})
    seen, kept = run_cut(CONFIG, log, cuts)
    assert seen.rejections == whole.rejections
    assert whole.rejections
    assert kept.tables[ENTITIES] == store.tables[ENTITIES]
