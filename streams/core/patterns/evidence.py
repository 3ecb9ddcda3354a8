"""From counts to probabilities: how sure one may be that a pattern is no accident."""

from __future__ import annotations

import math

_TINY = 1e-300
_MAX_TERMS = 300


def certainty(p_value: float) -> float:
    """Probability that an effect is real, at most, when chance alone has ``p_value``; 0.5..1.

    1 - p itself would promise too much: half of all noise has p < 0.5, and an effect found with
    p = 0.05 is an accident more often than once in twenty times. This is the posterior
    probability under even odds with the bound -e p ln p of the Bayes factor: 0.71 for p = 0.05,
    0.89 for 0.01, 0.98 for 0.001.

    Source: Sellke, Bayarri, Berger, "Calibration of p values for testing precise null
    hypotheses", The American Statistician 55 (2001).
    """
    if p_value <= 0.0:
        return 1.0
    if p_value >= 1 / math.e:
        return 0.5
    return 1 / (1 - math.e * p_value * math.log(p_value))


def unusualness(deviations: float) -> float:
    """Least probability that a value of a distribution with one peak lies nearer to the mean.

    ``deviations``: distance in standard deviations, 0 or more. 0 at 1, 0.95 at 3, 0.99 at 6.
    Source: the inequality of Vysochanskij and Petunin (1980); no normal distribution is assumed.
    """
    if not deviations > 1.0:  # NaN included
        return 0.0
    square = deviations * deviations
    outside = 4 / (9 * square) if square >= 8 / 3 else 4 / (3 * square) - 1 / 3
    return 1 - outside


def binomial_tail(hits: int, trials: int, chance: float) -> float:
    """Probability of ``hits`` or more in independent ``trials``, each with ``chance`` (0..1)."""
    return min(
        1.0,
        sum(
            math.comb(trials, k) * chance**k * (1 - chance) ** (trials - k)
            for k in range(hits, trials + 1)
        ),
    )


def binomial_bound(hits: int, trials: int, chance: float) -> float:
    """No less than ``binomial_tail``, in constant time (Chernoff); ``chance`` above 0, below 1."""
    share = hits / trials
    if share <= chance:
        return 1.0
    divergence = share * math.log(share / chance)
    if share < 1:
        divergence += (1 - share) * math.log((1 - share) / (1 - chance))
    return math.exp(-trials * divergence)


def normal_tails(deviations: float) -> float:
    """Probability that a normal variable is at least so far from its mean, on either side."""
    return math.erfc(abs(deviations) / math.sqrt(2))


def f_tail(ratio: float, between: float, within: float) -> float:
    """Probability of an F ratio of ``ratio`` or more; both degrees of freedom above 0."""
    if ratio <= 0.0:
        return 1.0
    return _incomplete_beta(within / (within + between * ratio), within / 2, between / 2)


def _incomplete_beta(x: float, a: float, b: float) -> float:
    """Regularised incomplete beta function (DLMF 8.17), 0 <= x <= 1."""
    if x <= 0.0 or x >= 1.0:
        return float(x >= 1.0)
    if x > (a + 1) / (a + b + 2):  # the fraction converges fast on the other side only
        return 1 - _incomplete_beta(1 - x, b, a)
    log_front = math.lgamma(a + b) - math.lgamma(a) - math.lgamma(b)
    log_front += a * math.log(x) + b * math.log1p(-x)
    return math.exp(log_front) / a / _beta_fraction(x, a, b)


def _beta_fraction(x: float, a: float, b: float) -> float:
    """The continued fraction of DLMF 8.17.22, by the modified method of Lentz."""
    value = upper = 1.0
    lower = 0.0
    for term in range(1, _MAX_TERMS):
        m = term // 2
        if term % 2:
            step = -(a + m) * (a + b + m) * x / ((a + 2 * m) * (a + 2 * m + 1))
        else:
            step = m * (b - m) * x / ((a + 2 * m - 1) * (a + 2 * m))
        lower = 1 / (1 + step * lower or _TINY)
        upper = 1 + step / upper or _TINY
        value *= upper * lower
        if abs(upper * lower - 1) < 1e-14:
            break
    return value
