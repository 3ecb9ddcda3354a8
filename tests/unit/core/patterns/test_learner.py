from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from streams.core.patterns.config import PatternConfig
from streams.core.patterns.events import short
from streams.core.patterns.learner import PatternLearner
from streams.core.patterns.state import PatternState
from streams.errors import ConfigError
from streams.records import Event, Pattern, PatternType
from tests.kits.core.patterns import (
    DAY,
    ENTITY,
    HOUR,
    MINUTE,
    MONDAY,
    at,
    dump,
    event,
    every,
    feed,
    load,
    of_type,
    workflow,
)

STEP = st.sampled_from([0, 1_000, MINUTE, 20 * MINUTE, HOUR, 7 * HOUR, DAY, 3 * DAY, 40 * DAY])
TURN = st.tuples(
    st.one_of(STEP, STEP.map(lambda step: -step // 3), st.integers(-3_000 * DAY, 3_000 * DAY)),
    st.sampled_from("abcdef"),
    st.sampled_from(["", "ann", "bob", "cy"]),
)
"""Time since the event before (negative: late), type, user."""
SMALL = PatternConfig(
    max_types=3, max_users=2, max_tracks=2, max_sequences=2, max_pairs=1, max_metrics=2
)


def story(turns: list[tuple[int, str, str]]) -> list[Event]:
    now, events = MONDAY, list[Event]()
    for step, kind, user in turns:
        now = max(DAY, now + step)
        metadata = {"user": user} if user else {}
        events.append(event(now, kind, **metadata))
    return events


def lively() -> list[Event]:
    """Hourly backups, a workflow by one user each morning, triple load on Mondays."""
    events = every(HOUR, 24 * 28, "backup")
    for day in range(28):
        for n in range(20):
            begin = MONDAY + day * DAY + 9 * HOUR + n * 2 * MINUTE
            events.append(event(begin, "order"))
        for hour in (9, 10):
            begin = MONDAY + day * DAY + hour * HOUR
            events += workflow(begin, "login", "search", "pay", user="ann")
        if day % 7 == 0:
            events += [event(MONDAY + day * DAY + n * 10 * MINUTE, "report") for n in range(144)]
    return sorted(events, key=lambda each: each.timestamp)


@pytest.mark.spec("S1-036")
def test_a_pattern_has_all_nine_fields() -> None:
    (found,) = PatternLearner().analyse(every(HOUR, 10)).patterns
    assert found.pattern_id
    assert found.pattern_type is PatternType.RECURRING_TASK
    assert found.description == "tick recurs every 1 hours"
    assert found.confidence == 1.0
    assert found.frequency == "every 1 hours"
    assert found.last_occurrence == MONDAY + 9 * HOUR
    assert found.occurrences == 10
    assert found.metadata == {"event_type": "tick", "period_ms": str(HOUR)}
    assert found.active is True
    assert (found.entity_id, found.entity_type) == (ENTITY, "service")


@pytest.mark.spec("S1-037")
def test_nine_events_give_a_warning_and_nothing_else() -> None:
    patterns, warnings = PatternLearner().analyse(every(HOUR, 9))
    assert patterns == ()
    assert warnings == ("9 events are too few; 10 are needed",)
    assert feed(every(HOUR, 9))[1] == []
    assert PatternLearner().analyse([]).warnings == ("0 events are too few; 10 are needed",)


@pytest.mark.spec("S1-037")
def test_the_tenth_event_brings_what_was_there_before() -> None:
    others = [event(MONDAY + 4 * HOUR + n, f"other-{n}") for n in range(1, 6)]
    _, news = feed(every(HOUR, 5) + others)
    assert [(each.metadata["event_type"], each.timestamp) for each in news] == [
        ("tick", others[-1].timestamp)
    ]


@pytest.mark.spec("S1-043")
def test_every_type_of_pattern_is_found() -> None:
    learner = PatternLearner()
    state, news = feed(lively(), learner)
    now = at(MONDAY + 28 * DAY)
    news += learner.on_anomaly(state, "cpu", 95.0, 50.0, 6.0, now)
    cpu = np.random.default_rng(1).normal(size=72).cumsum()
    news += learner.on_correlation(state, ("cpu", "memory"), (cpu, 2 * cpu), now)
    assert {each.pattern_type for each in news} == set(PatternType)
    assert {each.pattern_type for each in learner.patterns(state, now)} == set(PatternType)


@pytest.mark.spec("S1-044")
def test_a_six_sigma_point_is_an_anomaly_pattern() -> None:
    learner, state = PatternLearner(), PatternState()
    (first,) = learner.on_anomaly(state, "cpu", 95.0, 50.0, 6.0, at(MONDAY))
    (second,) = learner.on_anomaly(state, "cpu", 99.0, 52.0, -4.0, at(MONDAY + HOUR))
    (other,) = learner.on_anomaly(state, "memory", 1.0, 2.0, 3.0, at(MONDAY + HOUR))
    assert first.pattern_type is PatternType.ANOMALY
    assert first.description == "cpu was 95 where 50 was expected"
    assert first.confidence > 0.98
    assert (second.occurrences, second.last_occurrence) == (2, MONDAY + HOUR)
    assert second.metadata["score"] == "-4"
    assert second.pattern_id == first.pattern_id != other.pattern_id
    (gone, _) = learner.sweep(state, at(MONDAY + 40 * DAY))
    assert not gone.active


@pytest.mark.spec("S1-046")
def test_a_pattern_below_the_threshold_is_kept_but_not_usable() -> None:
    rounds = [e for n in range(6) for e in workflow(MONDAY + n * HOUR, "start", "run", "end")]
    others = [
        e for n in range(4) for e in workflow(MONDAY + DAY + n * HOUR, f"a-{n}", f"b-{n}", "end")
    ]
    learner = PatternLearner(PatternConfig(min_confidence=0.7))
    found = learner.analyse(rounds + others).patterns
    (weak,) = of_type(found, PatternType.WORKFLOW_SEQUENCE)
    assert weak.confidence == pytest.approx(0.6)
    assert weak.active
    assert not learner.usable(weak)
    assert PatternLearner(PatternConfig(min_confidence=0.6)).usable(weak)


@pytest.mark.spec("S1-046")
def test_a_retired_pattern_is_not_usable() -> None:
    learner = PatternLearner()
    (alive,) = learner.analyse(every(HOUR, 10)).patterns
    (gone,) = learner.analyse(every(HOUR, 10), MONDAY + DAY).patterns
    assert learner.usable(alive)
    assert not learner.usable(gone)


def test_records_carry_the_chain_of_the_event() -> None:
    learner, state = PatternLearner(), PatternState()
    news = [found for each in every(HOUR, 10) for found in learner.on_event(state, each, "chain-7")]
    assert [found.correlation_id for found in news] == ["chain-7"]


def test_reading_changes_nothing() -> None:
    learner = PatternLearner()
    state, _ = feed(lively(), learner)
    before = dump(state)
    learner.patterns(state, at(MONDAY + 500 * DAY))
    assert dump(state) == before


@pytest.mark.parametrize("timestamp", [-1, 0, 10**15, -(10**18), 2**63 - 1])
def test_moments_outside_the_calendar_are_left_out(timestamp: int) -> None:
    state, news = feed([event(timestamp)])
    assert news == []
    assert dump(state) == dump(PatternState())


@settings(max_examples=60, deadline=None)
@given(st.lists(TURN, max_size=80), st.integers(0, 80))
def test_a_restart_changes_nothing(turns: list[tuple[int, str, str]], cut: int) -> None:
    events = story(turns)
    state, news = feed(events)
    early, first = feed(events[:cut])
    late, second = feed(events[cut:], PatternLearner(), load(dump(early)))
    assert first + second == news
    assert dump(late) == dump(state)


@settings(max_examples=60, deadline=None)
@given(st.lists(TURN, max_size=80))
def test_any_order_of_events_is_survived(turns: list[tuple[int, str, str]]) -> None:
    learner = PatternLearner(SMALL)
    state, news = feed(story(turns), learner)
    now = at(state.clock)
    for found in news + learner.patterns(state, now):
        assert 0.0 <= found.confidence <= 1.0
        assert found.occurrences >= 0
        assert found.description
    sizes = (state.types, state.users, state.tracks, state.sequences)
    limits = (SMALL.max_types, SMALL.max_users, SMALL.max_tracks, SMALL.max_sequences)
    assert all(len(each) <= limit for each, limit in zip(sizes, limits, strict=True))


@settings(max_examples=60, deadline=None)
@given(st.lists(TURN, max_size=80))
def test_news_and_state_agree(turns: list[tuple[int, str, str]]) -> None:
    """Who reads the records knows which patterns are alive, also when some were forgotten."""
    learner = PatternLearner(SMALL)
    state, news = feed(story(turns), learner)
    last: dict[str, Pattern] = {found.pattern_id: found for found in news}
    told = {key for key, found in last.items() if found.active}
    alive = {found.pattern_id for found in learner.patterns(state, at(DAY)) if found.active}
    assert alive == told


@settings(max_examples=60, deadline=None)
@given(st.lists(TURN, max_size=60), st.integers(0, 100 * DAY))
def test_a_sweep_that_is_not_due_changes_nothing(
    turns: list[tuple[int, str, str]], later: int
) -> None:
    learner = PatternLearner()
    state, _ = feed(story(turns), learner)
    before, now = dump(state), state.clock + later
    due = learner.is_due(state, now)
    news = learner.sweep(state, at(now))
    assert due or (not news and dump(state) == before)
    assert not learner.is_due(state, now)


def test_forgotten_patterns_are_retired() -> None:
    learner = PatternLearner(PatternConfig(max_types=1, max_metrics=1, max_pairs=1))
    state, _ = feed(every(HOUR, 10), learner)
    news = learner.on_event(state, event(MONDAY + 10 * HOUR, "other"))
    assert [(found.metadata["event_type"], found.active) for found in news] == [("tick", False)]
    learner.on_anomaly(state, "cpu", 1.0, 0.0, 9.0, at(MONDAY))
    news = learner.on_anomaly(state, "disk", 1.0, 0.0, 9.0, at(MONDAY))
    assert [(found.metadata["metric"], found.active) for found in news] == [
        ("disk", True),
        ("cpu", False),
    ]
    wave = np.random.default_rng(2).normal(size=72)
    learner.on_correlation(state, ("a", "b"), (wave, wave), at(MONDAY))
    news = learner.on_correlation(state, ("a", "c"), (wave, wave), at(MONDAY))
    assert [(found.metadata["second_metric"], found.active) for found in news] == [
        ("c", True),
        ("b", False),
    ]


def test_a_flood_of_types_does_not_push_out_a_task() -> None:
    noise = [event(MONDAY + 10 * HOUR + n * MINUTE + 1, f"noise-{n}") for n in range(2_000)]
    events = sorted(every(HOUR, 44) + noise, key=lambda each: each.timestamp)
    state, _ = feed(events)
    (task,) = PatternLearner().patterns(state, at(MONDAY + 43 * HOUR))
    assert task.active
    assert task.occurrences == 44


def test_the_state_of_a_common_entity_is_small() -> None:
    state, _ = feed(lively())
    assert len(dump(state)) < 2_048


def test_the_state_stays_below_24_kb() -> None:
    """Everything full, names and counts at their longest."""
    config, learner, name = PatternConfig(), PatternLearner(), "é" * 60
    events: list[Event] = []
    for n in range(6):
        for k in range(config.max_sequences):
            steps = [f"{name}{(k * 5 + s) % config.max_types}" for s in range(config.max_steps)]
            begin = MONDAY + n * DAY + k * 2 * HOUR
            events += workflow(begin, *steps, user=f"{name}{k}", session=f"{name}{k}")
    begin = MONDAY + 6 * DAY
    for step in range(config.max_steps + 1):
        for k in range(config.max_users):
            kind = f"{name}{(step * 5 + k) % config.max_types}"
            track = f"{name}{k % config.max_tracks}"
            events.append(event(begin + step * MINUTE + k, kind, user=f"{name}{k}", session=track))
    state, _ = feed(events, learner)
    wave = np.random.default_rng(3).normal(size=72)
    for k in range(config.max_pairs):
        learner.on_correlation(state, (name, f"{name}{k}"), (wave, wave), at(begin))
    for k in range(config.max_metrics):
        learner.on_anomaly(state, f"{name}{k}", 1 / 3, 2 / 3, 5.1, at(begin))
    for traits in state.types.values():
        traits.rhythm.count = traits.day.count = 2**31
        traits.day.counts, traits.day.hits = [2**16 + 1] * 24, [28] * 24
    sizes = (state.types, state.users, state.tracks, state.sequences, state.pairs, state.incidents)
    full = (
        config.max_types,
        config.max_users,
        config.max_tracks,
        config.max_sequences,
        config.max_pairs,
        config.max_metrics,
    )
    assert tuple(map(len, sizes)) == full
    assert 16_000 < len(dump(state)) < 24_000


@given(st.text())
def test_names_are_short_and_told_apart(name: str) -> None:
    assert len(short(name).encode("utf-8", "replace")) <= 40
    assert short("x" * 50 + name) != short("x" * 50 + name + "y")
    if len(name) <= 10:
        assert short(name) == name


@pytest.mark.parametrize(
    ("field", "value"),
    [("min_confidence", 1.0), ("max_variation", 0.0), ("retire_after", 0), ("max_types", 0)],
)
def test_settings_out_of_range_are_refused(field: str, value: float) -> None:
    with pytest.raises(ConfigError, match=f"patterns.{field}"):
        PatternConfig(**{field: value})
