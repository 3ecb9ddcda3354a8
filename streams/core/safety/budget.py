"""How much may be done in a while: acts per window, rest between acts, size of change."""

from __future__ import annotations

import math
from typing import NamedTuple

from streams.core.safety import breaker
from streams.core.safety.config import SafetyConfig
from streams.core.safety.state import SafetyState, StartedPlan


class Usage(NamedTuple):
    """How far the budget of acts is used."""

    used: int
    limit: int
    free_at: int | None
    """When the next act fits, ms; None when one fits now."""


def note_start(
    state: SafetyState,
    *,
    target: str,
    change: float | None,
    scale: float | None,
    plan_id: str,
    now: int,
    config: SafetyConfig,
) -> None:
    """Count a plan that begins, in the budgets and in the breaker.

    Noting a plan of the window again changes nothing. No more acts are kept than the window
    permits: the gate lets no further one begin while that many are in it.

    ``change`` and ``scale`` as in ``share_of_scale``.
    """
    if any(act.plan_id == plan_id for act in state.acts):
        return
    share = share_of_scale(change, scale) or 0.0
    act = StartedPlan(at=now, target=target, change=share, plan_id=plan_id)
    recent = [*_recent(state, config, now), act]
    recent.sort(key=lambda each: each.at)
    state.acts = recent[-config.acts_per_window :]
    latest = state.last_starts | {target: max(now, state.last_starts.get(target, now))}
    state.last_starts = {
        name: at for name, at in sorted(latest.items()) if at > now - config.cooldown_ms
    }
    breaker.begin_trial(state, config, now)


def usage(state: SafetyState, config: SafetyConfig, now: int) -> Usage:
    """The acts of the window that ends now."""
    recent = _recent(state, config, now)
    limit = config.acts_per_window
    full = len(recent) >= limit
    return Usage(len(recent), limit, recent[-limit].at + config.window_ms if full else None)


def cooldown_over_at(state: SafetyState, target: str, config: SafetyConfig, now: int) -> int | None:
    """When the next plan for the metric may begin, ms; None when it may now."""
    last = state.last_starts.get(target)
    if last is None or last + config.cooldown_ms <= now:
        return None
    return last + config.cooldown_ms


def changed_share(state: SafetyState, target: str, config: SafetyConfig, now: int) -> float:
    """Sum of the changes of a metric in the window that ends now, as a share of its scale."""
    return math.fsum(act.change for act in _recent(state, config, now) if act.target == target)


def change_fits_at(
    state: SafetyState, target: str, share: float, config: SafetyConfig, now: int
) -> int | None:
    """When a change of ``share`` of the scale fits into the window, ms; None when it does now.

    A change that is larger than the whole window fits when no other is in it.
    """
    mine = [act for act in _recent(state, config, now) if act.target == target and act.change]
    free_at = None
    while mine and math.fsum(act.change for act in mine) + share > config.max_window_change:
        free_at = mine.pop(0).at + config.window_ms
    return free_at


def share_of_scale(change: float | None, scale: float | None) -> float | None:
    """How large a change is beside what the metric measures, 0 or more.

    None when either is unknown, not finite, or the scale is 0.
    """
    if change is None or scale is None or scale == 0:
        return None
    share = abs(change) / abs(scale)
    return share if math.isfinite(share) else None


def _recent(state: SafetyState, config: SafetyConfig, now: int) -> list[StartedPlan]:
    """Acts of the window that ends now, oldest first."""
    return [act for act in state.acts if act.at > now - config.window_ms]
