"""How much the engine may do by itself, as settings."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from enum import StrEnum

from streams.core.kernel.checks import (
    HOUR_MS,
    MINUTE_MS,
    Count,
    Positive,
    Share,
    Time,
    TimeOrZero,
    check,
    require,
)
from streams.errors import nearest
from streams.records import GoalType

ANY = "*"
"""In place of a goal type or loop: all that are not named."""


class Mode(StrEnum):
    """What becomes of a plan, from least to most: observe < recommend < approve < act.

    The ladder is that of predictive scaling at AWS (forecast only until told otherwise) and of
    Google's Autopilot (recommendations are seen before anybody opts in).
    """

    OBSERVE = "observe"
    """Goals are set and measured; nothing is planned."""
    RECOMMEND = "recommend"
    """Plans are shown with their expected effect; no step is asked for."""
    APPROVE = "approve"
    """A plan waits until a person agrees."""
    ACT = "act"
    """A plan runs by itself where the allow list and the budgets permit it."""

    @property
    def rank(self) -> int:
        """0 (observe) to 3 (act)."""
        return _MODE_ORDER.index(self)


_MODE_ORDER = tuple(Mode)


def lowest(modes: Iterable[Mode]) -> Mode | None:
    """The mode that permits least; None when there is none."""
    return min(modes, key=lambda mode: mode.rank, default=None)


def is_goal_type(name: str) -> bool:
    """Whether a mode may be set for ``name``: a goal type, or ``*`` for all others."""
    return name == ANY or name in {goal_type.value for goal_type in GoalType}


def goal_type_names() -> tuple[str, ...]:
    """All names for which ``is_goal_type`` holds."""
    return (ANY, *(goal_type.value for goal_type in GoalType))


@dataclass(frozen=True, slots=True)
class SafetyConfig:
    """All times in ms of event time; all limits hold for one entity.

    The list of limits follows Shoreline's (acts per hour, size of one plan, allow list, breaker)
    and the stabilisation window and rate policies of the Kubernetes autoscaler.
    """

    mode: Mode = Mode.RECOMMEND
    """The most that is permitted while no command says otherwise."""
    autonomous: bool = True
    """Whether the engine sets goals by itself; without, plans need approval."""
    goal_types: Mapping[str, Mode] = field(default_factory=dict[str, Mode])
    """The most that is permitted for goals of a type; ``*`` for types that are not named."""
    loops: Mapping[str, Mode] = field(default_factory=dict[str, Mode])
    """The most that is permitted for what a loop asks for; ``*`` for loops that are not named."""
    acts_per_window: Count = 6
    """Plans of an entity that may begin within ``window_ms``."""
    window_ms: Time = HOUR_MS
    """Sliding window of the budgets."""
    cooldown_ms: TimeOrZero = 10 * MINUTE_MS
    """Between the beginnings of two plans for the same target metric."""
    max_step_change: Positive = 0.5
    """Expected change by one plan, as a share of the target's scale, beyond which a person has
    to approve it."""
    max_window_change: Positive = 1.0
    """Sum of expected changes of one target metric within ``window_ms``, as a share of its
    scale."""
    min_coverage: Share = 0.8
    """Least share of values inside their forecast intervals, relative to what these promise,
    0..1, below which nothing runs by itself."""
    max_model_age_ms: TimeOrZero = 2 * HOUR_MS
    """Age of the newest value that the model learned, beyond which nothing runs by itself."""
    approval_expiry_ms: Time = HOUR_MS
    """How long a plan waits for approval before it is given up."""
    breaker_failures: Count = 3
    """Verifications without effect, out of ``breaker_of``, that open the breaker."""
    breaker_of: int = 10
    """Latest verifications that the breaker looks at."""
    breaker_open_ms: Time = HOUR_MS
    """How long nothing begins once the breaker has opened; then one plan is tried."""
    rollout_share: Share = 1.0
    """Share of entities for which plans run by themselves, 0..1."""
    rollout_salt: str = ""
    """Which entities these are: another text is another choice of them."""

    def __post_init__(self) -> None:
        check(self, "safety")
        require(
            self.breaker_of >= self.breaker_failures,
            "safety.breaker_of",
            self.breaker_of,
            f"use breaker_failures ({self.breaker_failures}) or more",
        )
        for name in self.goal_types:
            if not is_goal_type(name):
                remedy = nearest(name, goal_type_names())
                require(False, f"safety.goal_types.{name}", self.goal_types[name], remedy)
