"""Which goal comes first."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from streams.core.planning.schedule import MAX_SCORE, priority_score
from streams.records import Priority
from tests.kits.core.planning import DAY, HOUR, MINUTE, NOW, goal


@pytest.mark.spec("S1-107")
def test_score_of_priority_deadline_and_progress() -> None:
    critical = goal(priority=Priority.CRITICAL, deadline=NOW + 4 * HOUR)
    low = goal(priority=Priority.LOW, deadline=NOW + 30 * DAY)
    assert priority_score(critical, NOW) == 125
    assert priority_score(low, NOW) == 35


@pytest.mark.spec("S1-108")
def test_an_overdue_goal_counts_as_due_within_the_hour() -> None:
    soon = goal(deadline=NOW + 30 * MINUTE)
    overdue = goal(deadline=NOW - DAY)
    assert priority_score(soon, NOW) == priority_score(overdue, NOW) == 50 + 25 + 10


@pytest.mark.parametrize(
    ("ahead", "added"),
    [(HOUR - 1, 25), (HOUR, 15), (DAY - 1, 15), (DAY, 0), (None, 0)],
)
def test_the_deadline_adds_in_steps(ahead: int | None, added: int) -> None:
    one = goal(deadline=None if ahead is None else NOW + ahead, progress=1.0)
    assert priority_score(one, NOW) == 50 + added


def test_progress_takes_away_up_to_ten() -> None:
    assert priority_score(goal(progress=0.25), NOW) == 57.5
    assert priority_score(goal(progress=1.0), NOW) == 50


@given(
    st.sampled_from(Priority),
    st.none() | st.integers(1, 4 * 10**12),
    st.floats(-1, 2),
    st.integers(1, 4 * 10**12),
)
def test_the_score_is_in_its_range_and_more_urgent_never_scores_less(
    priority: Priority, deadline: int | None, progress: float, now: int
) -> None:
    score = priority_score(goal(priority=priority, deadline=deadline, progress=progress), now)
    assert 25 <= score <= MAX_SCORE
    urgent = goal(priority=Priority.CRITICAL, deadline=deadline, progress=progress)
    assert priority_score(urgent, now) >= score
