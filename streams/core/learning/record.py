"""What is noted when an action ends, a plan ends, or an effect is measured.

Where ``config.enabled`` is False nothing is. Each fact is to be told once.
"""

from __future__ import annotations

import math
from collections.abc import Mapping

from streams.core.kernel.checks import HOUR_MS
from streams.core.learning import bandit
from streams.core.learning.config import LearningConfig
from streams.core.learning.state import (
    DEFAULTS,
    ActionHistory,
    Effect,
    LearningState,
    Lesson,
    Tally,
    append,
    recall,
)
from streams.records import Goal, Outcome, OutcomeStatus, Plan, PlanStatus

MAX_TEXT = 200
"""Characters of a lesson."""


def observe_action(
    state: LearningState, outcome: Outcome, now: int, config: LearningConfig = DEFAULTS
) -> None:
    """Note the final outcome of an action; one that is pending changes nothing.

    What was cancelled counts as an action without success, but not as a failure: it says nothing
    of the action, of the hour or of a cause.
    """
    if not config.enabled or not outcome.status.is_final:
        return
    succeeded = outcome.status is OutcomeStatus.SUCCESS
    state.ended += 1
    state.succeeded += succeeded
    name = outcome.action_type
    history = recall(state.actions, name, ActionHistory, config.max_names)
    append(history.flags, succeeded, config.window)
    cancelled = outcome.status is OutcomeStatus.CANCELLED
    failed = not succeeded and not cancelled
    append(state.results, name if failed else "", config.failures_window)
    if not cancelled:
        hour = outcome.start_time // HOUR_MS % 24
        history.hours.setdefault(hour, Tally()).add(succeeded)
    if succeeded and math.isfinite(outcome.duration_ms):
        append(history.durations, max(0.0, outcome.duration_ms), config.durations_kept)
    if failed:
        _learn_lesson(state, name, _reason(outcome), now, config)


def observe_plan(
    state: LearningState,
    plan: Plan,
    goal: Goal,
    now: int,
    config: LearningConfig = DEFAULTS,
    *,
    helped: bool | None = None,
) -> None:
    """Note a plan that is done or failed; any other changes nothing.

    It is a success of its strategy when it was done, unless its effect was measured and did not
    help (``helped`` is False).
    """
    if not config.enabled or plan.status not in (PlanStatus.DONE, PlanStatus.FAILED):
        return
    tally = state.strategies.setdefault(f"{goal.goal_type}/{plan.strategy}", Tally())
    tally.add(plan.status is PlanStatus.DONE and helped is not False)
    if plan.started_at is not None:
        ended_at = now if plan.ended_at is None else plan.ended_at
        duration = float(max(0, ended_at - plan.started_at))
        append(state.plan_durations, duration, config.durations_kept)


def observe_effect(  # noqa: PLR0913 - one measurement
    state: LearningState,
    proposal: str,
    metric: str,
    effect: float,
    reward: float,
    context: Mapping[str, float],
    now: int,
    config: LearningConfig = DEFAULTS,
    *,
    helped: bool | None = None,
) -> None:
    """Note what a candidate did to a metric, ``effect`` in its unit, ``reward`` -1..1.

    ``helped`` is what its verification says; where that cannot tell (None) the reward decides.
    ``context`` is that of the decision, as it was given to ``choose``. Numbers that are not finite
    change nothing.
    """
    if not config.enabled or not (math.isfinite(effect) and math.isfinite(reward)):
        return
    reward = min(1.0, max(-1.0, reward))
    bandit.learn(state, proposal, context, reward, config)
    recall(state.impact, metric, Effect, config.max_metrics).add(effect, config.window)
    metrics = recall(state.effects, proposal, dict[str, Effect], config.max_names)
    known = recall(metrics, metric, Effect, config.max_metrics)
    known.add(effect, config.window)
    if reward >= config.min_reward if helped is None else helped:
        known.misses = known.blocked_until = 0
        return
    known.misses += 1
    text = f"did not help {metric}: it changed by {effect:.4g}, reward {reward:.2f}"
    if known.misses >= config.block_after:
        known.blocked_until = now + config.block_ms
        text = f"blocked for {metric}: did not help {known.misses} times in a row"
    _learn_lesson(state, proposal, text, now, config)


def _reason(outcome: Outcome) -> str:
    parts = (outcome.error_type, outcome.error_message)
    return ": ".join(part for part in parts if part) or f"status {outcome.status}"


def _learn_lesson(
    state: LearningState, action: str, text: str, now: int, config: LearningConfig
) -> None:
    text = text[:MAX_TEXT]
    count = 1
    for lesson in state.lessons:
        if lesson.action == action and lesson.text == text:
            count += lesson.count
            state.lessons.remove(lesson)
            break
    append(state.lessons, Lesson(action, text, now, count), config.lessons_kept)
