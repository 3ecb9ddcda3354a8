"""Whether a plan may begin: every check that stands between a choice and its first step.

Asked when a plan is made, and again when it would begin; a plan that begins is noted with
``budget.note_start``. The checks stand in this order: stops, mode, trust in the forecasts, what
passes by itself (``later``), what a person has to decide (``await_approval``). So nobody is asked
to approve what could not begin anyway.
"""

from __future__ import annotations

from collections.abc import Callable, Set
from dataclasses import dataclass
from enum import StrEnum

from streams.core.kernel.checks import MINUTE_MS
from streams.core.planning.plan import PlanCandidate
from streams.core.safety import breaker, budget
from streams.core.safety.approval import approvers, is_approved
from streams.core.safety.config import Mode, SafetyConfig
from streams.core.safety.modes import Controls
from streams.core.safety.state import SafetyState
from streams.core.safety.trust import low_coverage
from streams.records import CauseKind, Goal


class GateDecision(StrEnum):
    ALLOW = "allow"
    """It may begin now."""
    AWAIT_APPROVAL = "await_approval"
    """It may begin when a person agrees."""
    RECOMMEND = "recommend"
    """It is shown, no step of it is asked for."""
    REFUSE = "refuse"
    """It is not even planned."""
    LATER = "later"
    """Ask again: at ``until``, or when what is in the way has ended."""


@dataclass(frozen=True, slots=True)
class StartRequest:
    """A plan that would begin."""

    goal: Goal
    proposal: PlanCandidate
    mode: Mode
    """As ``effective_mode`` says."""
    coverage: float | None = None
    """Running share of values inside their forecast interval; None without a forecast."""
    promised: float = 1.0
    """Share that should have been inside."""
    expected_change: float | None = None
    """Of the goal's metric, in its unit; None where nothing is known of it."""
    scale: float | None = None
    """What the metric measures when it is full: its capacity, or what it is compared with."""
    in_flight: Set[str] = frozenset()
    """Target metrics for which another plan of the entity is running."""
    approved_by: tuple[str, ...] = ()
    requester: str = ""
    """Who asked for the goal; empty for the engine."""


@dataclass(frozen=True, slots=True)
class GateResult:
    decision: GateDecision
    reason: str
    """What is in the way, how much of it there is, the limit and what to do; empty for allow."""
    until: int | None = None
    """Earliest moment at which another answer is possible, ms; None when that is not known."""
    check: str = ""
    """Stable name of what decided, e.g. budget; empty for allow."""


ALLOWED = GateResult(GateDecision.ALLOW, "")


@dataclass(frozen=True, slots=True)
class _Case:
    request: StartRequest
    state: SafetyState
    controls: Controls
    config: SafetyConfig
    now: int

    @property
    def target(self) -> str:
        return self.request.goal.target_metric

    @property
    def share(self) -> float:
        """Expected change as a share of the scale; 0 when it is not known."""
        return budget.share_of_scale(self.request.expected_change, self.request.scale) or 0.0

    def later(self, check: str, reason: str, until: int | None) -> GateResult:
        """``until`` is named in the reason, too."""
        if until is not None:
            reason = f"{reason}; wait {(until - self.now) / MINUTE_MS:.3g} min"
        return GateResult(GateDecision.LATER, reason, until, check)


def judge(
    request: StartRequest, state: SafetyState, controls: Controls, config: SafetyConfig, now: int
) -> GateResult:
    """What may be done with a plan now. The first check that objects decides.

    A person's approval stands for the mode, the allow list, the size of one step and the trust in
    forecasts; what cannot be undone needs that of somebody other than the requester. Stops,
    breaker, budgets and what is in flight hold for approved plans, too.
    """
    case = _Case(request, state, controls, config, now)
    for check in _CHECKS:
        verdict = check(case)
        if verdict is not None:
            return verdict
    return ALLOWED


def _stops(case: _Case) -> GateResult | None:
    if case.controls.killed:
        reason = f"kill switch is on: {case.controls.killed}; put it back to go on"
        return GateResult(GateDecision.REFUSE, reason, check="kill_switch")
    if not case.controls.running:
        return GateResult(GateDecision.REFUSE, "the agent is stopped; start it", check="stopped")
    return None


def _mode(case: _Case) -> GateResult | None:
    mode = case.request.mode
    reason = f"mode is {mode.value}, acting needs {Mode.APPROVE.value} or {Mode.ACT.value}"
    remedy = "set the mode to let plans run"
    if mode is Mode.OBSERVE:
        return GateResult(GateDecision.REFUSE, f"{reason}; {remedy}", check="mode")
    if mode is Mode.RECOMMEND:
        return GateResult(GateDecision.RECOMMEND, f"{reason}; {remedy}", check="mode")
    return None


