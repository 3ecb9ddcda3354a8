"""What an action is expected to change, written down before it begins.

Goal-driven autonomy (Klenk, Molineaux, Aha 2013) plans with expectations and acts on their
violation. An expectation too wide misses faults, one too tight makes the agent restless
(Muñoz-Avila, Dannenhauer, Reifsnyder 2019); so the interval comes from measured effects and from
the forecast's own error.
"""

from __future__ import annotations

import math
from collections.abc import Mapping

import msgspec
from msgspec import structs

from streams.core.effects.config import DEFAULTS, EffectsConfig
from streams.core.effects.counterfactual import Counterfactual, counterfactual, finite
from streams.core.forecasting.interval import half_width
from streams.core.kernel.model_results import SeriesForecast
from streams.core.metric.progress import distance
from streams.core.planning.plan import PlanCandidate
from streams.records import Direction, Goal, Plan


class Expectation(msgspec.Struct, frozen=True, kw_only=True):
    """Stored until the effect is measured. Values and effects are in the metric's unit."""

    plan_id: str = ""
    goal_id: str
    proposal: str
    """Name under which is learned what the action brings."""
    metric: str
    direction: Direction
    target: float
    made_at: int
    """ms, as all moments."""
    acted_at: int = msgspec.field(name="act_at")
    """Begin of the action."""
    settle_at: int
    """When the effect is to be measured."""
    before: float
    """Last value before the action."""
    without: Counterfactual
    """The forecast that was made before the action."""
    counterfactual_mean: float = msgspec.field(name="untouched_mean")
    """What it says of the metric at ``settle_at``."""
    counterfactual_lower: float | None = msgspec.field(default=None, name="untouched_lower")
    counterfactual_upper: float | None = msgspec.field(default=None, name="untouched_upper")
    needed: float = 0.0
    """Largest distance from the target now and in the forecast, 0 or more: what it is for."""
    effect: float | None = None
    """Change against ``counterfactual_mean``; None where nothing is declared or learned."""
    effect_lower: float | None = None
    effect_upper: float | None = None
    decision_id: str = ""
    context: dict[str, float] = {}
    """What the policy looked at when it chose."""
    correlation_id: str = ""


class _Guess(msgspec.Struct, frozen=True):
    """An expected effect and its interval."""

    mean: float | None = None
    lower: float | None = None
    upper: float | None = None


def settle_ms(config: EffectsConfig, plan: Plan) -> int:
    """Time from the end of ``plan`` until its effect is to be measured, ms."""
    return config.settle_by_metric.get(plan.expected_metric, config.settle_ms)


def expect(
    goal: Goal,
    proposal: PlanCandidate,
    *,
    now: int,
    settle_ms: int,
    forecast: SeriesForecast | None,
    learned: tuple[float, float, int] | None,
    current: float,
    config: EffectsConfig = DEFAULTS,
) -> Expectation:
    """What ``proposal`` is expected to change of the goal's metric ``settle_ms`` from now.

    ``forecast`` is the counterfactual one, made now; without one the metric is expected to stay
    at ``current``. ``learned`` is (mean, standard deviation, number) of the effects measured
    so far. The expected effect is the mean of the measured ones and of the declared one, which
    counts as ``prior_samples`` of them; its interval holds the value that will be measured with
    probability ``level``, so it includes what the forecast may be wrong by.
    """
    without = counterfactual(now, finite(current), forecast, config.path_steps)
    band = without.at(now + settle_ms)
    guess = _guess(proposal.effect, learned, band.deviation, config)
    return Expectation(
        goal_id=goal.goal_id,
        proposal=proposal.name,
        metric=goal.target_metric,
        direction=goal.direction,
        target=goal.target_value,
        made_at=now,
        acted_at=now,
        settle_at=now + settle_ms,
        before=without.value,
        without=without,
        counterfactual_mean=band.mean,
        counterfactual_lower=band.lower,
        counterfactual_upper=band.upper,
        needed=_needed(goal, without),
        effect=guess.mean,
        effect_lower=guess.lower,
        effect_upper=guess.upper,
        correlation_id=goal.correlation_id,
    )


def bound(
    expectation: Expectation, plan_id: str, decision_id: str, context: Mapping[str, float]
) -> Expectation:
    """The expectation with the plan and the decision that came of it."""
    return structs.replace(
        expectation, plan_id=plan_id, decision_id=decision_id, context=dict(context)
    )


def acted(expectation: Expectation, began: int, ended: int, settle_ms: int) -> Expectation:
    """The expectation once the action is over: measured ``settle_ms`` after ``ended``.

    What would have been then comes from the forecast that was made before the action. The expected
    effect stays what it was.
    """
    settle_at = ended + settle_ms
    band = expectation.without.at(settle_at)
    return structs.replace(
        expectation,
        acted_at=began,
        settle_at=settle_at,
        counterfactual_mean=band.mean,
        counterfactual_lower=band.lower,
        counterfactual_upper=band.upper,
    )


def _needed(goal: Goal, without: Counterfactual) -> float:
    ahead = (without.value, *without.mean)
    return max(finite(distance(goal.direction, goal.target_value, value)) for value in ahead)


def _guess(
    declared: float | None,
    learned: tuple[float, float, int] | None,
    noise: float,
    config: EffectsConfig,
) -> _Guess:
    mean, deviation, number = learned or (0.0, 0.0, 0)
    prior = 0.0 if declared is None else config.prior_samples
    weight = prior + number
    if not weight:
        return _Guess()
    guess = finite((declared or 0.0) * (prior / weight) + mean * (number / weight))
    # Few measured effects say little of how far the next may lie off; until then the forecast's
    # error and the doubt about what was declared do.
    assumed = math.hypot(config.prior_spread * (declared if declared is not None else mean), noise)
    measured = deviation * math.sqrt(1 + 1 / number) if number else 0.0
    trust = config.prior_samples
    share = number / (trust + number)
    half = finite(
        half_width(config.level)
        * math.hypot(math.sqrt(1 - share) * assumed, math.sqrt(share) * measured)
    )
    return _Guess(guess, finite(guess - half), finite(guess + half))
