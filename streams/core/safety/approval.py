"""Plans that wait for a person: asked for, approved, rejected, given up."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from enum import StrEnum

from msgspec.structs import replace

from streams.core.safety.config import SafetyConfig
from streams.records import Plan, PlanStatus, StepStatus

UNANSWERED = "nobody approved it in time"
"""Reason of a plan that was given up."""


class ApprovalProblem(StrEnum):
    """Stable codes of why a plan was neither approved nor rejected."""

    NOT_WAITING = "not_waiting"
    EXPIRED = "approval_expired"
    NOBODY = "approver_missing"
    SAME_PERSON = "same_person"


@dataclass(frozen=True, slots=True)
class ApprovalRefusal:
    """An answer that changes nothing. ``text`` names what is wrong and the remedy."""

    plan_id: str
    reason: ApprovalProblem
    text: str


def ask(plan: Plan, now: int, reason: str, config: SafetyConfig) -> Plan:
    """The plan as it waits for approval, until ``config.approval_expiry_ms`` have passed.

    A plan that waits for it already is returned as it is, since being asked again does not extend
    the wait; so is one that has begun or ended. An approval that was not enough is dropped.
    """
    if awaits_approval(plan) or plan.status not in (PlanStatus.SCHEDULED, PlanStatus.WAITING):
        return plan
    return replace(
        plan,
        status=PlanStatus.WAITING,
        reason=reason,
        approved_by="",
        expires_at=now + config.approval_expiry_ms,
        timestamp=now,
        revision=plan.revision + 1,
    )


def awaits_approval(plan: Plan) -> bool:
    """Whether a person has to answer; plans that wait for something else have no expiry."""
    return (
        plan.status is PlanStatus.WAITING and plan.expires_at is not None and not plan.approved_by
    )


def approve(plan: Plan, who: str, now: int, *, requester: str = "") -> Plan | ApprovalRefusal:
    """The plan as scheduled again, with who approved it.

    ``requester`` is who asked for the goal, empty for the engine: what cannot be undone is
    approved by somebody else. Names are compared without regard to case and outer blanks.
    """
    refusal = _check_answer(plan, who, now)
    if refusal is not None:
        return refusal
    if not is_approved((who,), requester=requester, reversible=plan.reversible):
        text = (
            f"plan {plan.plan_id!r} cannot be undone and {who.strip()!r} asked for its goal; "
            f"let another person approve it"
        )
        return ApprovalRefusal(plan.plan_id, ApprovalProblem.SAME_PERSON, text)
    return replace(
        plan,
        status=PlanStatus.SCHEDULED,
        reason="",
        approved_by=who.strip(),
        expires_at=None,
        timestamp=now,
        revision=plan.revision + 1,
    )


def reject(plan: Plan, who: str, now: int, reason: str = "") -> Plan | ApprovalRefusal:
    """The plan as cancelled, with who rejected it and why."""
    refusal = _check_answer(plan, who, now)
    if refusal is not None:
        return refusal
    why = f"rejected by {who.strip()}"
    return _cancelled(plan, now, f"{why}: {reason}" if reason else why)


def expire(plan: Plan, now: int) -> Plan:
    """The plan as cancelled when nobody answered in time; else the same object."""
    if not awaits_approval(plan) or not _is_over(plan, now):
        return plan
    return _cancelled(plan, now, UNANSWERED)


def approvers(names: Iterable[str]) -> tuple[str, ...]:
    """Names without blanks around them; empty ones are left out, each person appears once."""
    known = {name.strip().casefold(): name.strip() for name in names if name.strip()}
    return tuple(known.values())


def is_approved(names: Iterable[str], *, requester: str, reversible: bool) -> bool:
    """Whether ``names`` are enough: anybody, or for what cannot be undone not the requester."""
    people = {name.casefold() for name in approvers(names)}
    if not reversible:
        people.discard(requester.strip().casefold())
    return bool(people)


def _check_answer(plan: Plan, who: str, now: int) -> ApprovalRefusal | None:
    if not awaits_approval(plan):
        state = f"is {plan.status.value}"
        if plan.approved_by:
            state += f", approved by {plan.approved_by}"
        text = f"plan {plan.plan_id!r} {state}; only a plan that waits for approval has an answer"
        return ApprovalRefusal(plan.plan_id, ApprovalProblem.NOT_WAITING, text)
    if _is_over(plan, now):
        text = (
            f"plan {plan.plan_id!r} was to be answered before {plan.expires_at}, now is {now}; "
            f"wait for the next plan"
        )
        return ApprovalRefusal(plan.plan_id, ApprovalProblem.EXPIRED, text)
    if not who.strip():
        text = f"plan {plan.plan_id!r} needs the name of a person; say who answers"
        return ApprovalRefusal(plan.plan_id, ApprovalProblem.NOBODY, text)
    return None


def _is_over(plan: Plan, now: int) -> bool:
    return plan.expires_at is not None and now >= plan.expires_at


def _cancelled(plan: Plan, now: int, reason: str) -> Plan:
    steps = tuple(
        replace(step, status=StepStatus.SKIPPED) if step.status is StepStatus.PENDING else step
        for step in plan.actions
    )
    return replace(
        plan,
        status=PlanStatus.CANCELLED,
        reason=reason,
        actions=steps,
        expires_at=None,
        ended_at=now,
        timestamp=now,
        revision=plan.revision + 1,
    )
