"""Bounds on the value of a policy that hold for any sample size, by betting.

A gambler bets against the claim that the mean is m: when the claim is true his wealth stays small,
with certainty 1 - alpha below 1 / alpha. The claims that he does not refute are the interval
(Waudby-Smith and Ramdas, JRSS-B 2024, arXiv:2010.09686). Importance weighted rewards are not
bounded from above but from below, which is enough for a lower bound; the upper one comes from the
mirrored rewards (Waudby-Smith et al., Journal of Data Science in Statistics 2024,
arXiv:2210.10768). No normal approximation is made, and the policy that wrote the log may have
learned while it did; only the system that it met has to be the same throughout.
"""

from __future__ import annotations

import math

import numpy as np

from streams.core.kernel.batch import FloatArray

FLOOR = 1.0
"""Terms are at least -FLOOR; a larger one lets the reward model help more, and bets be smaller."""
MAX_BET = 0.9 / (1 + FLOOR)
"""Share of the wealth: at most nine tenths of it can be lost at once, whatever the mean."""
STEPS = 40
"""Halvings of 0..1, more than a double can tell."""


def lower_bound(
    weights: FloatArray,
    rewards: FloatArray,
    predicted: FloatArray,
    expected: FloatArray,
    alpha: float,
) -> float:
    """With probability 1 - ``alpha`` the value of the policy is not below this; in 0..1.

    ``weights`` are probability over propensity of what was chosen, ``rewards`` and ``predicted``
    (what a model that knew only the past expected of it) are in 0..1, both floored as
    ``floored`` does; ``expected`` is the mean of the floored predictions under the policy.
    """
    terms = weights * (rewards - predicted) + expected + FLOOR
    bets = _bets(terms, alpha)
    wanted = math.log(1 / alpha)
    low, high = 0.0, 1.0
    for _ in range(STEPS):
        middle = (low + high) / 2
        if float(np.log1p(bets * (terms - middle - FLOOR)).sum()) >= wanted:
            low = middle
        else:
            high = middle
    return low


def floored(predicted: float, weight: float) -> float:
    """A prediction (0..1) so low that ``weight`` times it is at most ``FLOOR``."""
    return min(predicted, FLOOR / weight) if weight > 0 else predicted


def _bets(terms: FloatArray, alpha: float) -> FloatArray:
    """Shares of the wealth, each from the terms before: large where they scatter little."""
    count = np.arange(len(terms))
    sums = np.concatenate(([0.0], np.cumsum(terms)[:-1]))
    squares = np.concatenate(([0.0], np.cumsum(terms**2)[:-1]))
    # One term in the middle and with the variance of a coin stands in before the first.
    means = (sums + FLOOR + 0.5) / (count + 1)
    variances = (squares + (FLOOR + 0.5) ** 2 + 0.25) / (count + 1) - means**2
    bets = np.sqrt(2 * math.log(1 / alpha) / (len(terms) * np.maximum(variances, 1e-6)))
    return np.minimum(bets, MAX_BET)
