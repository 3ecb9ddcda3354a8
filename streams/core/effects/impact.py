"""What acts changed in sum: as measured on the target metrics and, apart from that, as claimed."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

import msgspec

from streams.core.effects.counterfactual import finite
from streams.core.effects.expectation import Expectation
from streams.core.effects.verification import Verification
from streams.core.kernel.slices import Slice


class MetricImpact(msgspec.Struct, kw_only=True):
    """Sums over the acts on one metric, in its unit."""

    acts: int = 0
    """Acts whose effect was measured."""
    helped: int = 0
    useless: int = 0
    """Acts that did not help."""
    change: float = 0.0
    """Sum of after less before."""
    effect: float = 0.0
    """Sum of after less what would have been without the action."""
    reward: float = 0.0
    """Sum of the rewards."""


class ImpactState(Slice):
    """Measured impact of one entity's acts; as many entries as it has target metrics."""

    slice_name = "effects"

    metrics: dict[str, MetricImpact] = msgspec.field(default_factory=dict[str, MetricImpact])


class Impact(msgspec.Struct, frozen=True, kw_only=True):
    """What is said of a plan's impact, the claimed one apart from the measured one."""

    claimed: dict[str, dict[str, float]] = {}
    """Metric to action id to change, as the handlers say."""
    claimed_total: dict[str, float] = {}
    """Metric to the sum of the claims."""
    measured: dict[str, float] = {}
    """Metric to the change against the counterfactual forecast."""


def note(state: ImpactState, expectation: Expectation, verification: Verification) -> None:
    """Add a measured effect to the sums of its metric."""
    known = state.metrics.setdefault(expectation.metric, MetricImpact())
    known.acts += 1
    known.helped += verification.helped is True
    known.useless += verification.helped is False
    known.change = finite(known.change + verification.change)
    known.effect = finite(known.effect + verification.effect)
    known.reward += verification.reward


def impact(
    claims: Mapping[str, Mapping[str, float]],
    measured: Iterable[tuple[Expectation, Verification]],
) -> Impact:
    """``claims``: action id to metric to change. Two actions on one metric stay apart."""
    claimed: dict[str, dict[str, float]] = {}
    for action_id, changes in claims.items():
        for metric, change in changes.items():
            claimed.setdefault(metric, {})[action_id] = change
    effects: dict[str, float] = {}
    for expectation, verification in measured:
        before = effects.get(expectation.metric, 0.0)
        effects[expectation.metric] = finite(before + verification.effect)
    totals = {metric: finite(sum(by_action.values())) for metric, by_action in claimed.items()}
    return Impact(claimed=claimed, claimed_total=totals, measured=effects)
