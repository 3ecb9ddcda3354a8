"""Handlers whose outcome says one thing while they do another."""

from __future__ import annotations

from streams.core.learning.state import is_blocked
from streams.core.outcomes.build import HandlerResult
from streams.core.planning.config import PlanningConfig
from streams.core.safety.config import Mode, SafetyConfig
from streams.records import Action, GoalStatus, OutcomeStatus, PlanStatus
from tests.kits.core.loop import MINUTE, SCALE_OUT, Loop, config_of, done, urgent

TIMEOUT = HandlerResult(status=OutcomeStatus.TIMEOUT, error_type="Timeout")


class Machine:
    """Its cpu falls by 20 for each effect that was brought about, never twice for the same."""

    def __init__(self, *, tells: list[HandlerResult] | None = None) -> None:
        self.cpu = 90.0
        self.effects: list[str] = []
        self.tells = tells or []

    def honour(self, action: Action) -> HandlerResult:
        effect = action.params["effect_id"]
        if effect not in self.effects:
            self.effects.append(effect)
            self.cpu -= 20.0
        return self.tells.pop(0) if self.tells else done(action)


def watch(loop: Loop, machine: Machine, minutes: int) -> None:
    """A value a minute, as the machine has it."""
    for _ in range(minutes):
        loop.wait(MINUTE)
        loop.measure(machine.cpu)


def stubborn(**fields: object) -> Loop:
    """No goals but those that are asked for, and many attempts."""
    return Loop(
        config_of(
            planning=PlanningConfig(max_attempts=20),
            safety=SafetyConfig(mode=Mode.ACT, breaker_failures=10),
            **fields,
        )
    )


# -- says that it did, and did nothing ------------------------------------------------------------


def test_what_was_not_done_is_found_out_by_measuring() -> None:
    loop = stubborn()
    loop.measure(90.0)
    loop.ask(urgent())
    assert loop.plans()[0].status is PlanStatus.DONE
    watch(loop, Machine(), 6)
    (told,) = loop.decisions("verification")
    assert told.reason == "it did not help"
    assert told.measured_effect == 0.0
    assert told.reward is not None
    assert told.reward <= 0.0
    assert told.expected_effect == -20.0
    goal = loop.goal()
    assert (goal.status, goal.attempts, goal.progress) == (GoalStatus.ACTIVE, 1, 0.0)


def test_repeated_lies_lower_what_is_expected_and_then_block_the_act() -> None:
    loop, machine = stubborn(), Machine()
    loop.measure(90.0)
    loop.ask(urgent())
    watch(loop, machine, 60)
    told = loop.decisions("verification")
    config = loop.bench.config.learning
    assert len(told) == config.block_after
    assert told[0].reason == told[1].reason == "it did not help"
    assert not any(each.reason == "it helped" for each in told)
    hoped = [abs(each.expected_effect or 0.0) for each in told]
    assert hoped == sorted(hoped, reverse=True)
    assert hoped[-1] < hoped[0]
    assert is_blocked(loop.bench.state().learning, "scale_out", "cpu", loop.now)
    assert len(loop.asked) == config.block_after
    held = [each for each in loop.decisions("refusal") if each.subject_id == "g-1"]
    assert [each.chosen for each in held] == ["no_plan"]
    assert "blocked" in held[0].reason
    assert "scale_out" in held[0].reason


def test_after_the_block_it_is_tried_once_more() -> None:
    loop, machine = stubborn(), Machine()
    loop.measure(90.0)
    loop.ask(urgent())
    watch(loop, machine, 60)
    acts = len(loop.asked)
    effect = loop.bench.state().learning.effects["scale_out"]["cpu"]
    loop.advance(effect.blocked_until - 1)
    assert len(loop.asked) == acts
    watch(loop, machine, 10)
    assert len(loop.asked) == acts + 1
    assert is_blocked(loop.bench.state().learning, "scale_out", "cpu", loop.now)


def test_an_honest_candidate_takes_the_place_of_the_one_that_lies() -> None:
    loop, machine = stubborn(actions={"lie": SCALE_OUT, "scale_out": SCALE_OUT}), Machine()

    def handle(action: Action) -> HandlerResult:
        return machine.honour(action) if action.action_type == "scale_out" else done(action)

    loop.handler = handle
    loop.measure(90.0)
    loop.ask(urgent(actions=(), hold_ms=0))
    watch(loop, machine, 90)
    assert {action.action_type for action in loop.asked} == {"lie", "scale_out"}
    assert machine.cpu <= 70.0
    rewards = {
        told.chosen: told.reward
        for told in loop.decisions("verification")
        if told.reward is not None
    }
    assert rewards["scale_out"] > rewards["lie"]


# -- says that it ran out of time, and did it -----------------------------------------------------


def test_the_second_attempt_stands_for_the_same_effect() -> None:
    loop, machine = stubborn(), Machine(tells=[TIMEOUT])
    loop.handler = machine.honour
    loop.measure(90.0)
    loop.ask(urgent(target=65.0))
    watch(loop, machine, 12)
    first, second = loop.asked[:2]
    assert loop.plans()[0].status is PlanStatus.FAILED
    assert first.action_id != second.action_id
    assert first.params["effect_id"] == second.params["effect_id"]
    assert machine.cpu == 70.0
    assert len(machine.effects) == 1


def test_after_a_plan_that_was_done_the_next_one_stands_for_another_effect() -> None:
    loop, machine = stubborn(), Machine(tells=[TIMEOUT])
    loop.handler = machine.honour
    loop.measure(90.0)
    loop.ask(urgent(target=60.0))
    watch(loop, machine, 40)
    effects = [action.params["effect_id"] for action in loop.asked]
    assert effects[0] == effects[1]
    assert effects[2] != effects[1]
    assert machine.cpu == 50.0
    assert loop.goal().status is GoalStatus.ACHIEVED


def test_each_step_of_a_plan_has_an_effect_of_its_own() -> None:
    loop = stubborn()
    loop.measure(90.0)
    loop.ask(urgent(actions=("scale_out", "scale_out")))
    loop.wait(2000)
    effects = [action.params["effect_id"] for action in loop.asked]
    assert len(effects) == len(set(effects)) == 2


# -- nothing comes back ---------------------------------------------------------------------------


def test_an_effect_that_is_never_measured_stays_unknown() -> None:
    loop = stubborn()
    loop.measure(90.0)
    loop.ask(urgent())
    effects = loop.bench.config.effects
    loop.wait(effects.settle_ms + effects.patience_ms - 1)
    assert loop.decisions("verification") == []
    loop.wait(MINUTE)
    (told,) = loop.decisions("verification")
    assert (told.measured_effect, told.reward) == (None, None)
    assert "stays unknown" in told.reason
    assert "scale_out" not in loop.bench.state().learning.effects
    assert loop.bench.state().safety.verdicts == []
    assert loop.goal().attempts == 1


def test_an_effect_without_any_value_before_is_not_expected_at_all() -> None:
    loop = stubborn()
    loop.ask(urgent())
    assert loop.plans()[0].status is PlanStatus.DONE
    assert loop.bench.state().expectations == {}
    assert loop.goal().attempts == 1
