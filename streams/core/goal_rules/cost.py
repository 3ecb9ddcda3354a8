"""cost_reduction: a share of what is spent is to be saved."""

from __future__ import annotations

from streams.core.goal_rules.candidate import Wish, candidate, dedupe_key, measured
from streams.core.goal_rules.config import RulesConfig
from streams.core.goal_rules.situation import Reading, Situation
from streams.records import CauseKind, Direction, Goal, GoalType, Priority

_STEPS = ("analyse_costs", "remove_waste", "resize_resources", "monitor_costs")
_TYPE = GoalType.COST_REDUCTION


def cost_goals(situation: Situation, config: RulesConfig) -> list[Goal]:
    """One goal for each cost that is measured. An open one keeps the target it began with."""
    metrics = dict.fromkeys(config.setting.cost_metrics, True)
    return [
        candidate(situation, config, _wish(situation, config, metric, reading))
        for metric, reading, _ in measured(situation, metrics, config.aliases)
        if reading.value > 0
    ]


def _wish(situation: Situation, config: RulesConfig, metric: str, reading: Reading) -> Wish:
    share = config.setting.cost_reduction
    known = situation.open_goal(dedupe_key(situation, _TYPE, metric))
    target = (1 - share) * reading.value if known is None else known.target_value
    settings = config.metric(metric)
    return Wish(
        goal_type=_TYPE,
        metric=metric,
        target=target,
        unit=settings.unit if settings else "",
        direction=Direction.AT_MOST,
        priority=Priority.MEDIUM,
        description=f"save {100 * share:.3g} % of {metric}: {target:.6g} instead of "
        f"{reading.value:.6g}",
        steps=_STEPS,
        cause_kind=CauseKind.RULE,
        cause_id=f"{_TYPE.value}:{metric}",
        numbers={"current": reading.value, "reduction": share}
        if known is None
        else known.cause_numbers,
        metadata={"target_reduction_percent": f"{100 * share:.3g}"},
    )
