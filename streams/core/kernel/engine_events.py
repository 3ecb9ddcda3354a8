"""The engine's own events: an anomaly begins, forecasts have changed, an action is carried out."""

from __future__ import annotations

from streams.core.kernel.model_results import Detection, ModelChange
from streams.core.kernel.names import ENGINE
from streams.core.kernel.turn import Turn
from streams.records import Action, Event, Metric, Outcome, Tag

SOURCE = ENGINE
"""Source of the engine's own events: they are not input when they come back."""
ANOMALY_EVENT = "metric_anomaly"
DRIFT_EVENT = "forecast_drift"
MODEL_EVENT = "model_change"
STALE_EVENT = "metric_stale"
RESUMED_EVENT = "metric_resumed"
SLICE_EVENT = "state_dropped"
EXECUTION_EVENT = "agent_execution"
"""First part of the type; the second is the type of the action."""


def anomaly_event(turn: Turn, metric: str, finding: Detection) -> Event:
    """Published once per incident, at the value that gave it away."""
    return own_event(
        turn,
        ANOMALY_EVENT,
        {
            "metric": metric,
            "value": repr(finding.value),
            "expected": repr(finding.expected),
            "score": f"{finding.score:.6g}",
        },
    )


def drift_event(turn: Turn, metric: str, finding: Detection) -> Event:
    """The error of the forecasts has changed for good; what the engine does about it and why."""
    return own_event(
        turn,
        DRIFT_EVENT,
        {
            "metric": metric,
            "value": repr(finding.value),
            "expected": repr(finding.expected),
            "reason": "the size of the one-step errors has changed for good",
            "change": "what the ensemble is made of is decided anew by the errors from now on",
        },
    )


def model_event(turn: Turn, metric: str, change: ModelChange) -> Event:
    """An expensive model begins or ends to learn a series, by how it does beside the first one."""
    return own_event(
        turn,
        MODEL_EVENT,
        {
            "metric": metric,
            "model": change.model,
            "standing": change.trial_status,
            "error_ratio": f"{change.ratio:.6g}",
        },
    )


def stale_event(turn: Turn, metric: str, measured_at: int) -> Event:
    """A metric has fallen silent: nothing rests on it from now on."""
    return own_event(turn, STALE_EVENT, {"metric": metric, "measured_at": str(measured_at)})


def resumed_event(turn: Turn, metric: str) -> Event:
    """A metric that had fallen silent is measured again."""
    return own_event(turn, RESUMED_EVENT, {"metric": metric})


def execution_event(turn: Turn, action: Action) -> Event:
    """An action is handed to its handler; one event, whoever asks for it."""
    about = {
        "task": action.action_type,
        "action_id": action.action_id,
        "goal_id": action.goal_id,
    }
    kind = f"{EXECUTION_EVENT}_{action.action_type}"
    return turn.once((EXECUTION_EVENT, action.action_id), lambda: own_event(turn, kind, about))


def duration_of(turn: Turn, outcome: Outcome, name: str) -> Metric:
    """How long an action ran, as a metric of its entity; dated by event time."""
    return Metric(
        entity_id=outcome.entity_id,
        entity_type=outcome.entity_type,
        timestamp=turn.now,
        correlation_id=outcome.correlation_id,
        name=name,
        value=outcome.duration_ms,
        unit="ms",
        source=SOURCE,
        tags=(Tag("action_type", outcome.action_type),),
    )


def own_event(turn: Turn, event_type: str, metadata: dict[str, str]) -> Event:
    """An event that the engine itself publishes about the entity."""
    return Event(
        entity_id=turn.entity.entity_id,
        entity_type=turn.entity.entity_type,
        timestamp=turn.now,
        correlation_id=turn.correlation_id,
        event_id=turn.new_id("event"),
        event_type=event_type,
        source=SOURCE,
        metadata=metadata,
    )
