"""A recorded log leads the core to the same decisions, whatever the log."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import msgspec
import pytest
from hypothesis import given, settings

from streams.core.config import CoreConfig
from streams.core.effects.config import EffectsConfig
from streams.core.kernel.timers import TICK
from streams.core.metric.config import MetricConfig
from streams.core.partition import Partition
from streams.core.planning.config import ActionSpec, PlanningConfig
from streams.core.replay.compare import compare, replay
from streams.core.safety.config import SafetyConfig
from streams.core.safety.modes import Mode
from streams.records import Action, Decision, Direction, Record
from streams.testing.feature_contract import MemoryStore
from tests.kits.core.partition import (
    NUMBER,
    START,
    Entry,
    Seen,
    apply_batch,
    batches,
    command,
    goal,
    log_of,
    metric,
    outcome,
)
from tests.kits.core.random_input import Draw, configs, draws, records_of
from tests.kits.core.recording import recorded

MOST = 80


def decided(log: Sequence[Entry], config: CoreConfig) -> list[Decision]:
    """What a live run decides: every batch as large as it gets."""
    partition, seen = Partition(NUMBER, config, MemoryStore()), Seen()
    for batch in batches(log):
        seen.add(batch[0].source, apply_batch(partition, batch))
    return seen.records("decisions")


@given(config=configs, drawn=draws(MOST))
@settings(max_examples=200)
def test_a_replay_decides_the_same_byte_for_byte(config: CoreConfig, drawn: list[Draw]) -> None:
    known = {name: MetricConfig() for name in ("load", "free", "queue")}
    config = replace(config, metrics={**known, **config.metrics})
    log = log_of(records_of(drawn))
    decisions = decided(log, config)
    found = compare(decisions, replay(recorded(log, decisions), config))
    assert found.is_same, (found.changed, found.missing, found.extra)
    assert found.same == len(decisions)


def _order_matters() -> list[Entry]:
    """Measured, then wished for; a mode for everybody, then a second wish."""
    wish = goal(40.0, direction=Direction.AT_MOST, actions=("scale",))
    other = goal(9.0, goal_id="g-2", target_metric="load", actions=("scale",))
    mode = command("mode.set", "c-9", entity_id="*", arguments={"mode": "approve"})
    return log_of(
        [("metrics", metric(50.0)), ("metrics", metric(55.0)),
         ("metrics", metric(5.0, name="load")), ("goals", wish),
         ("metrics", metric(90.0)), ("commands", mode), ("goals", other)]
    )  # fmt: skip


def test_decisions_alone_tell_the_order_where_time_tells_nothing() -> None:
    log, config = _order_matters(), CoreConfig()
    decisions = decided(log, config)
    assert [each.mode for each in decisions if each.kind == "plan"] == ["recommend", "approve"]
    found = compare(decisions, replay(recorded(log, decisions, in_order=False), config))
    assert found.is_same, (found.changed, found.missing, found.extra)


def test_another_policy_decides_otherwise_at_the_same_records() -> None:
    log = _order_matters()
    decisions = decided(log, CoreConfig())
    other = CoreConfig(safety=SafetyConfig(mode=Mode.APPROVE))
    found = compare(decisions, replay(recorded(log, decisions), other))
    assert [change.recorded.mode for change in found.changed] == ["recommend"]
    assert [change.replayed.mode for change in found.changed] == ["approve"]
    assert "mode" in found.changed[0].fields


@pytest.mark.parametrize("size", [1, 4999])
def test_long_runs_of_metrics_are_cut_without_effect(size: int) -> None:
    values = [metric(float(i % 50), timestamp=START + i * 1000) for i in range(size)]
    wish = goal(10.0, timestamp=START + size * 1000, actions=("scale",))
    log = log_of([*(("metrics", each) for each in values), ("goals", wish)])
    decisions = decided(log, CoreConfig())
    assert compare(decisions, replay(recorded(log, decisions), CoreConfig())).is_same


def test_a_replay_leaves_the_record_as_it_was() -> None:
    log = _order_matters()
    decisions = decided(log, CoreConfig())
    before = msgspec.json.encode(decisions)
    kept = recorded(log, decisions)
    first = list(replay(kept, CoreConfig()))
    assert list(replay(kept, CoreConfig())) == first
    assert msgspec.json.encode(kept.decisions) == before


class Life:
    """A partition whose actions are carried out, and the log of all that it read."""

    def __init__(self, config: CoreConfig) -> None:
        self.partition, self.seen = Partition(NUMBER, config, MemoryStore()), Seen()
        self.log: list[Entry] = []
        self._ends: dict[str, int] = {}

    def read(self, source: str, record: Record) -> None:
        """Apply a record, then the actions that it led to, and that they were done."""
        offset = self._ends.get(source, 0)
        self._ends[source] = offset + 1
        self.log.append(Entry(source, offset, record))
        before = len(self.seen.emissions)
        self.seen.add(source, apply_batch(self.partition, self.log[-1:]))
        for emission in self.seen.emissions[before:]:
            if isinstance(emission.record, Action):
                self.read("actions", emission.record)
                at = emission.record.timestamp
                self.read("outcomes", outcome(emission.record.action_id, timestamp=at))


def _acted() -> tuple[Life, CoreConfig]:
    """Half an hour in which scaling out is chosen, carried out, measured and learned from."""
    config = CoreConfig(
        actions={
            "scale": ActionSpec(metrics=("queue",), effect={"queue": -10.0}, unattended=True),
            "restart": ActionSpec(metrics=("queue",), effect={"queue": -5.0}, unattended=True),
        },
        planning=PlanningConfig(cooldown_ms=60_000, action_delay_ms=0),
        effects=EffectsConfig(settle_ms=60_000),
        safety=SafetyConfig(mode=Mode.ACT, min_coverage=0.0),
    )
    life = Life(config)
    for second in range(0, 1800, 10):
        at = START + second * 1000
        done = sum(entry.source == "outcomes" for entry in life.log)
        value = 50.0 + second % 7 - 10.0 * done
        life.read("metrics", metric(value, timestamp=at))
        if second == 300:
            wish = goal(20.0, timestamp=at + 1, direction=Direction.AT_MOST, hold_ms=600_000)
            life.read("goals", wish)
        if second % 30 == 0:
            life.read("commands", command(TICK, f"t-{second}", timestamp=at + 2))
    return life, config


@pytest.mark.parametrize("in_order", [True, False])
def test_plans_that_were_carried_out_and_measured_are_decided_again(in_order: bool) -> None:
    life, config = _acted()
    decisions = life.seen.records("decisions")
    assert {each.kind for each in decisions} >= {"plan", "act", "result", "verification"}
    found = compare(decisions, replay(recorded(life.log, decisions, in_order=in_order), config))
    assert found.is_same, (found.changed, found.missing, found.extra)
