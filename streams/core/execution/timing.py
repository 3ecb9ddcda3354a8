"""When the next thing about a plan is due."""

from __future__ import annotations

from streams.core.execution.steps import in_flight, last_end
from streams.core.planning.config import PlanningConfig
from streams.records import Plan, PlanStatus


def wake_at(plan: Plan, config: PlanningConfig) -> int | None:
    """Moment (ms) from which a look at the plan may change it; None when none will come.

    In flight: the end of the lease. Running: the end of the delay between two steps. Scheduled:
    when it is due. Waiting: when what it waits for is given up. It may lie in the past.
    """
    index = in_flight(plan.actions)
    if index is not None:
        started = plan.actions[index].started_at
        return plan.timestamp if started is None else started + config.lease_ms
    if plan.status is PlanStatus.WAITING:
        return plan.expires_at
    if plan.dry_run:
        return None
    if plan.status is PlanStatus.SCHEDULED:
        return plan.scheduled_time
    if plan.status is PlanStatus.RUNNING:
        last = last_end(plan.actions)
        return plan.timestamp if last is None else last + config.action_delay_ms
    return None
