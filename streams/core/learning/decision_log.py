"""Logged decisions as off-policy evaluation needs them, and policies to be judged by them."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass

from streams.errors import InvalidRecord, UnknownName
from streams.records import Decision

TOLERANCE = 1e-6
"""By which propensities may miss a sum of 1."""


@dataclass(frozen=True, slots=True)
class Logged:
    """A choice whose reward is known."""

    context: Mapping[str, float]
    """What the policy looked at; texts are features of value 1."""
    scores: Mapping[str, float]
    """By candidate."""
    propensities: Mapping[str, float]
    """By candidate that could have been chosen: its probability, more than 0."""
    chosen: str
    reward: float
    """-1..1."""


Policy = Callable[[Logged], Mapping[str, float]]
"""Probabilities by candidate for a logged decision, which sum to 1; empty where the policy has no
answer, such as when the only candidate that it takes was not there. It must not look at the
choice or the reward."""


@dataclass(frozen=True, slots=True)
class DecisionLog:
    """What a log holds."""

    entries: tuple[Logged, ...]
    """In the order in which they were made."""
    unmeasured: int
    """Choices without a reward."""


def read_log(decisions: Iterable[Decision]) -> DecisionLog:
    """The choices among candidates in a log; other decisions are left out.

    A choice and its verification are about the same subject: the one with the reward counts, at
    the time of the first. Raises InvalidRecord where a choice has no usable propensities, or a
    reward out of range.
    """
    found: dict[tuple[str, str], Decision] = {}
    made_at: dict[tuple[str, str], int] = {}
    for decision in decisions:
        if not any(candidate.propensity for candidate in decision.candidates):
            continue
        key = (decision.entity_id, decision.subject_id)
        made_at[key] = min(made_at.get(key, decision.timestamp), decision.timestamp)
        if decision.reward is not None or key not in found:
            found[key] = decision
    ordered = [found[key] for key in sorted(found, key=lambda key: (made_at[key], key))]
    entries = tuple(_entry(each, each.reward) for each in ordered if each.reward is not None)
    return DecisionLog(entries, len(found) - len(entries))


def named_policy(name: str) -> Policy:
    """``greedy`` (the best score), ``uniform``, or ``always:NAME`` (where NAME may be chosen).

    Raises UnknownName.
    """
    kind, _, wanted = name.partition(":")
    if name == "greedy":
        return _greedy
    if name == "uniform":
        return _uniform
    if kind == "always" and wanted:
        return lambda entry: {wanted: 1.0} if wanted in entry.propensities else {}
    raise UnknownName(
        "policy is not known",
        field="policy",
        value=name,
        remedy="use greedy, uniform or always:NAME with the name of a candidate",
    )


def _greedy(entry: Logged) -> Mapping[str, float]:
    return {max(entry.propensities, key=lambda name: entry.scores[name]): 1.0}


def _uniform(entry: Logged) -> Mapping[str, float]:
    return dict.fromkeys(entry.propensities, 1 / len(entry.propensities))


def _entry(decision: Decision, reward: float) -> Logged:
    propensities = {each.name: each.propensity for each in decision.candidates if each.propensity}
    _check(
        abs(math.fsum(propensities.values()) - 1) <= TOLERANCE and min(propensities.values()) > 0,
        decision,
        "candidates",
        list(propensities.values()),
        "propensities are positive and sum to 1",
    )
    _check(
        decision.chosen in propensities,
        decision,
        "chosen",
        decision.chosen,
        f"it is one of {', '.join(propensities)}",
    )
    _check(-1 <= reward <= 1, decision, "reward", reward, "rewards are -1 to 1")
    return Logged(
        context=dict(_feature(name, text) for name, text in sorted(decision.context.items())),
        scores={each.name: each.score for each in decision.candidates},
        propensities=propensities,
        chosen=decision.chosen,
        reward=reward,
    )


def _check(ok: bool, decision: Decision, field: str, value: object, remedy: str) -> None:
    if not ok:
        raise InvalidRecord(
            f"decision {decision.decision_id!r} is of no use for an evaluation",
            field=field,
            value=value,
            remedy=remedy,
        )


def _feature(name: str, text: str) -> tuple[str, float]:
    try:
        number = float(text)
    except ValueError:
        number = math.nan
    return (name, number) if math.isfinite(number) else (f"{name}={text}", 1.0)
