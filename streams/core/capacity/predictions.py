"""The published form of an outlook: one prediction of the state, one per bottleneck."""

from __future__ import annotations

from streams.core.capacity.outlook import Outlook
from streams.core.capacity.wording import after, span
from streams.records import Prediction, PredictionKind


def state_prediction(
    outlook: Outlook, *, entity_id: str, entity_type: str = "service", correlation_id: str = ""
) -> Prediction:
    """The state that the entity will be in at its peak within the horizon.

    ``metric`` is the fullest resource, ``predicted_value`` its peak, ``predicted_time`` the first
    step in that state. Without a demand they are empty, the state is unknown and the probability
    is 0.
    """
    pressure, state = outlook.pressure, outlook.predicted_state
    demand = None if pressure is None else pressure.demand
    fullest_first = sorted(
        outlook.demands, key=lambda each: each.peak_utilization_percent, reverse=True
    )
    return Prediction(
        entity_id=entity_id,
        entity_type=entity_type,
        timestamp=outlook.now,
        correlation_id=correlation_id,
        prediction_id=outlook.outlook_id,
        kind=PredictionKind.STATE,
        metric="" if demand is None else demand.resource_type,
        threshold=None if pressure is None else pressure.threshold,
        probability=0.0 if pressure is None else pressure.probability,
        horizon_ms=outlook.horizon_ms,
        predicted_time=None if pressure is None else outlook.now + pressure.ahead_ms,
        current_value=None if demand is None else demand.current_usage,
        predicted_value=None if demand is None else demand.upper_peak,
        capacity=None if demand is None else demand.capacity,
        current_state=outlook.current_state.value,
        predicted_state=state.value,
        severity=state.severity,
        confidence=outlook.confidence,
        description=_describe(outlook),
        risk_factors=outlook.risk_factors,
        recommendations=outlook.recommendations,
        affected_resources=tuple(each.resource_type for each in fullest_first),
        resource_demands=outlook.demands,
        predicted_bottlenecks=outlook.bottlenecks,
        missing_resources=outlook.missing,
    )


def bottleneck_predictions(
    outlook: Outlook, *, entity_id: str, entity_type: str = "service", correlation_id: str = ""
) -> list[Prediction]:
    """One record per bottleneck, the most pressing first; its id is that of the bottleneck."""
    demands = {demand.resource_type: demand for demand in outlook.demands}
    return [
        Prediction(
            entity_id=entity_id,
            entity_type=entity_type,
            timestamp=outlook.now,
            correlation_id=correlation_id,
            prediction_id=each.bottleneck_id,
            kind=PredictionKind.BOTTLENECK,
            metric=each.location,
            threshold=each.threshold,
            probability=each.probability,
            horizon_ms=demands[each.location].prediction_time - outlook.now,
            predicted_time=each.predicted_time,
            current_value=demands[each.location].current_usage,
            predicted_value=demands[each.location].upper_peak,
            capacity=demands[each.location].capacity,
            severity=each.severity,
            confidence=each.confidence,
            description=each.description,
            mitigations=each.mitigation_suggestions,
            affected_resources=each.affected_resources,
            resource_demands=(demands[each.location],),
        )
        for each in outlook.bottlenecks
    ]


def _describe(outlook: Outlook) -> str:
    pressure, now = outlook.pressure, outlook.current_state.value
    if pressure is None:
        return f"{now} now; no forecast of a resource with a capacity"
    demand, state = pressure.demand, outlook.predicted_state
    return (
        f"{now} now, {state.value} {after(pressure.ahead_ms)}: {demand.resource_type} peaks at "
        f"{demand.peak_utilization_percent:.3g} % of its capacity within "
        f"{span(outlook.horizon_ms)}"
    )
