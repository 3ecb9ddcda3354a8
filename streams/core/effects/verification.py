"""What an action did change, against what the metric would have done without it.

Dhalion (Floratou et al., VLDB 2017) evaluates every action after it and black-lists those that did
not help; here the judgement also knows "cannot be told", so that noise neither blocks nor praises.
"""

from __future__ import annotations

from enum import StrEnum

import msgspec

from streams.core.effects.counterfactual import Band, finite
from streams.core.effects.expectation import Expectation
from streams.core.metric.progress import distance
from streams.records import Direction


class Verification(msgspec.Struct, frozen=True, kw_only=True):
    """A measured effect and what it says of the action."""

    measured_at: int
    """ms."""
    actual: float
    effect: float
    """Change against the counterfactual forecast, in the metric's unit."""
    change: float
    """Change against the last value before the action, in the metric's unit."""
    helped: bool | None
    """None when it cannot be told from noise."""
    within: bool | None
    """Whether the effect lies inside its expected interval; None when none was expected."""
    reward: float
    """-1..1: share of the needed change that the action brought about."""


class Readiness(StrEnum):
    """What to do about an expectation."""

    WAIT = "wait"
    MEASURE = "measure"
    GIVE_UP = "give_up"
    """No value came in time; the effect stays unknown."""


def readiness(
    expectation: Expectation, now: int, measured_at: int | None, patience_ms: int
) -> Readiness:
    """Whether the effect can be measured by the value of the metric of ``measured_at``, ms.

    None means that the metric has no value. A value from before ``settle_at`` shows no effect.
    """
    if now < expectation.settle_at:
        return Readiness.WAIT
    if measured_at is not None and measured_at >= expectation.settle_at:
        return Readiness.MEASURE
    late = now >= expectation.settle_at + patience_ms
    return Readiness.GIVE_UP if late else Readiness.WAIT


def verify(expectation: Expectation, actual: float, now: int) -> Verification:
    """Judge an action by the value ``actual`` that its metric has after the settle time.

    The counterfactual is taken for ``now``, which may be later than ``settle_at``. The action

    - helped when ``actual`` lies outside the forecast's interval, on the better side;
    - did not help when it lies outside on the worse side, or inside although so much was expected
      of the action that it ought to lie elsewhere;
    - cannot be judged when it lies inside and that, too, is what was expected, or nothing was.

    Without an interval an action helped that came nearer to what was expected of it than to doing
    nothing; when nothing was expected either, it cannot be judged.
    """
    band = expectation.without.at(max(now, expectation.settle_at))
    effect = finite(actual - band.mean)
    lower, upper = expectation.effect_lower, expectation.effect_upper
    within = None if lower is None or upper is None else lower <= effect <= upper
    return Verification(
        measured_at=now,
        actual=actual,
        effect=effect,
        change=finite(actual - expectation.before),
        helped=_helped(expectation, band, actual, within),
        within=within,
        reward=_reward(expectation, band, actual),
    )


def _gain(expectation: Expectation, counterfactual: float, value: float) -> float:
    """How much better ``value`` is, in the metric's unit; negative if worse."""
    if expectation.direction is Direction.AT_MOST:
        return finite(counterfactual - value)
    if expectation.direction is Direction.AT_LEAST:
        return finite(value - counterfactual)
    direction, target = expectation.direction, expectation.target
    return finite(distance(direction, target, counterfactual) - distance(direction, target, value))


def _helped(
    expectation: Expectation, band: Band, actual: float, within: bool | None
) -> bool | None:
    gain = _gain(expectation, band.mean, actual)
    expected = expectation.effect
    hoped = None if expected is None else finite(band.mean + expected)
    if band.lower is None or band.upper is None:
        if hoped is None:
            return None
        return gain > 0 and abs(actual - hoped) < abs(actual - band.mean)
    if not band.lower <= actual <= band.upper:
        return gain > 0
    if hoped is None or within is not False:
        return None
    return None if gain >= _gain(expectation, band.mean, hoped) else False


def _reward(expectation: Expectation, band: Band, actual: float) -> float:
    """Gain as a share of what was needed, or of the noise where less than that was needed.

    An action for a target that would have been met anyway earns nothing, and can only do harm.
    """
    gain = _gain(expectation, band.mean, actual)
    if gain == 0 or (gain > 0 and expectation.needed == 0):
        return 0.0
    noise = 0.0
    if band.lower is not None and band.upper is not None:
        noise = finite(band.upper - band.lower) / 2
    scale = max(expectation.needed, noise)
    return max(-1.0, min(1.0, gain / scale)) if scale > 0 else -1.0
