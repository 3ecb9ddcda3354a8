"""What the past says: rates, best strategies and hours, common failures, how settled it is."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from statistics import fmean, median

import msgspec

from streams.core.learning.config import LearningConfig
from streams.core.learning.state import DEFAULTS, ActionHistory, LearningState, Tally
from streams.records import GoalType, Strategy

_HoursOf = Callable[[ActionHistory], tuple[int, ...]]
COMMON = 5
"""Common failures that are told."""
HOURS = 3
"""Best hours that are told of an action."""
SURE = 2.0
"""Standard deviations of Wilson's interval: one of 44 rates lies beyond its end."""
GOOD = 0.5
"""Success rate below which nothing is recommended, failure rate from which an hour is avoided."""


class Rate(msgspec.Struct, frozen=True):
    """Share of successes."""

    rate: float | None
    """0..1; None without samples."""
    samples: int


class Failure(msgspec.Struct, frozen=True):
    """How often an action type failed lately."""

    action: str
    count: int


class LessonLearned(msgspec.Struct, frozen=True):
    action: str
    text: str
    at: int
    """Latest occurrence, ms."""
    count: int


class Durations(msgspec.Struct, frozen=True):
    """Of the latest plans, ms; None without any."""

    mean_ms: float | None
    p95_ms: float | None
    samples: int


class EffectLearned(msgspec.Struct, frozen=True):
    """Measured change in the metric's unit."""

    last: float
    mean: float
    deviation: float
    samples: int
    blocked_until: int = 0
    """ms; 0 when it is not blocked."""


class Check(msgspec.Struct, frozen=True):
    """Whether there is enough of something to learn from."""

    name: str
    ok: bool
    need: int
    have: int
    remedy: str = ""
    """What to do; empty when it is ok."""


class Insights(msgspec.Struct, frozen=True, kw_only=True):
    """Everything but ``enabled`` and ``checks`` is empty while learning is off."""

    enabled: bool
    action_success_rates: dict[str, Rate] = {}
    """By action type, of the latest outcomes."""
    success_rate: Rate = Rate(None, 0)
    """Of all final outcomes so far."""
    best_strategies: dict[str, str] = {}
    """By goal type."""
    common_failures: tuple[Failure, ...] = ()
    """The most frequent first."""
    best_hours: dict[str, tuple[int, ...]] = {}
    """By action type: hours of the day, UTC, the best first."""
    avoided_hours: dict[str, tuple[int, ...]] = {}
    lessons_learned: tuple[LessonLearned, ...] = ()
    """The latest first."""
    convergence: float | None = None
    """How settled success rates are, 0..1; None while too few results are known."""
    plan_durations: Durations = Durations(None, None, 0)
    effects: dict[str, dict[str, EffectLearned]] = {}
    """By candidate, by metric."""
    impact: dict[str, EffectLearned] = {}
    """By metric, whatever was done."""
    checks: tuple[Check, ...] = ()


def insights(state: LearningState, config: LearningConfig = DEFAULTS) -> Insights:
    """All that is known; only that learning is off when it is."""
    if not config.enabled:
        return Insights(enabled=False, checks=checks(state, config))
    return Insights(
        enabled=True,
        action_success_rates={
            name: Rate(_share(history.flags), len(history.flags))
            for name, history in sorted(state.actions.items())
        },
        success_rate=Rate(state.succeeded / state.ended if state.ended else None, state.ended),
        best_strategies={
            goal_type.value: strategy.value
            for goal_type, strategy in best_strategies(state, config.min_samples).items()
        },
        common_failures=_common_failures(state),
        best_hours=_by_name(state, _best_hours),
        avoided_hours=_by_name(state, lambda history: tuple(sorted(_bad_hours(history)))),
        lessons_learned=tuple(
            LessonLearned(lesson.action, lesson.text, lesson.at, lesson.count)
            for lesson in reversed(state.lessons)
        ),
        convergence=convergence(state, config.min_samples),
        plan_durations=_durations(state.plan_durations),
        effects=_effects(state),
        impact={
            metric: EffectLearned(effect.last, effect.mean, effect.deviation, effect.count)
            for metric, effect in sorted(state.impact.items())
        },
        checks=checks(state, config),
    )


def medians(state: LearningState) -> Mapping[str, float]:
    """Median duration of each action type that succeeded lately, ms."""
    return {
        name: median(history.durations)
        for name, history in state.actions.items()
        if history.durations
    }


def best_strategies(state: LearningState, min_samples: int) -> Mapping[GoalType, Strategy]:
    """By goal type the strategy whose success is surest, by the lower end of Wilson's interval.

    Those with fewer plans than ``min_samples``, and those that succeed in less than half, are no
    candidates: a goal type without any is left to the planner's rule.
    """
    best: dict[GoalType, tuple[float, Strategy]] = {}
    for key, tally in sorted(state.strategies.items()):
        if tally.tries < min_samples or tally.rate < GOOD:
            continue
        goal_type, strategy = key.split("/")
        found = (_least(tally), Strategy(strategy))
        if found[0] > best.get(GoalType(goal_type), (-1.0, None))[0]:
            best[GoalType(goal_type)] = found
    return {goal_type: strategy for goal_type, (_, strategy) in best.items()}


