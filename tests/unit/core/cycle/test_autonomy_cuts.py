"""With the engine acting by itself, too, results do not depend on how its input was cut."""

from __future__ import annotations

from collections import Counter
from random import Random
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from streams.core.config import CoreConfig
from streams.core.effects.config import EffectsConfig
from streams.core.forecasting.config import ForecastConfig
from streams.core.goals.config import GoalConfig
from streams.core.kernel.commands import EVERYBODY
from streams.core.kernel.timers import TICK
from streams.core.learning.config import LearningConfig
from streams.core.metric.config import MetricConfig
from streams.core.outcomes.build import HandlerResult
from streams.core.partition import METRICS, Partition
from streams.core.planning.config import ActionSpec, PlanningConfig
from streams.core.safety.config import Mode, SafetyConfig
from streams.records import Action, Direction, OutcomeStatus, Plan, PlanStatus, Priority, Record
from streams.testing.feature_contract import MemoryStore
from tests.kits.core.loop import Loop
from tests.kits.core.partition import (
    NUMBER,
    START,
    Entry,
    apply_batch,
    command,
    goal,
    metric,
    run_cut,
)
from tests.kits.core.random_input import random_lists

MOST = 100
CUTS = (0, 1, 2, 4)
"""What happens at a cut, see ``run_cut``: all but a checkpoint of few models."""
SECOND = 1000
ENTITIES = ("a", "b")
METRIC_NAMES = ("load", "queue")
STATUSES = (OutcomeStatus.SUCCESS,) * 4 + (OutcomeStatus.FAILURE, OutcomeStatus.TIMEOUT)
STEP = 20 * SECOND
"""Between two records, at most twice this."""

configs = st.builds(
    CoreConfig,
    forecasting=st.builds(
        ForecastConfig,
        models=st.just(("holt_winters",)),
        min_points=st.just(2),
        horizon=st.integers(1, 3),
        interval_ms=st.sampled_from([0, STEP]),
    ),
    goals=st.builds(
        GoalConfig,
        breach_probability=st.just(0.01),
        lead_ms=st.just(0),
        hold_ms=st.sampled_from([0, STEP]),
        review_ms=st.just(10 * STEP),
        closed_goals_kept=st.integers(0, 2),
    ),
    metrics=st.just({"load": MetricConfig(capacity=10.0)}),
    actions=st.just(
        {
            "grow": ActionSpec(
                metrics=("load",), effect={"load": -3.0}, unattended=True, undo="shrink"
            ),
            "prepare": ActionSpec(unattended=True, provides=("ready",)),
            "move": ActionSpec(metrics=("load", "queue"), requires=("ready",), unattended=True),
            "drop": ActionSpec(metrics=("queue",), effect={"queue": -2.0}, reversible=False),
        }
    ),
    planning=st.builds(
        PlanningConfig,
        max_concurrent_goals=st.integers(1, 2),
        cooldown_ms=st.just(STEP),
        action_delay_ms=st.sampled_from([0, SECOND]),
        lease_ms=st.just(4 * STEP),
        adaptive_delay_ms=st.just(STEP),
        plans_kept=st.integers(1, 3),
    ),
    safety=st.builds(
        SafetyConfig,
        mode=st.sampled_from([Mode.ACT, Mode.ACT, Mode.APPROVE]),
        cooldown_ms=st.just(STEP),
        min_coverage=st.just(0.0),
        approval_expiry_ms=st.just(6 * STEP),
        breaker_failures=st.integers(1, 3),
        breaker_open_ms=st.just(3 * STEP),
    ),
    effects=st.builds(EffectsConfig, settle_ms=st.just(STEP), patience_ms=st.just(4 * STEP)),
    learning=st.builds(LearningConfig, epsilon=st.just(0.3), block_ms=st.just(10 * STEP)),
)


