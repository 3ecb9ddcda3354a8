"""Event time is the producers', decision time the log's: neither does the other's work."""

from __future__ import annotations

from dataclasses import replace
from random import Random

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from streams.core.config import CoreConfig
from streams.core.forecasting.config import ForecastConfig
from streams.core.kernel.clocks import AHEAD, UNIT, Clock, TimeConfig
from streams.core.metric.config import MetricConfig
from streams.core.partition import METRICS
from streams.records import Direction, Goal, GoalStatus, Outcome, Record
from tests.kits.core.partition import (
    HOUR,
    START,
    Bench,
    Entry,
    Seen,
    command,
    event,
    goal,
    metric,
    run_cut,
)
from tests.kits.core.random_input import Draw, configs, draws, random_lists, records_of

MINUTE = 60_000
DAY = 24 * HOUR
CPU = MetricConfig(capacity=100.0, unit="%")
FAR = 4_039_374_839_932
"""The year 2098, as in prometheus/prometheus#13573."""
WRONG = (START + MINUTE + 1001, START + HOUR, START + 365 * DAY, FAR, START // 1000, 1)


def live(bench: Bench, minute: int, value: float, name: str = "cpu") -> Seen:
    """A value that comes a second after it was measured."""
    at = START + minute * MINUTE
    return bench.send(METRICS, metric(value, name=name, timestamp=at), written=at + 1000)


def calm(**fields: object) -> Record:
    return goal(70.0, **({"target_metric": "cpu", "direction": Direction.AT_MOST} | fields))


@pytest.mark.parametrize("timestamp", WRONG)
def test_a_record_with_an_impossible_clock_is_refused_and_leaves_no_trace(timestamp: int) -> None:
    """One record of 2098 silenced its series and failed all goals with a deadline."""
    bench, twin = Bench(CoreConfig(metrics={"cpu": CPU})), Bench(CoreConfig(metrics={"cpu": CPU}))
    for each in (bench, twin):
        each.send("goals", calm(deadline=START + DAY), written=START)
        live(each, 0, 60.0)
    odd: list[tuple[str, Record]] = [
        (METRICS, metric(99.0, name="cpu", timestamp=timestamp)),
        ("events", event(timestamp=timestamp, event_type="x")),
        ("goals", goal(10.0, goal_id="g-2", timestamp=timestamp)),
        ("commands", command("goal.cancel", target="g-1", timestamp=timestamp)),
    ]
    for source, record in odd:
        seen = bench.send(source, record, written=START + 1000)
        reason = UNIT if timestamp < START else AHEAD
        assert [said[2] for said in seen.rejections] == [reason]
        assert str(timestamp) in seen.rejections[0][3]
        assert seen.emissions == []
    assert "--time-unit s" in str(seen.rejections) or timestamp != START // 1000
    for minute in range(1, 180):
        one, other = live(bench, minute, 60.0), live(twin, minute, 60.0)
        assert [(e.topic, type(e.record)) for e in one.emissions] == [
            (e.topic, type(e.record)) for e in other.emissions
        ]
    assert bench.state().goals["g-1"].status is twin.state().goals["g-1"].status


def test_what_producers_say_of_time_moves_no_deadline() -> None:
    """A producer dated events ahead, and deadlines, approvals and budgets followed."""
    bench = Bench()
    bench.send("goals", calm(deadline=START + HOUR), written=START)
    for ahead in (59_000, 50_000):
        bench.send("events", event(f"e-{ahead}", timestamp=START + HOUR + ahead, event_type="x"),
                   written=START + HOUR)  # fmt: skip
        assert bench.entity().clock == START + HOUR
        assert bench.state().goals["g-1"].status is GoalStatus.ACTIVE
    seen = bench.send("events", event("late", timestamp=START, event_type="x"),
                      written=START + HOUR + 1)  # fmt: skip
    assert [each.status for each in seen.records("goals")] == [GoalStatus.FAILED]
    assert seen.records("goals")[0].closed_at == START + HOUR + 1


def test_a_month_sent_at_once_is_learned_and_nothing_else() -> None:
    bench = Bench(CoreConfig(metrics={"cpu": CPU}))
    bench.send("goals", calm(deadline=START + DAY), written=START)
    old = [metric(99.0 if i % 50 > 40 else 50.0, name="cpu", timestamp=START - DAY + i * MINUTE)
           for i in range(700)]  # fmt: skip
    seen = bench.send(METRICS, *old, written=START)
    assert seen.emissions == []
    assert bench.state().goals["g-1"].current_value is None
    assert bench.partition.forecast("svc", "cpu", 3, 0.8) is not None
    assert [each.current_value for each in live(bench, 0, 60.0).records("goals")] == [60.0]


def test_old_values_that_come_while_live_ones_do_are_nobodys_present() -> None:
    """Yesterday's 99 was a breach now, a critical goal, and an act."""
    bench = Bench(CoreConfig(metrics={"cpu": CPU}))
    for minute in range(120):
        live(bench, minute, 40.0)
    burst = [metric(99.0, name="cpu", timestamp=START - DAY + i) for i in range(10)]
    seen = bench.send(METRICS, *burst, written=START + 120 * MINUTE)
    assert seen.emissions == []
    row = bench.partition.series.find("svc\x1fcpu")
    assert row is not None
    assert bench.partition.series.hot["last"][row] == 40.0


def test_an_hourly_series_is_live_though_its_values_come_late() -> None:
    bench = Bench(CoreConfig(metrics={"cpu": CPU}))
    bench.send("goals", calm(hold_ms=DAY), written=START)
    for hour in range(5):
        at = START + hour * HOUR
        bench.send(METRICS, metric(60.0 + hour, name="cpu", timestamp=at), written=at + 2 * HOUR)
    assert bench.state().goals["g-1"].current_value == 64.0


def test_a_late_value_does_not_begin_a_hold() -> None:
    """90 for two hours, then 50 from an hour ago: it completed a hold of ten minutes."""
    bench = Bench()
    bench.send("goals", calm(hold_ms=10 * MINUTE))
    for minute in range(120):
        bench.measure(90.0, name="cpu", at=START + minute * MINUTE)
    assert bench.measure(50.0, name="cpu", at=START + 59 * MINUTE).emissions == []
    for minute in range(120, 130):
        bench.measure(65.0, name="cpu", at=START + minute * MINUTE)
        assert bench.state().goals["g-1"].status is GoalStatus.ACTIVE
    seen = bench.measure(65.0, name="cpu", at=START + 130 * MINUTE)
    assert [each.status for each in seen.records("goals")] == [GoalStatus.ACHIEVED]


def test_a_series_stuck_in_the_future_by_an_earlier_release_goes_on() -> None:
    config = CoreConfig(metrics={"cpu": CPU}, time=TimeConfig(decisions=Clock.EVENT))
    bench = Bench(config)
    bench.measure(50.0, name="cpu", at=FAR)
    bench.save()
    bench.config = replace(bench.config, time=TimeConfig())
    bench.restart()
    for minute in range(3):
        live(bench, minute, 60.0 + minute)
    row = bench.partition.series.find("svc\x1fcpu")
    assert row is not None
    assert bench.partition.series.hot["last"][row] == 62.0
    assert bench.partition.series.bank.points(row) == 4


def test_outcomes_and_ticks_are_dated_by_the_log() -> None:
    """A worker's wrong clock loses no outcome and moves no time."""
    bench = Bench()
    bench.send("goals", calm(deadline=START + HOUR), written=START)
    for number, timestamp in enumerate((START - DAY, START + 30 * DAY)):
        tick = command("entity.tick", f"t-{number}", timestamp=timestamp)
        assert not bench.send("commands", tick, written=START + 1).rejections
    assert bench.state().goals["g-1"].status is GoalStatus.ACTIVE
    bench.send("commands", command("entity.tick", "t"), written=START + HOUR + 1)
    assert bench.state().goals["g-1"].status is GoalStatus.FAILED


# -- any record with any clock, anywhere ----------------------------------------------------------

MOST = 40
_LOG_STEPS = (0, 0, 1, 5, 20, 1000, 30 * MINUTE, HOUR, 1, 1)
_CLOCKS = (0, -1, -7, 3, -20, 59_000, -HOUR, -DAY, -30, 0)
"""Event time behind or ahead of the log's, all of which may be."""


def placed(drawn: list[Draw]) -> list[Entry]:
    """Records whose event time is anything possible, at log times that do not run back."""
    now, ends, entries = START, dict[str, int](), list[Entry]()
    for i, (source, undated) in enumerate(records_of(drawn, steps=(0,) * 10)):
        now += _LOG_STEPS[drawn[i].step]
        record = _dated(undated, now + _CLOCKS[drawn[i].extra % 10])
        entries.append(Entry(source, ends.get(source, 0), record, now))
        ends[source] = ends.get(source, 0) + 1
    return entries


def _dated(record: Record, timestamp: int) -> Record:
    return msgspec.structs.replace(record, timestamp=timestamp)


def _said(seen: Seen) -> list[tuple[str, object]]:
    """What was published, without ids and offsets, which tell where it was read."""
    return [(each.topic, _told(msgspec.to_builtins(each.record))) for each in seen.emissions]


def _told(value: object) -> object:
    if isinstance(value, dict):
        return {
            name: _told(part)
            for name, part in value.items()
            if name != "inputs" and not name.endswith(("_id", "_ids"))
        }
    return [_told(each) for each in value] if isinstance(value, list | tuple) else value


@given(config=configs, drawn=draws(MOST), where=st.integers(0, MOST), which=st.integers(0, 5),
       wrong=st.sampled_from([MINUTE + 1, HOUR, 400 * DAY, FAR - START]))  # fmt: skip
@settings(max_examples=100)
def test_a_record_ahead_of_the_log_changes_nothing_wherever_it_comes(
    config: CoreConfig, drawn: list[Draw], where: int, which: int, wrong: int
) -> None:
    log = placed(drawn)
    at = min(where, len(log))
    now = log[at - 1].written if at else START
    other = [draw for draw in drawn if draw.extra % 6 == which] or drawn[:1]
    (source, record), *_ = records_of(other[:1])
    if isinstance(record, Outcome):
        source, record = METRICS, metric(5.0, name="load", entity_id=record.entity_id)
    if isinstance(record, Goal):
        record = msgspec.structs.replace(record, revision=0)
    odd = Entry(source, 0, _dated(record, now + wrong), now)
    mixed = _renumbered([*log[:at], odd, *log[at:]])
    without, _ = run_cut(config, log, {})
    with_it, _ = run_cut(config, mixed, {})
    assert [each[2] for each in with_it.rejections].count(AHEAD) == 1
    assert _said(with_it) == _said(without)


def _renumbered(entries: list[Entry]) -> list[Entry]:
    ends: dict[str, int] = {}
    found: list[Entry] = []
    for each in entries:
        found.append(replace(each, offset=ends.get(each.source, 0)))
        ends[each.source] = ends.get(each.source, 0) + 1
    return found


@given(
    config=configs,
    drawn=draws(MOST),
    cuts=random_lists(lambda random: (random.randint(1, MOST), random.randint(0, 4)), 25),
)
@settings(max_examples=150)
def test_both_clocks_give_the_same_however_records_are_cut(
    config: CoreConfig, drawn: list[Draw], cuts: list[tuple[int, int]]
) -> None:
    log = placed(drawn)
    whole, stored = run_cut(config, log, {})
    single, stored_single = run_cut(config, log, dict.fromkeys(range(1, MOST), 0))
    random, stored_random = run_cut(config, log, dict(cuts))
    assert single.by_source() == whole.by_source() == random.by_source()
    assert single.rejections == whole.rejections == random.rejections
    assert stored_single.tables == stored.tables == stored_random.tables


@given(seed=st.integers(0, 2**32 - 1), share=st.floats(0, 1))
@settings(max_examples=60)
def test_late_repeated_and_old_values_leave_decisions_as_without_them(
    seed: int, share: float
) -> None:
    """They may come in any interleaving; what is learned first of history is what is learned."""
    random = Random(seed)
    config = CoreConfig(
        metrics={"cpu": CPU}, forecasting=ForecastConfig(interval_ms=10 * MINUTE, min_points=3)
    )
    clean, mixed = Bench(config), Bench(config)
    history = [START - DAY + i * MINUTE for i in range(random.randint(1, 30))]
    for each in (clean, mixed):
        each.send("goals", calm(hold_ms=5 * MINUTE, deadline=START + HOUR), written=START)
        old = [metric(97.0, name="cpu", timestamp=at) for at in history]
        assert each.send(METRICS, *old, written=START).emissions == []
    last = history[-1]
    for minute in range(80):
        at, value = START + minute * MINUTE, 60 + 50 * random.random()
        one = clean.send(METRICS, metric(value, name="cpu", timestamp=at), written=at)
        other = mixed.send(METRICS, metric(value, name="cpu", timestamp=at), written=at)
        assert _said(one) == _said(other)
        last = at
        while random.random() < share / 2:
            timestamp = random.choice([last, last - 1, random.randint(START - 2 * DAY, last)])
            said = metric(random.uniform(-1e6, 1e6), name="cpu", timestamp=timestamp)
            seen = mixed.send(METRICS, said, written=at + 1)
            assert (seen.emissions, seen.rejections) == ([], [])


def test_every_value_twice_is_as_once() -> None:
    """Two collectors of one source: the lead time of a breach was halved."""
    config = CoreConfig(metrics={"cpu": CPU}, forecasting=ForecastConfig(interval_ms=MINUTE))
    once, twice = Bench(config), Bench(config)
    for minute in range(300):
        value = 50 + 0.1 * minute
        first, again = live(once, minute, value), live(twice, minute, value)
        assert _said(first) == _said(again)
        assert live(twice, minute, value).emissions == []


def test_models_that_are_behind_learn_what_they_lack_and_no_late_value() -> None:
    """A crash leaves models behind their hot rows: order is judged by what each has seen."""
    bench, twin = Bench(), Bench()
    times = [0, 1, 2, 1, 3, 3, 4, 0, 5]
    log = [Entry(METRICS, i, metric(float(i), timestamp=START + t * MINUTE), START + 5 * MINUTE)
           for i, t in enumerate(times)]  # fmt: skip
    twin.apply(log)
    bench.apply(log[:2])
    bench.save()
    bench.apply(log[2:])
    bench.store.save(bench.partition.snapshot(0))
    bench.restart()
    bench.apply(log)
    for each in (bench, twin):
        each.save()
    assert bench.store.tables == twin.store.tables
