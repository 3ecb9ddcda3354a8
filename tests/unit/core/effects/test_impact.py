"""Impact in sum: what was claimed beside what was measured."""

from __future__ import annotations

import msgspec
import pytest

from streams.core.effects.impact import ImpactState, impact, note
from streams.core.effects.verification import verify
from tests.kits.core.effects import MINUTE, NOW, expectation
from tests.kits.core.partition import Bench, goal, metric, outcome

SETTLED = NOW + 5 * MINUTE


@pytest.mark.spec("S1-120")
def test_two_actions_that_claim_one_metric_are_both_visible() -> None:
    claims = {"a-1": {"cpu": -5.0, "cost": 1.0}, "a-2": {"cpu": -3.0}}
    wanted = expectation()
    found = impact(claims, [(wanted, verify(wanted, 84.0, SETTLED))])
    assert found.claimed == {"cpu": {"a-1": -5.0, "a-2": -3.0}, "cost": {"a-1": 1.0}}
    assert found.claimed_total == {"cpu": -8.0, "cost": 1.0}
    assert found.measured == {"cpu": -6.0}


@pytest.mark.spec("S1-188")
def test_the_measured_change_on_a_target_metric_is_read_as_before_and_after() -> None:
    state = ImpactState()
    rising = expectation([92.0] * 10, current=90.0)
    note(state, rising, verify(rising, 78.0, SETTLED))
    found = state.metrics["cpu"]
    assert (found.acts, found.change, found.effect) == (1, -12.0, -14.0)
    assert (found.helped, found.useless, found.reward) == (1, 0, 1.0)


def test_sums_go_on_and_are_stored() -> None:
    state = ImpactState()
    wanted = expectation()
    for actual in (72.0, 90.0):
        note(state, wanted, verify(wanted, actual, SETTLED))
    again = msgspec.msgpack.decode(msgspec.msgpack.encode(state), type=ImpactState)
    assert again == state
    found = again.metrics["cpu"]
    assert (found.acts, found.helped, found.useless, found.effect) == (2, 1, 1, -18.0)


@pytest.mark.spec("S1-095")
def test_actions_that_succeed_without_moving_the_metric_bring_no_progress() -> None:
    bench = Bench()
    bench.measure(50.0)
    bench.send("goals", goal(target=10.0))
    for sync in range(1, 11):
        at = {"timestamp": bench.state().goals["g-1"].timestamp + sync * 1000}
        bench.send("outcomes", outcome(f"a-{sync}", impact_claimed={"queue": -40.0}, **at))
        bench.send("metrics", metric(50.0, **at))
    assert bench.state().goals["g-1"].progress == 0.0
    assert len(bench.state().outcomes) == 10
