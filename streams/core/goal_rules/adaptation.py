"""pattern_adaptation: a recurring task that may be done more efficiently."""

from __future__ import annotations

from streams.core.goal_rules.candidate import Wish, candidate, dedupe_key, measured
from streams.core.goal_rules.config import RulesConfig
from streams.core.goal_rules.situation import Reading, Situation
from streams.records import CauseKind, Direction, Goal, GoalType, Pattern, PatternType, Priority

_STEPS = ("analyse_pattern", "prepare_resources", "schedule_ahead", "monitor_efficiency")
_TYPE = GoalType.PATTERN_ADAPTATION


def adaptation_goals(situation: Situation, config: RulesConfig) -> list[Goal]:
    """One goal for each of the surest recurring tasks, where the efficiency is measured.

    A goal that is open keeps the target it began with.
    """
    rules = config.setting
    return [
        candidate(situation, config, _wish(situation, config, metric, reading, pattern))
        for metric, reading, _ in measured(situation, {rules.pattern_metric: 1}, config.aliases)
        if reading.value > 0
        for pattern in _recurring(situation)[: rules.max_patterns]
    ]


def _recurring(situation: Situation) -> list[Pattern]:
    """The surest first."""
    tasks = (p for p in situation.patterns if p.pattern_type is PatternType.RECURRING_TASK)
    return sorted(tasks, key=lambda each: (-each.confidence, each.pattern_id))


def _wish(
    situation: Situation, config: RulesConfig, metric: str, reading: Reading, pattern: Pattern
) -> Wish:
    gain = config.setting.pattern_gain
    known = situation.open_goal(dedupe_key(situation, _TYPE, metric, pattern.pattern_id))
    target = (1 + gain) * reading.value if known is None else known.target_value
    numbers = {
        "current": reading.value,
        "gain": gain,
        "confidence": pattern.confidence,
        "occurrences": float(pattern.occurrences),
    }
    return Wish(
        goal_type=_TYPE,
        metric=metric,
        target=target,
        direction=Direction.AT_LEAST,
        priority=Priority.MEDIUM,
        description=f"raise {metric} to {target:.6g} or more: {pattern.description}",
        steps=_STEPS,
        cause_kind=CauseKind.PATTERN,
        cause_id=pattern.pattern_id,
        numbers=numbers if known is None else known.cause_numbers,
        topic=pattern.pattern_id,
        metadata={
            "pattern_id": pattern.pattern_id,
            "frequency": pattern.frequency,
            "occurrences": str(pattern.occurrences),
        },
    )
