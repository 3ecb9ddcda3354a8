"""The measurement of the whole core does the work that it is said to measure, always the same."""

from __future__ import annotations

from benchmarks.whole_core import PARTS, Run, run

HOSTS, MINUTES = 3, 150


def counts(done: Run) -> tuple[object, ...]:
    return done.events, done.emissions, done.writes, done.written, done.entities


def test_a_fleet_is_learned_forecast_and_stored() -> None:
    done = run(HOSTS, MINUTES)
    assert done.events == done.writes["series"] == HOSTS * MINUTES * 5
    assert done.emissions["forecasts"] >= HOSTS * 5
    assert done.checkpoints == MINUTES
    assert len(done.entities) == HOSTS
    assert done.written["entities"] >= sum(done.entities.values())
    assert done.written["models"] > 0
    assert min(done.cpu_seconds[part] for part in PARTS) > 0
    assert counts(run(HOSTS, MINUTES)) == counts(done)