def _trust(case: _Case) -> GateResult | None:
    request = case.request
    if request.mode is not Mode.ACT or request.coverage is None or _is_approved(case):
        return None
    reason = low_coverage(request.coverage, request.promised, case.config)
    return GateResult(GateDecision.RECOMMEND, reason, check="coverage") if reason else None


def _breaker(case: _Case) -> GateResult | None:
    if breaker.status(case.state, case.now) is not breaker.BreakerStatus.OPEN:
        return None
    reason = (
        "an action is being tried after too many that did not help"
        if case.state.on_trial
        else f"breaker is open: {case.config.breaker_failures} of the latest "
        f"{case.config.breaker_of} acts did not help (safety.breaker_failures)"
    )
    return case.later("breaker", reason, case.state.breaker_open_until)


def _in_flight(case: _Case) -> GateResult | None:
    if case.target not in case.request.in_flight:
        return None
    reason = (
        f"another plan for {case.target} is running, 1 at a time is permitted; wait for its end "
        f"or cancel it"
    )
    return case.later("in_flight", reason, None)


def _cooldown(case: _Case) -> GateResult | None:
    until = budget.cooldown_over_at(case.state, case.target, case.config, case.now)
    if until is None:
        return None
    rest = case.config.cooldown_ms / MINUTE_MS
    passed = rest - (until - case.now) / MINUTE_MS
    reason = (
        f"the latest plan for {case.target} began {passed:.3g} min ago, {rest:.3g} min must lie "
        f"between two (safety.cooldown_ms)"
    )
    return case.later("cooldown", reason, until)


def _budget(case: _Case) -> GateResult | None:
    used = budget.usage(case.state, case.config, case.now)
    if used.free_at is None:
        return None
    reason = (
        f"{used.used} plans began within {case.config.window_ms / MINUTE_MS:.3g} min, the limit "
        f"is {used.limit} (safety.acts_per_window)"
    )
    return case.later("budget", reason, used.free_at)


def _window_change(case: _Case) -> GateResult | None:
    until = budget.change_fits_at(case.state, case.target, case.share, case.config, case.now)
    if until is None:
        return None
    changed = budget.changed_share(case.state, case.target, case.config, case.now)
    reason = (
        f"{case.target} would change by {changed + case.share:.3g} of its scale within "
        f"{case.config.window_ms / MINUTE_MS:.3g} min, the limit is "
        f"{case.config.max_window_change:.3g} (safety.max_window_change)"
    )
    return case.later("window_change", reason, until)


def _approval(case: _Case) -> GateResult | None:
    if _is_approved(case):
        return None
    check, why = _needs_approval(case)
    if not check:
        return None
    who = "a person" if case.request.proposal.reversible else _second_person(case.request.requester)
    names = approvers(case.request.approved_by)
    have = f"approved by {', '.join(names)}" if names else "nobody has approved it"
    reason = f"{why}; {have}, {who} must approve it"
    return GateResult(GateDecision.AWAIT_APPROVAL, reason, check=check)


def _needs_approval(case: _Case) -> tuple[str, str]:
    """(check, what it says) of the first reason why a person has to agree; empty for none."""
    proposal, config = case.request.proposal, case.config
    if not proposal.reversible:
        return "irreversible", f"{proposal.name} cannot be undone"
    if case.request.goal.cause_kind is CauseKind.EVENT:
        return "goal_state", "its goal came with an event"
    if not proposal.unattended:
        why = f"{proposal.name} is not on the allow list (actions.*.unattended)"
        return "allow_list", why
    largest = config.max_step_change
    if case.share > largest:
        why = (
            f"{case.target} would change by {case.share:.3g} of its scale at once, the limit is "
            f"{largest:.3g} (safety.max_step_change)"
        )
        return "step_change", why
    if case.request.mode is Mode.APPROVE:
        return "mode", f"mode is {Mode.APPROVE.value}"
    return "", ""


def _second_person(requester: str) -> str:
    return f"a person other than {requester}" if requester else "a person"


def _is_approved(case: _Case) -> bool:
    request = case.request
    return is_approved(
        request.approved_by,
        requester=request.requester,
        reversible=request.proposal.reversible,
    )


_CHECKS: tuple[Callable[[_Case], GateResult | None], ...] = (
    _stops,
    _mode,
    _trust,
    _breaker,
    _in_flight,
    _cooldown,
    _budget,
    _window_change,
    _approval,
)
