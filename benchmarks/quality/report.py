"""Tables for people, one JSON file for machines, and the reliability diagram."""

from __future__ import annotations

import json
import math
from collections.abc import Callable, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

from rich.table import Table

from benchmarks.quality.breaches import BreachSummary
from benchmarks.quality.closed_loop import CAUTION, name_of
from benchmarks.quality.forecasts import HORIZONS
from benchmarks.quality.marks import LEVELS, Mark, marks
from benchmarks.quality.summary import MethodSummary, SplitSummary
from streams.errors import ConfigError

Cells = Callable[[MethodSummary], list[str]]


def tables(summaries: Sequence[SplitSummary]) -> list[Table]:
    """One table for each part, its columns repeated for each split."""
    steps = [f"h={horizon}" for horizon in HORIZONS]
    return [
        _table("Forecast: error over the last value's", steps, _over_naive, summaries),
        _table(
            "Forecast: pinball loss of q10/q90 over the last value's error",
            steps,
            _pinball,
            summaries,
        ),
        _table(r"Forecast: coverage of \[q10, q90], median/overall", steps, _coverage, summaries),
        _table(
            "Breach: average precision, Brier score (of the base rate), calibration error",
            ["AP", "Brier", "base", "ECE"],
            _breach,
            summaries,
        ),
        _table(
            "Anomaly: score, windows found, alarms outside",
            ["score", "found", "outside"],
            _anomaly,
            summaries,
        ),
        _loop_table(summaries),
    ]


def _table(
    title: str, columns: list[str], cells: Cells, summaries: Sequence[SplitSummary]
) -> Table:
    table = Table(title=title, title_justify="left")
    table.add_column("method", no_wrap=True)
    for each in summaries:
        for place, column in enumerate(columns):
            heading = f"{each.split} ({each.series})" if place == 0 else ""
            table.add_column(f"{heading}\n{column}", justify="right")
    for name in summaries[0].methods:
        table.add_row(name, *(cell for each in summaries for cell in cells(each.methods[name])))
    return table


def _over_naive(of: MethodSummary) -> list[str]:
    return [_number(each.over_naive) for each in of.forecasts]


def _pinball(of: MethodSummary) -> list[str]:
    return [_pair(each.pinball10, each.pinball90, 3) for each in of.forecasts]


def _coverage(of: MethodSummary) -> list[str]:
    return [_pair(each.coverage, each.coverage_overall, 2) for each in of.forecasts]


def _breach(of: MethodSummary) -> list[str]:
    found = of.breaches
    shown = (found.average_precision, found.brier, found.brier_base, found.calibration_error)
    return [_number(each) for each in shown]


def _anomaly(of: MethodSummary) -> list[str]:
    found = of.anomalies
    return [_number(found.score, 1), f"{found.found}/{found.windows}", str(found.outside)]


def _loop(of: MethodSummary) -> list[str]:
    found, key = of.loop, name_of(CAUTION)
    return [
        _number(found.over_hpa.get(key, math.nan)),
        _number(found.over_hpa_overall.get(key, math.nan)),
        _number(found.units, 1),
        _percent(found.violations),
        _percent(found.hpa_at_cost),
    ]


def _loop_table(summaries: Sequence[SplitSummary]) -> Table:
    columns = ["median", "overall", "units", "violating", "HPA's"]
    title = "Closed loop: violations over those of the Kubernetes rule at equal cost"
    table = _table(title, columns, _loop, summaries)
    for name, label in (
        ("hpa", "Kubernetes HPA, 60 %"),
        ("static peak", "static peak"),
        ("oracle", "perfect foresight"),
    ):
        bounds = [each.bounds[name] for each in summaries]
        row = [("", "", _number(cost.units, 1), _percent(cost.violations), "") for cost in bounds]
        table.add_row(label, *(cell for cells in row for cell in cells), style="dim")
    return table


def marks_table(name: str, of: SplitSummary) -> Table:
    """The figures of one method beside what is to be reached."""
    table = Table(title=f"{name}, series: {of.split}", title_justify="left")
    table.add_column("figure")
    for column in ("value", *LEVELS):
        table.add_column(column, justify="right")
    table.add_column("reached")
    for mark in marks(of.methods[name]):
        bounds = [_bounds(*each) for each in mark.bounds]
        table.add_row(mark.figure, _number(mark.value), *bounds, mark.reached or "-")
    return table


def missed(name: str, of: SplitSummary, level: str) -> list[Mark]:
    """Marks of a method below the level; a figure that could not be measured is one of them."""
    return [mark for mark in marks(of.methods[name]) if not mark.reaches(level)]


def _bounds(low: float, high: float) -> str:
    if math.isinf(low):
        return f"≤ {high:g}"
    return f"≥ {low:g}" if math.isinf(high) else f"{low:g}-{high:g}"


def _number(value: float, places: int = 3) -> str:
    return "-" if math.isnan(value) else f"{value:.{places}f}"


def _pair(one: float, other: float, places: int) -> str:
    """Two shares in little space."""
    return "/".join(_number(each, places).removeprefix("0") for each in (one, other))


def _percent(value: float) -> str:
    return "-" if math.isnan(value) else f"{100 * value:.1f} %"


def write_json(path: Path, summaries: Sequence[SplitSummary], facts: dict[str, Any]) -> None:
    """Every figure; what could not be measured, or is infinite, is null."""
    path.parent.mkdir(parents=True, exist_ok=True)
    found = {**facts, "splits": {each.split: asdict(each) for each in summaries}}
    path.write_text(json.dumps(_plain(found), indent=2, allow_nan=False) + "\n", encoding="utf-8")


def _plain(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _plain(each) for key, each in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(each) for each in value]
    return None if isinstance(value, float) and not math.isfinite(value) else value


def draw_reliability(path: Path, breaches: dict[str, BreachSummary]) -> None:
    """PNG: how often breaches came true at each probability, and how many answers there were.

    Raises ConfigError when matplotlib is not installed.
    """
    try:
        import matplotlib as mpl

        mpl.use("Agg")
        from matplotlib.figure import Figure
    except ImportError as error:
        raise ConfigError(
            "the diagram needs matplotlib, which is not installed",
            remedy="pip install goalstream[plots]",
        ) from error
    figure = Figure(figsize=(7.0, 7.5), layout="constrained")
    truth, numbers = figure.subplots(2, 1, sharex=True, height_ratios=[3, 1])
    truth.plot([0, 1], [0, 1], color="0.7", linestyle="--", label="as promised")
    for name, of in breaches.items():
        held = [each for each in of.bins if each.answers]
        places = [each.probability for each in held]
        label = f"{name}: Brier {of.brier:.3f}, ECE {of.calibration_error:.3f}"
        truth.plot(places, [each.frequency for each in held], marker="o", label=label)
        numbers.plot(places, [each.answers for each in held], marker="o")
    truth.set(ylabel="share that came true", xlim=(0, 1), ylim=(0, 1))
    truth.set_title("Probability to pass the threshold within 24 steps")
    figure.legend(loc="outside lower center", ncols=2, fontsize="small")
    numbers.set(xlabel="probability given", ylabel="answers", yscale="log")
    path.parent.mkdir(parents=True, exist_ok=True)
    figure.savefig(path, format="png", dpi=110)
