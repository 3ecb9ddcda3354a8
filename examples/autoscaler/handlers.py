"""What carries out the actions of plans."""

from __future__ import annotations

from examples.autoscaler.service import UNITS, Fleet
from streams.core.goal_rules.scaling import SCALE_TO
from streams.core.planning.config import ActionSpec
from streams.runtime.handlers import Handler, HandlerRegistry


def handlers(fleet: Fleet) -> HandlerRegistry:
    """``scale_to`` brings the units of a service to the goal's target.

    It may be run again for the same effect: that changes nothing.
    """

    async def scale_to(params: dict[str, str], _goal_id: str) -> dict[str, object]:
        service = fleet.services[params["entity_id"]]
        before, units = service.units, round(float(params["target_value"]))
        if not service.ask(units, params["effect_id"]):
            return {"output": f"{units} units were asked for before"}
        return {"output": f"{before} to {units} units", "impact": {UNITS: float(units - before)}}

    spec = ActionSpec(metrics=(UNITS,), unattended=True)
    return HandlerRegistry([Handler(SCALE_TO, scale_to, idempotent=True, spec=spec)])
