"""What another policy would have earned, from the log of one that chose with known propensities.

Inverse propensity scoring (Horvitz and Thompson, JASA 1952), its self-normalised form (Swaminathan
and Joachims, NeurIPS 2015) and the doubly robust estimator (Dudik, Langford and Li, ICML 2011,
arXiv:1103.4601). The model of the last one predicts each reward before it learns it, so it never
saw what it corrects, and a log whose policy learned on the way is treated rightly.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from river.linear_model import BayesianLinearRegression

from streams.core.kernel.batch import FloatArray
from streams.core.learning.bounds import floored, lower_bound
from streams.core.learning.decision_log import TOLERANCE, Logged, Policy
from streams.core.learning.state import DEFAULTS
from streams.errors import ConfigError, InvalidRecord

MIN_EFFECTIVE = 10
"""Effective decisions below which estimates are better not looked at."""


@dataclass(frozen=True, slots=True)
class Estimate:
    """Mean rewards per decision, -1..1."""

    decisions: int
    """On which the policy has an answer."""
    unanswered: int
    logged: float
    """What the logged policy earned on the same decisions."""
    ips: float
    snips: float
    doubly_robust: float
    effective_samples: float
    """Independent decisions of the policy itself that would say as much (Kish)."""
    max_weight: float
    """Of one decision; the more, the less the estimates say."""
    low: float
    """With probability ``level`` the value is not below ``low`` and not above ``high``."""
    high: float
    lower: float
    """With probability ``level`` the value is not below this."""
    level: float

    @property
    def is_supported(self) -> bool:
        """Whether the log holds enough of what the policy would have done."""
        return self.effective_samples >= MIN_EFFECTIVE


@dataclass(frozen=True, slots=True)
class _Term:
    """One decision under the policy, in rewards of 0..1."""

    weight: float
    """Probability under the policy over propensity, of what was chosen."""
    reward: float
    predicted: float
    """What the model expected of what was chosen."""
    expected: float
    """What it expected of the policy."""
    floored: tuple[float, float]
    """``predicted`` as the bounds need it, and the same of 1 - reward."""
    floored_expected: tuple[float, float]


def evaluate(
    log: Sequence[Logged],
    policy: Policy,
    *,
    level: float = 0.95,
    min_samples: int = DEFAULTS.min_decisions,
) -> Estimate:
    """Judge a policy by decisions in order of time.

    Raises InvalidRecord when it answers fewer than ``min_samples`` of them, and ConfigError when
    ``level`` is not within 0..1, or the policy's probabilities do not sum to 1 or fall on a
    candidate that was never chosen.
    """
    if not 0 < level < 1:
        raise ConfigError(
            "level is a probability", field="level", value=level, remedy="use 0 to 1, e.g. 0.95"
        )
    terms = list(_terms(log, policy))
    if len(terms) < min_samples:
        raise InvalidRecord(
            "too few measured decisions to judge a policy",
            field="decisions",
            value=len(terms),
            remedy=f"need {min_samples}, have {len(terms)}: collect more",
        )
    weights = _column([term.weight for term in terms])
    rewards = _column([term.reward for term in terms])
    residuals = weights * (rewards - _column([term.predicted for term in terms]))
    alpha = 1 - level
    total = float(weights.sum())
    weighed = float(weights @ _signed(rewards))
    return Estimate(
        decisions=len(terms),
        unanswered=len(log) - len(terms),
        logged=float(_signed(rewards).mean()),
        ips=weighed / len(terms),
        snips=weighed / total if total else 0.0,
        doubly_robust=_back(float(np.mean(residuals + _column([term.expected for term in terms])))),
        effective_samples=total**2 / float(weights @ weights) if total else 0.0,
        max_weight=float(weights.max()),
        low=_back(_least(terms, 0, alpha / 2)),
        high=_back(1 - _least(terms, 1, alpha / 2)),
        lower=_back(_least(terms, 0, alpha)),
        level=level,
    )


def _least(terms: Sequence[_Term], mirrored: int, alpha: float) -> float:
    """Lower bound of the mean of the rewards, or of the mirrored ones."""
    rewards = _column([term.reward for term in terms])
    return lower_bound(
        _column([term.weight for term in terms]),
        1 - rewards if mirrored else rewards,
        _column([term.floored[mirrored] for term in terms]),
        _column([term.floored_expected[mirrored] for term in terms]),
        alpha,
    )


def _terms(log: Sequence[Logged], policy: Policy) -> Iterator[_Term]:
    model = _RewardModel()
    for entry in log:
        wanted = policy(entry)
        if wanted:
            yield _term(entry, _checked(entry, wanted), model)
        model.learn(entry)


def _checked(entry: Logged, wanted: Mapping[str, float]) -> Mapping[str, float]:
    possible = all(name in entry.propensities for name, share in wanted.items() if share)
    if possible and abs(sum(wanted.values()) - 1) <= TOLERANCE and min(wanted.values()) >= 0:
        return wanted
    raise ConfigError(
        "the log cannot say what this policy earns",
        field="policy",
        value=dict(wanted),
        remedy=f"give probabilities that sum to 1 to {', '.join(entry.propensities)}",
    )


def _term(entry: Logged, wanted: Mapping[str, float], model: _RewardModel) -> _Term:
    weights = {name: share / entry.propensities[name] for name, share in wanted.items() if share}
    predicted = {name: model.predict(name, entry.context) for name in (*weights, entry.chosen)}
    weight = weights.get(entry.chosen, 0.0)

    def sides(name: str, of: float) -> tuple[float, float]:
        return floored(predicted[name], of), floored(1 - predicted[name], of)

    both = [(wanted[name], sides(name, of)) for name, of in weights.items()]
    return _Term(
        weight=weight,
        reward=_share(entry.reward),
        predicted=predicted[entry.chosen],
        expected=sum(wanted[name] * predicted[name] for name in weights),
        floored=sides(entry.chosen, weight),
        floored_expected=(
            sum(share * low for share, (low, _) in both),
            sum(share * high for share, (_, high) in both),
        ),
    )


class _RewardModel:
    """River's Bayesian regression of rewards (0..1) on the context, one per candidate."""

    def __init__(self) -> None:
        self._by_name: dict[str, Any] = {}

    def predict(self, name: str, context: Mapping[str, float]) -> float:
        """Expected reward; a half before the first."""
        model = self._by_name.get(name)
        if model is None:
            return 0.5
        return min(1.0, max(0.0, 0.5 + model.predict_one(_inputs(context))))

    def learn(self, entry: Logged) -> None:
        model = self._by_name.setdefault(entry.chosen, BayesianLinearRegression())
        model.learn_one(_inputs(entry.context), _share(entry.reward) - 0.5)


def _inputs(context: Mapping[str, float]) -> dict[str, float]:
    """Features cut to -1..1, and the constant; as the policy itself sees them."""
    return {"": 1.0, **{name: min(1.0, max(-1.0, value)) for name, value in context.items()}}


def _share(reward: float) -> float:
    return (reward + 1) / 2


def _back(share: float) -> float:
    return 2 * share - 1


def _signed(shares: FloatArray) -> FloatArray:
    return 2 * shares - 1


def _column(values: Sequence[float]) -> FloatArray:
    return np.array(values, dtype=np.float64)
