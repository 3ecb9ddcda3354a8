from __future__ import annotations

from streams.runtime.positions import CommitPositions, Source

METRICS = Source("agent-metrics", 0)
GOALS = Source("agent-goals", 0)


def test_positions_are_committed_once() -> None:
    positions = CommitPositions()
    due = positions.close(positions.open({METRICS: 5, GOALS: 2}))
    assert due == {METRICS: 5, GOALS: 2}
    positions.committed(due)
    assert positions.close(positions.open({METRICS: 5, GOALS: 3})) == {GOALS: 3}


def test_positions_that_the_broker_did_not_take_are_due_again() -> None:
    positions = CommitPositions()
    assert positions.close(positions.open({METRICS: 5})) == {METRICS: 5}
    assert positions.close(positions.open({METRICS: 5})) == {METRICS: 5}


def test_positions_never_go_back() -> None:
    positions = CommitPositions()
    positions.committed({METRICS: 9})
    positions.committed({METRICS: 4})
    assert positions.close(positions.open({METRICS: 8})) == {}
    assert positions.close(positions.open({METRICS: 10})) == {METRICS: 10}


def test_revocation_voids_open_tickets_and_forgets() -> None:
    positions = CommitPositions()
    ticket = positions.open({METRICS: 5})
    positions.committed({METRICS: 3})
    positions.revoke()
    assert positions.close(ticket) == {}
    assert positions.close(positions.open({METRICS: 3})) == {METRICS: 3}


def test_ticket_keeps_what_it_was_opened_with() -> None:
    positions, now = CommitPositions(), {METRICS: 5}
    ticket = positions.open(now)
    now[METRICS] = 7
    assert positions.close(ticket) == {METRICS: 5}
