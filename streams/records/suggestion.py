"""A proposed change, with the analysis it rests on."""

from __future__ import annotations

from enum import StrEnum

import msgspec

from streams.records.base import Record
from streams.records.goal import Trend


class SuggestionKind(StrEnum):
    NUDGE = "nudge"
    RECOMMENDATION = "recommendation"
    GUIDANCE = "guidance"


class GoalAnalysis(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Where one goal stands: the analysis that accompanies a nudge."""

    goal_id: str
    metric: str
    goal: float
    """Target value."""
    current: float
    gap: float
    """goal - current."""
    baseline: float | None = None
    trend: Trend = Trend.STABLE
    progress_ratio: float | None = None
    """0..1; None without a baseline."""


class Suggestion(Record, frozen=True, kw_only=True):
    suggestion_id: str
    kind: SuggestionKind = SuggestionKind.NUDGE
    action_id: str = ""
    """The action this answers; empty when a goal change caused it."""
    goal_ids: tuple[str, ...] = ()
    values: dict[str, float] = {}
    """Metric name to the proposed value, in the metric's unit."""
    params: dict[str, str] = {}
    """The action's own fields, copied through."""
    analysis: tuple[GoalAnalysis, ...] = ()
    text: str = ""
    confidence: float | None = None
    """0..1; None when nothing has been measured yet."""
    source: str = ""
    """Name of the strategy."""
    expires_at: int | None = None
