"""What steering by goals costs beside the Kubernetes rule: one table, one picture."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from rich.table import Table

from benchmarks.quality import closed_loop
from benchmarks.quality.closed_loop import DELAY, LIMIT, Cost, Trace
from examples.autoscaler.loads import DAY, UNIT
from examples.autoscaler.service import Service

SHOWN = 3 * DAY
"""Steps at the end of each load that the picture shows at large."""
MARK, AIM = 0.56, 0.39
"""Violations over the autoscaler's at equal cost: good, and what is aimed at."""
_HALVINGS = 30


@dataclass(frozen=True, slots=True, eq=False)
class Comparison:
    """One load, steered in several ways."""

    name: str
    trace: Trace
    asked: np.ndarray
    """By us: units asked for after each step."""
    ours: Cost
    hpa_at_cost: float
    """Violations of the Kubernetes rule, read from its curve at our cost."""
    hpa: Cost
    """Of the Kubernetes rule at its usual target."""
    static_peak: Cost
    oracle: Cost

    @property
    def ratio(self) -> float:
        """Our violations over those of the Kubernetes rule at our cost."""
        if self.hpa_at_cost > 0:
            return self.ours.violations / self.hpa_at_cost
        return math.inf if self.ours.violations > 0 else 1.0


def comparison(service: Service) -> Comparison:
    """Of a load that is over."""
    on, asked = service.load.trace, service.asked()
    ours = on.cost(asked)
    return Comparison(
        name=service.load.name,
        trace=on,
        asked=asked,
        ours=ours,
        hpa_at_cost=closed_loop.at_cost(closed_loop.curve(on), ours.units),
        hpa=on.cost(closed_loop.hpa(on, closed_loop.HPA_TARGET)),
        static_peak=closed_loop.static_peak(on),
        oracle=closed_loop.oracle(on),
    )


def median_ratio(of: Sequence[Comparison]) -> float:
    return float(np.median([each.ratio for each in of]))


def overall_ratio(of: Sequence[Comparison]) -> float:
    """All loads together; 1 where the Kubernetes rule violates nowhere and we do neither."""
    ours, theirs = (sum(column) for column in zip(*map(_violations, of), strict=True))
    if theirs > 0:
        return ours / theirs
    return math.inf if ours > 0 else 1.0


def table(of: Sequence[Comparison]) -> Table:
    """Cost is the mean of the units paid, then come the steps with a violation."""
    found = Table(title="Cost in units (violations), at equal cost where it says so")
    found.add_column("load", no_wrap=True)
    for column in ("goals", "HPA, equal cost", "ratio", "HPA 60 %", "static peak", "oracle"):
        found.add_column(column, justify="right")
    for each in of:
        found.add_row(
            each.name,
            _cell(each.ours),
            _cell(Cost(each.ours.units, each.hpa_at_cost)),
            f"{each.ratio:.3f}",
            *map(_cell, (each.hpa, each.static_peak, each.oracle)),
        )
    found.caption = (
        f"ratio: median {median_ratio(of):.3f}, all loads together {overall_ratio(of):.3f} "
        f"(good below {MARK}, aim {AIM})"
    )
    return found


def markdown(of: Sequence[Comparison]) -> str:
    """The same table for a page."""
    head = "| load | goals | HPA at equal cost | ratio | HPA 60 % | static peak | oracle |"
    lines = [head, "|---|---:|---:|---:|---:|---:|---:|"]
    for each in of:
        at_cost = Cost(each.ours.units, each.hpa_at_cost)
        cells = (
            _cell(each.ours),
            _cell(at_cost),
            f"{each.ratio:.3f}",
            *map(_cell, (each.hpa, each.static_peak, each.oracle)),
        )
        lines.append(f"| `{each.name}` | {' | '.join(cells)} |")
    return "\n".join(lines)


def target_at_cost(on: Trace, units: float) -> float:
    """Target with which the Kubernetes rule costs nearest to ``units``, within its range.

    Its cost falls as the target rises, in steps; so the interval is halved.
    """
    low, high = closed_loop.TARGETS[0], closed_loop.TARGETS[-1]
    for _ in range(_HALVINGS):
        middle = (low + high) / 2
        if on.cost(closed_loop.hpa(on, middle)).units > units:
            low = middle
        else:
            high = middle
    return (low + high) / 2


def draw(of: Sequence[Comparison], path: Path) -> None:
    """Demand, and what the serving units can do of it, ours and the Kubernetes rule's at our cost.

    Left the whole load, right its last days. Needs matplotlib.
    """
    import matplotlib as mpl

    mpl.use("Agg")
    from matplotlib import pyplot

    figure, rows = pyplot.subplots(
        len(of), 2, figsize=(15, 3 * len(of)), squeeze=False, layout="constrained"
    )
    for axes, each in zip(rows, of, strict=True):
        target = target_at_cost(each.trace, each.ours.units)
        theirs = closed_loop.hpa(each.trace, target)
        length = len(each.trace.demand)
        spans = ((each.trace.start, length), (max(each.trace.start, length - SHOWN), length))
        for axis, span in zip(axes, spans, strict=True):
            _panel(axis, each, theirs, span)
        axes[0].set_title(f"{each.name}: violations over HPA's at equal cost {each.ratio:.2f}")
        axes[1].set_title(f"its last {SHOWN // DAY} days (HPA target {target:.0%})")
    rows[0][1].legend(loc="upper left", ncols=3, fontsize="small")
    rows[-1][0].set_xlabel("step")
    rows[-1][1].set_xlabel("step")
    path.parent.mkdir(parents=True, exist_ok=True)
    figure.savefig(path, dpi=80)
    pyplot.close(figure)


def serving(asked: np.ndarray) -> np.ndarray:
    """Units that serve in each step, given those asked for after each step."""
    before = np.concatenate([np.full(DELAY, asked[0]), asked])
    return np.lib.stride_tricks.sliding_window_view(before, DELAY).min(axis=1)[:-1]


def _panel(axis: Any, of: Comparison, theirs: np.ndarray, span: tuple[int, int]) -> None:
    steps = np.arange(*span)
    demand = of.trace.demand[slice(*span)]
    axis.fill_between(steps, demand, step="mid", color="0.8", label="demand")
    for asked, color, name in ((theirs, "tab:orange", "HPA"), (of.asked, "tab:blue", "goals")):
        can = LIMIT * UNIT * serving(asked)[slice(*span)]
        axis.step(steps, can, where="mid", color=color, linewidth=0.9, label=f"{name} can do")
    axis.set_ylim(0, 1.15 * float(np.quantile(demand, 0.998)))
    axis.set_xlim(span[0], span[1] - 1)
    axis.set_ylabel("requests")


def _violations(of: Comparison) -> Iterable[float]:
    return of.ours.violations, of.hpa_at_cost


def _cell(cost: Cost) -> str:
    return f"{cost.units:.1f} ({cost.violations:.2%})"
