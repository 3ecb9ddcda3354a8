"""What may be done for a goal of an entity, as of now."""

from __future__ import annotations

from collections.abc import Callable

from streams.core.config import CoreConfig
from streams.core.kernel.batch import series_key
from streams.core.kernel.entity import EntityState
from streams.core.kernel.timers import EVERYBODY
from streams.core.safety.modes import Controls, Mode, Permission, effective_mode, merge, sets_goals
from streams.core.safety.rollout import in_rollout
from streams.core.safety.trust import doubt
from streams.core.series.store import SeriesStore
from streams.records import Goal


class Standing:
    """Reads the controls of the system and of the entity, and how far forecasts can be trusted."""

    def __init__(
        self,
        config: CoreConfig,
        series: SeriesStore,
        find: Callable[[str], EntityState | None],
    ) -> None:
        """``find`` gives the state of an entity of this partition."""
        self._config = config
        self._series = series
        self._find = find

    def controls(self, state: EntityState) -> Controls:
        """What operators set, for everybody and for this entity together."""
        system = self._find(EVERYBODY)
        return state.controls if system is None else merge(system.controls, state.controls)

    def may_set_goals(self, state: EntityState) -> bool:
        """Whether the engine may set goals for the entity by itself."""
        return sets_goals(self.controls(state), self._config.safety)[0]

    def permission(self, state: EntityState, goal: Goal, now: int) -> Permission:
        """The most that may be done for the goal, and what sets this limit."""
        safety = self._config.safety
        doubts = self._doubt(state, goal, now)
        permission = effective_mode(
            self.controls(state),
            safety,
            goal.goal_type,
            origin=goal.origin,
            coverage_ok=not doubts,
            in_rollout=in_rollout(state.entity_id, safety.rollout_share, safety.rollout_salt),
        )
        if not doubts:
            return permission
        return permission._replace(reason=f"{permission.reason}; {doubts}")

    def objection(self, state: EntityState, goal: Goal) -> str:
        """Why operators do not want a plan that has begun to go on; empty when it may."""
        allowed = effective_mode(
            self.controls(state),
            self._config.safety,
            goal.goal_type,
            origin=goal.origin,
            coverage_ok=True,
            in_rollout=True,
        )
        return "" if allowed.mode.rank >= Mode.APPROVE.rank else allowed.reason

    def _doubt(self, state: EntityState, goal: Goal, now: int) -> str:
        row = self._series.find(series_key(state.entity_id, goal.target_metric))
        quality = None if row is None else self._series.bank.quality(row)
        if row is None or quality is None:
            return doubt(None, 0.0, None, self._config.safety, origin=goal.origin)
        age = max(0, now - int(self._series.hot["timestamp"][row]))
        return doubt(
            quality.coverage, quality.promised, age, self._config.safety, origin=goal.origin
        )