class Writer:
    """Drives a partition with random input and writes down all that it was given."""

    def __init__(self, config: CoreConfig) -> None:
        self.partition = Partition(NUMBER, config, MemoryStore())
        self.log: list[Entry] = []
        self.waiting: list[Action] = []
        self.plans: dict[str, Plan] = {}
        self.now = START
        self._ends: Counter[str] = Counter()

    def write(self, source: str, record: Record) -> None:
        entry = Entry(source, self._ends[source], record)
        self._ends[source] += 1
        self.log.append(entry)
        applied = apply_batch(self.partition, [entry])
        for emission in applied.emissions:
            if isinstance(emission.record, Plan):
                self.plans[emission.record.plan_id] = emission.record
            if isinstance(emission.record, Action):
                self.waiting.append(emission.record)
                self.write("actions", emission.record)

    def turn(self, random: Random) -> None:
        """One random thing happens."""
        self.now += random.randrange(2 * STEP)
        entity = random.choice(ENTITIES)
        at: dict[str, Any] = {"entity_id": entity, "timestamp": self.now}
        kind = random.randrange(12)
        if kind < 6:
            value = random.choice([2.0, 6.0, 8.0, 9.5, 12.0]) + random.random()
            self.write(METRICS, metric(value, name=random.choice(METRIC_NAMES), **at))
        elif kind == 6:
            self.write("goals", self._goal(random, at))
        elif kind < 9 and self.waiting:
            action = self.waiting.pop(random.randrange(len(self.waiting)))
            result = HandlerResult(status=random.choice(STATUSES))
            self.write("outcomes", Loop.outcome(action, result, self.now))
        elif kind == 9:
            self.write("commands", self._command(random, at))
        else:
            self.write("commands", command(TICK, f"t-{len(self.log)}", **at))

    def _goal(self, random: Random, at: dict[str, Any]) -> Record:
        return goal(
            random.choice([3.0, 5.0]),
            **at,
            goal_id=f"g-{random.randrange(4)}",
            target_metric=random.choice(METRIC_NAMES),
            direction=Direction.AT_MOST,
            priority=random.choice(list(Priority)),
            actions=random.choice([(), ("grow", "grow"), ("drop",), ("unknown",)]),
            deadline=random.choice([None, self.now + 10 * STEP]),
            hold_ms=random.choice([0, STEP]),
        )

    def _command(self, random: Random, at: dict[str, Any]) -> Record:
        waiting = [p for p in self.plans.values() if p.status is PlanStatus.WAITING]
        live = [p for p in self.plans.values() if p.status is PlanStatus.RUNNING]
        name = random.choice(["plan.approve", "plan.reject", "plan.cancel", "mode.set"])
        plans = live if name == "plan.cancel" else waiting
        arguments: dict[str, str] = {}
        if name == "mode.set" or not plans:
            name, arguments = "mode.set", {"mode": random.choice(["act", "approve", "default"])}
            at = at | {"entity_id": random.choice([*ENTITIES, EVERYBODY])}
            target = ""
        else:
            plan = random.choice(plans)
            at, target = at | {"entity_id": plan.entity_id}, plan.plan_id
        return command(
            name, f"c-{len(self.log)}", target=target, arguments=arguments, issued_by="ann", **at
        )


def written(config: CoreConfig, seed: int, size: int) -> list[Entry]:
    writer, random = Writer(config), Random(seed)
    while len(writer.log) < size:
        writer.turn(random)
    return writer.log


@given(
    config=configs,
    seed=st.integers(0, 2**32 - 1),
    size=st.integers(1, MOST),
    cuts=random_lists(lambda random: (random.randint(1, MOST), random.choice(CUTS)), 30),
)
@settings(max_examples=25)
def test_acting_does_not_depend_on_cuts_checkpoints_or_restarts(
    config: CoreConfig, seed: int, size: int, cuts: list[tuple[int, int]]
) -> None:
    log = written(config, seed, size)
    whole, stored = run_cut(config, log, {})
    single, stored_single = run_cut(config, log, dict.fromkeys(range(1, len(log)), 0))
    random, stored_random = run_cut(config, log, dict(cuts))
    assert single.by_source() == whole.by_source() == random.by_source()
    assert single.dispatches == whole.dispatches == random.dispatches
    assert single.rejections == whole.rejections == random.rejections
    assert stored_single.tables == stored.tables == stored_random.tables


def test_the_random_input_does_reach_plans_acts_and_verifications() -> None:
    """Else the property above would say nothing."""
    config = CoreConfig(
        forecasting=ForecastConfig(models=("holt_winters",), min_points=2, interval_ms=0),
        metrics={"load": MetricConfig(capacity=10.0)},
        actions={"grow": ActionSpec(metrics=("load",), effect={"load": -3.0}, unattended=True)},
        planning=PlanningConfig(cooldown_ms=STEP, adaptive_delay_ms=STEP),
        safety=SafetyConfig(mode=Mode.ACT, cooldown_ms=STEP, min_coverage=0.0),
        effects=EffectsConfig(settle_ms=STEP),
    )
    seen, _ = run_cut(config, written(config, 7, 400), {})
    kinds = {decision.kind for decision in seen.records("decisions")}
    assert {"plan", "act", "result", "verification"} <= kinds
    assert {plan.status for plan in seen.records("plans")} >= {PlanStatus.DONE, PlanStatus.FAILED}


@given(config=configs, seed=st.integers(0, 2**32 - 1), size=st.integers(1, MOST))
@settings(max_examples=15)
def test_whatever_happens_each_action_is_asked_for_once_and_budgets_hold(
    config: CoreConfig, seed: int, size: int
) -> None:
    log = written(config, seed, size)
    seen, _ = run_cut(config, log, {})
    asked = [action.action_id for action in seen.records("actions")]
    assert len(asked) == len(set(asked))
    dispatched = [action_id for action_id, _ in seen.dispatches]
    assert sorted(dispatched) == sorted(set(dispatched))
    revisions: dict[str, int] = {}
    for plan in seen.records("plans"):
        assert plan.revision > revisions.get(plan.plan_id, 0)
        revisions[plan.plan_id] = plan.revision
    for entity in ENTITIES:
        begun = sorted(
            told.timestamp
            for told in seen.records("decisions")
            if told.kind == "act" and told.entity_id == entity
        )
        limit = config.safety.acts_per_window
        inside = [
            sum(moment - config.safety.window_ms < other <= moment for other in begun)
            for moment in begun
        ]
        assert max(inside, default=0) <= limit
