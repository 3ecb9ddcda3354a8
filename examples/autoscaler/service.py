"""The simulated services: a demand at each step, and units that come late and cost from the start.

What is asked for after a step is paid from the next step on and serves DELAY steps later; units
given up are gone at once. These are the rules of ``benchmarks.quality.closed_loop``, which also
does the accounts; here they are lived through step by step.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping

import numpy as np

from benchmarks.quality.closed_loop import DELAY, HPA_TARGET, LIMIT, Cost
from examples.autoscaler.loads import UNIT, Load
from streams.records import Metric

DEMAND = "demand"
UNITS = "units"
UTILISATION = "utilisation"


class Service:
    """One load and the units that carry it."""

    def __init__(self, load: Load) -> None:
        self.load = load
        self.step = 0
        """The step that is lived through now."""
        first = float(load.trace.demand[0]) / (UNIT * HPA_TARGET)
        self._wanted = max(1, math.ceil(first))
        self._asked: list[int] = []
        self._done: set[tuple[str, int]] = set()

    @property
    def is_over(self) -> bool:
        return self.step >= len(self.load.trace.demand)

    @property
    def now(self) -> int:
        """Event time of the step, ms; of the last one when all are over."""
        return int(self.load.timestamps[min(self.step, len(self.load.timestamps) - 1)])

    @property
    def paid(self) -> int:
        """Units that cost in this step."""
        return self._asked[-1] if self._asked else self._wanted

    @property
    def serving(self) -> int:
        """Units that carry the demand of this step."""
        return min(self._asked[-DELAY:], default=self._wanted)

    @property
    def units(self) -> int:
        """Units asked for: those that serve, and those on their way."""
        return self._wanted

    @property
    def violates(self) -> bool:
        """Whether the demand of this step is more than LIMIT of what the serving units can do."""
        return self._demand > LIMIT * UNIT * self.serving * (1 + 1e-9)

    def measure(self) -> list[Metric]:
        """What is measured in this step, in the order in which it is sent.

        Units first: when the demand is looked at, the latest change is known.
        """
        return [
            self._metric(UNITS, self.units, "units"),
            self._metric(DEMAND, self._demand, "requests"),
            self._metric(UTILISATION, self._demand / (UNIT * self.serving), "1"),
        ]

    def ask(self, units: int, effect_id: str) -> bool:
        """Have so many units from the next step on; False when this effect was had before.

        Raises ValueError for less than one unit.
        """
        if units < 1:
            raise ValueError(f"{units} units are asked for; use 1 or more")
        if (effect_id, units) in self._done:
            return False
        self._done.add((effect_id, units))
        self._wanted = units
        return True

    def end_step(self) -> None:
        """What is wanted by now is asked for after this step."""
        self._asked.append(self._wanted)
        self.step += 1

    def asked(self) -> np.ndarray:
        """Units asked for after each step so far."""
        return np.array(self._asked)

    def cost(self) -> Cost:
        """Of the whole load; only once it is over."""
        return self.load.trace.cost(self.asked())

    @property
    def _demand(self) -> float:
        return float(self.load.trace.demand[self.step])

    def _metric(self, name: str, value: float, unit: str) -> Metric:
        return Metric(
            entity_id=self.load.name,
            timestamp=self.now,
            name=name,
            value=float(value),
            unit=unit,
            source="autoscaler",
        )


class Fleet:
    """All services; each lives through its own time."""

    def __init__(self, loads: Iterable[Load]) -> None:
        self.services: Mapping[str, Service] = {load.name: Service(load) for load in loads}

    @property
    def running(self) -> list[Service]:
        """Services that have a step to live through."""
        return [service for service in self.services.values() if not service.is_over]
