from __future__ import annotations

import random

import pytest

from streams.core.patterns.config import PatternConfig
from streams.core.patterns.learner import PatternLearner
from streams.core.patterns.users import usual_hours
from streams.records import Event, Pattern, PatternType
from tests.kits.core.patterns import DAY, HOUR, MONDAY, at, event, feed, of_type


def office(days: range, hours: range, user: str = "ann", key: str = "user_id") -> list[Event]:
    """Every hour of ``hours`` two events, and a third of another type at the first."""
    events: list[Event] = []
    for day in days:
        for hour in hours:
            begin = MONDAY + day * DAY + hour % 24 * HOUR
            events += [
                event(begin + 1, "edit", **{key: user}),
                event(begin + 2, "save", **{key: user}),
            ]
        events.append(event(MONDAY + day * DAY + hours[0] % 24 * HOUR, "login", **{key: user}))
    return events


def habits(events: list[Event], learner: PatternLearner | None = None) -> list[Pattern]:
    found = (learner or PatternLearner()).analyse(events).patterns
    return of_type(found, PatternType.USER_BEHAVIOR)


@pytest.mark.spec("S1-043")
@pytest.mark.parametrize("key", ["user_id", "user"])
def test_office_hours_are_a_habit(key: str) -> None:
    (found,) = habits(office(range(20), range(9, 13), key=key))
    assert found.metadata["user"] == "ann"
    assert found.metadata["typical_hours"] == "09:00-13:00"
    assert found.metadata["typical_types"] == "edit, save"
    assert found.confidence > 0.9


def test_the_key_of_the_user_is_configured() -> None:
    learner = PatternLearner(PatternConfig(user_keys=("login",)))
    events = office(range(20), range(9, 13), key="login")
    assert len(habits(events, learner)) == 1
    assert habits(events) == []


def test_habits_may_cross_midnight() -> None:
    (found,) = habits(office(range(20), range(22, 26)))
    assert found.metadata["typical_hours"] == "22:00-02:00"


def test_users_are_told_apart() -> None:
    found = habits(office(range(20), range(9, 11)) + office(range(20), range(18, 20), user="bob"))
    hours = {each.metadata["user"]: each.metadata["typical_hours"] for each in found}
    assert hours == {"ann": "09:00-11:00", "bob": "18:00-20:00"}


def test_confidence_is_earned_on_later_days() -> None:
    noise = random.Random(2)
    wavering = [
        event(MONDAY + day * DAY + hour * HOUR, "edit", user="ann")
        for day in range(40)
        for hour in {9, 10, noise.choice([11, 12]), noise.randrange(24)}
    ]
    (steady,) = habits(office(range(40), range(9, 12)))
    (loose,) = habits(wavering)
    assert loose.confidence < steady.confidence


def test_a_user_around_the_clock_has_no_habit() -> None:
    noise = random.Random(4)
    events = [event(MONDAY + noise.randrange(60 * DAY), "edit", user="ann") for _ in range(2_000)]
    assert habits(events) == []


def test_one_long_night_is_no_habit() -> None:
    events = [event(MONDAY + 3 * HOUR + n * 1_000, "edit", user="ann") for n in range(5_000)]
    assert habits(events) == []


@pytest.mark.spec("S1-047")
def test_a_user_who_stays_away_is_retired() -> None:
    learner = PatternLearner()
    state, _ = feed(office(range(20), range(9, 13)), learner)
    news = learner.sweep(state, at(MONDAY + 60 * DAY))
    assert [each.active for each in of_type(news, PatternType.USER_BEHAVIOR)] == [False]


def test_new_hours_are_reported() -> None:
    _, news = feed(office(range(20), range(9, 12)) + office(range(20, 120), range(15, 18)))
    reported = of_type(news, PatternType.USER_BEHAVIOR)
    assert reported[0].metadata["typical_hours"] == "09:00-12:00"
    assert reported[-1].metadata["typical_hours"] == "15:00-18:00"
    assert reported[-1].active
    assert len(reported) < 20


@pytest.mark.parametrize(
    ("active", "run"),
    [
        ({9: 5, 10: 5}, (9, 2)),
        ({23: 5, 0: 5, 1: 5}, (23, 3)),
        ({9: 9, 20: 1}, (9, 1)),
        (dict.fromkeys(range(24), 1), (0, 24)),
        ({3: 1, 15: 1}, (0, 24)),
    ],
)
def test_usual_hours_are_the_shortest_run(active: dict[int, int], run: tuple[int, int]) -> None:
    assert usual_hours([active.get(hour, 0) for hour in range(24)]) == run
