from __future__ import annotations

from typing import Any

import pytest

from streams.core.outcomes.build import (
    HandlerResult,
    failure,
    interpret,
    interrupted,
    no_handler,
    outcome_for,
    timed_out,
)
from streams.records import Outcome, OutcomeStatus, Severity
from tests.kits.core.goals import ENTITY, NOW, action


def outcome(result: HandlerResult, asked: dict[str, Any] | None = None, **fields: Any) -> Outcome:
    """The outcome of an action that ran for 200 ms, 100 ms after it was requested."""
    base = {
        "start_time": NOW + 100,
        "end_time": NOW + 300,
        "duration_ms": 200.0,
        "agent_name": "react_agent",
        "agent_type": "worker",
        "run_id": "r-1",
    }
    return outcome_for(action(**(asked or {})), result, **(base | fields))


@pytest.mark.spec("S2-003", "S2-004", "S2-010")
def test_who_did_what_and_how_long_it_took() -> None:
    done = outcome(interpret({"output": 1}))
    assert (done.agent_name, done.agent_type) == ("react_agent", "worker")
    assert (done.action_type, done.run_id) == ("scale", "r-1")
    assert (done.duration_ms, done.latency_ms) == (200.0, 300.0)
    assert done.end_time - done.start_time == done.duration_ms
    assert done.timestamp == done.end_time


@pytest.mark.spec("S1-118")
def test_an_outcome_belongs_to_its_action() -> None:
    asked = {"goal_id": "g-1", "plan_id": "p-1", "correlation_id": "c-1"}
    done = outcome(interpret({"impact": {"cpu_usage": -5}}), asked)
    assert (done.entity_id, done.entity_type, done.action_id) == (ENTITY, "service", "a-1")
    assert (done.goal_id, done.plan_id, done.correlation_id) == ("g-1", "p-1", "c-1")
    assert done.impact_claimed == {"cpu_usage": -5.0}
    assert done.impact_measured == {}


def test_the_event_id_is_that_of_the_action() -> None:
    repeated = [outcome(interpret(None)), outcome(failure(ValueError("bad")))]
    assert len({each.event_id for each in repeated}) == 1
    assert outcome(interpret(None), {"action_id": "a-2"}).event_id != repeated[0].event_id


@pytest.mark.spec("S2-041")
def test_a_child_names_the_outcome_of_its_parent() -> None:
    child = outcome(interpret(None), {"action_id": "a-2", "parent_action_id": "a-1"})
    assert child.parent_event_id == outcome(interpret(None)).event_id
    assert outcome(interpret(None)).parent_event_id == ""


@pytest.mark.spec("S2-007")
def test_clocks_that_disagree_do_not_make_time_run_backwards() -> None:
    done = outcome(interpret(None), {"requested_at": NOW + 9_000}, end_time=NOW)
    assert done.start_time == done.end_time == NOW + 100
    assert done.latency_ms == done.duration_ms


def test_the_moment_of_the_request_goes_before_the_event_time() -> None:
    assert outcome(interpret(None), {"requested_at": NOW - 700}).latency_ms == 1_000.0


@pytest.mark.parametrize(
    ("result", "status", "severity"),
    [
        pytest.param(
            interpret({"success": True}),
            OutcomeStatus.SUCCESS,
            Severity.INFO,
            marks=pytest.mark.spec("S2-019"),
        ),
        pytest.param(
            interpret({"status": "partial"}),
            OutcomeStatus.PARTIAL,
            Severity.WARNING,
            marks=pytest.mark.spec("S2-015", "S2-020"),
        ),
        pytest.param(
            timed_out(1.0),
            OutcomeStatus.TIMEOUT,
            Severity.WARNING,
            marks=pytest.mark.spec("S2-020"),
        ),
        pytest.param(
            failure(ValueError("bad")),
            OutcomeStatus.FAILURE,
            Severity.ERROR,
            marks=pytest.mark.spec("S2-012", "S2-014", "S2-021", "S1-119"),
        ),
    ],
)
def test_severity_follows_from_the_status(
    result: HandlerResult, status: OutcomeStatus, severity: Severity
) -> None:
    done = outcome(result)
    assert (done.status, done.severity) == (status, severity)
    assert done.error_type == result.error_type


def test_severity_can_be_given() -> None:
    done = outcome(failure(ValueError("bad")), severity=Severity.CRITICAL)
    assert done.severity is Severity.CRITICAL


@pytest.mark.spec("S1-116")
def test_an_action_without_a_handler_fails() -> None:
    done = no_handler(action(), NOW + 50)
    assert (done.status, done.error_type) == (OutcomeStatus.FAILURE, "NoHandler")
    assert done.error_message is not None
    assert "'scale'" in done.error_message
    assert (done.duration_ms, done.latency_ms) == (0.0, 50.0)


def test_an_action_whose_worker_was_lost_is_interrupted() -> None:
    done = interrupted(action(plan_id="p-1"), NOW + 50)
    assert (done.status, done.error_type) == (OutcomeStatus.FAILURE, "Interrupted")
    assert done.event_id == no_handler(action(), NOW).event_id
    assert (done.run_id, interrupted(action(), NOW).run_id) == ("p-1", "a-1")
