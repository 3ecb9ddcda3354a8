"""Which candidate to try: a contextual bandit on River that can say how likely each choice was.

The score of a candidate is the reward that a linear model of the context expects of it (River's
disjoint linear bandit: Li et al., WWW 2010, arXiv:1003.0146), its prior being the mean before any
reward. Rewards are discounted, so that a changed system is learned anew (Russac et al., NeurIPS
2019, arXiv:1909.09146). Over the candidate with the best score lies epsilon-greedy exploration:
so the probability of each choice is known exactly, and the log of decisions can be used to judge
another policy (``off_policy``).
"""

from __future__ import annotations

import hashlib
import math
from collections.abc import Mapping, Sequence
from collections.abc import Set as AbstractSet
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, cast

import numpy as np
from river.bandit import LinUCBDisjoint
from river.linear_model import BayesianLinearRegression

from streams.core.kernel.batch import FloatArray
from streams.core.learning.config import LearningConfig
from streams.core.learning.state import Arm, LearningState, recall
from streams.records import Candidate

CONSTANT = ""
"""Name of the feature that is always 1."""
DECIMALS = 9
"""Of a score; beyond them machines may differ."""


@dataclass(frozen=True, slots=True)
class Choice:
    """What was chosen, and how likely it was."""

    index: int
    """Place among the names that were given."""
    name: str
    candidates: tuple[Candidate, ...]
    """All different names in their order; propensities sum to 1, those of blocked ones are 0."""
    policy: str
    """Which policy chose, for the log."""


class StoredRegression(BayesianLinearRegression):
    """River's Bayesian linear regression, made from and turned back into stored sums."""

    def __init__(self, names: Sequence[str], arm: Arm, prior: float, weight: float) -> None:
        """``prior`` is the mean of the constant's coefficient, ``weight`` the precision of all
        coefficients, counted in rewards."""
        super().__init__()
        size, known = len(names), len(arm.moment)
        precision = np.zeros((size, size))
        precision[np.triu_indices(known)] = arm.gram
        precision += np.triu(precision, 1).T
        precision += weight * np.eye(size)
        moment = np.zeros(size)
        moment[:known] = arm.moment
        moment[0] += weight * prior
        self._idx = {name: place for place, name in enumerate(names)}
        self._cap = size
        self._ss_arr = precision
        self._ss_inv_arr = np.asfortranarray(np.linalg.inv(precision))
        self._eta_arr = moment
        self._m_dirty = True
        self._prior = prior
        self._weight = weight

    def sums(self, weight: float) -> Arm:
        """What was learned, without the prior; ``weight`` is the number of rewards in it."""
        size = self._cap
        gram: FloatArray = self._ss_arr - self._weight * np.eye(size)
        moment: FloatArray = self._eta_arr.copy()
        moment[0] -= self._weight * self._prior
        return Arm(gram[np.triu_indices(size)].tolist(), moment.tolist(), weight)


class StoredBandit(LinUCBDisjoint):
    """River's disjoint linear bandit over stored arms, without dice: ties go to the first arm."""

    def __init__(self, optimism: float = 0.0, noise: float = 1.0) -> None:
        """An index is the mean plus ``optimism`` deviations, for rewards that scatter by
        ``noise``."""
        cast(Any, super()).__init__()
        self.optimism = optimism
        self.noise = noise

    if TYPE_CHECKING:  # River declares these without types

        def pull(self, arm_ids: Any, context: Any = None) -> Any: ...
        def update(self, arm_id: Any, context: Any, *reward_args: Any, **reward: Any) -> None: ...

    def load(self, name: str, regression: StoredRegression) -> None:
        self._bayes_lin_regs[name] = regression

    def index(self, name: str, context: dict[str, float]) -> float:
        """Expected reward of an arm and the bonus for what is not known of it."""
        regression: Any = self._bayes_lin_regs[name]
        found = regression.predict_one(context, with_dist=True)
        # River's variance is that of a reward whose own variance is 1.
        unknown = self.noise * math.sqrt(max(0.0, found.sigma**2 - 1))
        return round(float(found.mu) + self.optimism * unknown, DECIMALS)

    def _pull(self, arm_ids: Any, context: Any) -> Any:
        return max(arm_ids, key=lambda arm: self.index(arm, context))


def choose(
    state: LearningState,
    names: Sequence[str],
    context: Mapping[str, float],
    *,
    priors: Mapping[str, float],
    blocked: AbstractSet[str],
    seed: str,
    config: LearningConfig,
) -> Choice | None:
    """Choose one of several candidates; None when there are none, or all are blocked.

    ``context`` are features of about -1..1, cut there; ``priors`` are expected rewards, -1..1 (0
    where absent). Candidates of one name are the first of them. The same ``seed`` (such as a
    decision's id) makes the same choice. Changes nothing.
    """
    different = list(dict.fromkeys(names))
    allowed = [name for name in different if name not in blocked]
    if not allowed:
        return None
    bandit = StoredBandit(config.optimism, config.noise)
    features = state.features or [CONSTANT]
    for name in different:
        arm = state.arms.get(name, Arm())
        prior = priors.get(name, 0.0)
        bandit.load(name, StoredRegression(features, arm, prior, config.prior_weight))
    seen = _values(context, features)
    best = cast(str, bandit.pull(allowed, seen))
    # Without learning there is nothing to explore for.
    epsilon = config.epsilon if config.enabled else 0.0
    share = epsilon / len(allowed)
    propensities = {name: share + (1 - epsilon) * (name == best) for name in allowed}
    chosen = _draw(propensities, best, _uniform(seed))
    return Choice(
        index=names.index(chosen),
        name=chosen,
        candidates=tuple(
            Candidate(
                name=name, score=bandit.index(name, seen), propensity=propensities.get(name, 0.0)
            )
            for name in different
        ),
        policy=f"linear-epsilon-greedy({epsilon:g})",
    )


def learn(
    state: LearningState,
    name: str,
    context: Mapping[str, float],
    reward: float,
    config: LearningConfig,
) -> None:
    """Add a reward (-1..1, finite) that a candidate got in a context."""
    # The constant is the empty text, so it comes first.
    new = [feature for feature in sorted({CONSTANT, *context}) if feature not in state.features]
    state.features.extend(new[: max(0, config.max_features - len(state.features))])
    arm = recall(state.arms, name, Arm, config.max_names)
    old = Arm(
        [config.discount * value for value in arm.gram],
        [config.discount * value for value in arm.moment],
        config.discount * arm.weight,
    )
    regression = StoredRegression(state.features, old, 0.0, config.prior_weight)
    bandit = StoredBandit()
    bandit.load(name, regression)
    bandit.update(name, _values(context, state.features), reward)
    state.arms[name] = regression.sums(old.weight + 1)


def _values(context: Mapping[str, float], features: Sequence[str]) -> dict[str, float]:
    """The features as numbers in -1..1; 0 for what is absent or no number."""
    given = {**context, CONSTANT: 1.0}
    values = {name: given.get(name, 0.0) for name in features}
    return {
        name: 0.0 if math.isnan(value) else min(1.0, max(-1.0, value))
        for name, value in values.items()
    }


def _draw(propensities: Mapping[str, float], best: str, uniform: float) -> str:
    """The name at a uniform number; the best one takes what rounding leaves over."""
    for name, propensity in propensities.items():
        if uniform < propensity:
            return name
        uniform -= propensity
    return best


def _uniform(seed: str) -> float:
    """A number in 0..1 (exclusive) from a text, by SHA-256."""
    return (int.from_bytes(hashlib.sha256(seed.encode()).digest()[:8]) >> 11) / 2**53