def avoid_hours(state: LearningState, name: str) -> frozenset[int]:
    """Hours of the day, UTC, in which a candidate's action types fail more often than at others."""
    found: set[int] = set()
    for action in name.split("+"):
        history = state.actions.get(action)
        if history is not None:
            found |= _bad_hours(history)
    return frozenset(found)


def convergence(state: LearningState, min_samples: int) -> float | None:
    """1 - the change of success rates from the older to the newer half of each action's window.

    The mean over action types, weighed by results; None while none has ``min_samples`` in each
    half.
    """
    changes, weights = 0.0, 0
    for history in state.actions.values():
        half = len(history.flags) // 2
        if half >= min_samples:
            change = fmean(history.flags[-half:]) - fmean(history.flags[:half])
            changes += len(history.flags) * abs(change)
            weights += len(history.flags)
    return 1 - changes / weights if weights else None


def checks(state: LearningState, config: LearningConfig) -> tuple[Check, ...]:
    """What learning lacks, if anything: switched on, outcomes, enough per action, effects."""
    samples = {name: len(history.flags) for name, history in sorted(state.actions.items())}
    have = sum(counted.count for counted in state.impact.values())
    found = [
        _check("enabled", 1, int(config.enabled), "set learning.enabled to true"),
        _check("outcomes", 1, state.ended, "publish outcomes of actions with a final status"),
        *(
            _check(f"samples:{name}", config.min_samples, count, f"wait for more of {name!r}")
            for name, count in samples.items()
        ),
        _check("effects", 1, have, "record the goals' metrics, so that effects can be measured"),
    ]
    return tuple(found)


def _check(name: str, need: int, have: int, remedy: str) -> Check:
    ok = have >= need
    return Check(name, ok, need, have, "" if ok else f"need {need}, have {have}: {remedy}")


def _share(flags: Sequence[bool]) -> float | None:
    return fmean(flags) if flags else None


def _common_failures(state: LearningState) -> tuple[Failure, ...]:
    counts = Counter(name for name in state.results if name)
    ranked = sorted(counts.items(), key=lambda item: (-item[1], item[0]))
    return tuple(Failure(name, count) for name, count in ranked[:COMMON])


def _by_name(state: LearningState, hours: _HoursOf) -> dict[str, tuple[int, ...]]:
    found = {name: hours(history) for name, history in sorted(state.actions.items())}
    return {name: told for name, told in found.items() if told}


def _best_hours(history: ActionHistory) -> tuple[int, ...]:
    """The hours whose success is surest, of those with a good rate."""
    good = [(-_least(tally), hour) for hour, tally in history.hours.items() if tally.rate >= GOOD]
    return tuple(hour for _, hour in sorted(good)[:HOURS])


def _bad_hours(history: ActionHistory) -> set[int]:
    """Hours that fail at least half of the time, and surely more often than the others."""
    tries = sum(tally.tries for tally in history.hours.values())
    wins = sum(tally.wins for tally in history.hours.values())
    bad: set[int] = set()
    for hour, tally in history.hours.items():
        failures = Tally(tally.tries, tally.tries - tally.wins)
        others = Tally(tries - tally.tries, tries - tally.tries - (wins - tally.wins))
        # One failure in two more tries: hours that were never tried are not taken for perfect.
        elsewhere = (others.wins + 1) / (others.tries + 2)
        if failures.rate >= GOOD and _least(failures) > elsewhere:
            bad.add(hour)
    return bad


def _least(tally: Tally) -> float:
    """Lower end of Wilson's interval for a share, 0..1 (Wilson, JASA 1927)."""
    if not tally.tries:
        return 0.0
    n, z, rate = tally.tries, SURE, tally.rate
    middle = rate + z * z / (2 * n)
    spread = z * math.sqrt(rate * (1 - rate) / n + z * z / (4 * n * n))
    return max(0.0, (middle - spread) / (1 + z * z / n))


def _durations(values: Sequence[float]) -> Durations:
    if not values:
        return Durations(None, None, 0)
    rank = math.ceil(0.95 * len(values)) - 1
    return Durations(fmean(values), sorted(values)[rank], len(values))


def _effects(state: LearningState) -> dict[str, dict[str, EffectLearned]]:
    return {
        name: {
            metric: EffectLearned(
                effect.last, effect.mean, effect.deviation, effect.count, effect.blocked_until
            )
            for metric, effect in sorted(metrics.items())
        }
        for name, metrics in sorted(state.effects.items())
    }
