"""``goalstream backtest``: how well recorded series would have been forecast."""

from __future__ import annotations

import json
import math
import time
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer
from rich.markup import escape
from rich.table import Table

from streams.cli.rows import TimeUnit
from streams.cli.state import CliState, check_writable, stdout
from streams.errors import ConfigError

if TYPE_CHECKING:
    from streams.cli.backtest_plot import Panel
    from streams.cli.series_file import Series
    from streams.core.forecasting.config import ForecastConfig
    from streams.core.forecasting.evaluation import Evaluation, HorizonScore, Plan
    from streams.core.kernel.batch import FloatArray, IntArray
    from streams.core.kernel.model_results import Learned

HORIZONS, EVERY, WARM_UP, LEVEL = (1, 12, 24, 72), 8, 0.15, 0.8
"""As those of a Plan, which is too slow to import for its defaults."""
ABSENT = "-"


@dataclass(frozen=True, slots=True)
class BacktestResult:
    """One file's result."""

    panel: Panel
    micros_per_value: float
    """Time of learning, without forecasts."""


def backtest(  # noqa: PLR0913 - the options of a command
    ctx: typer.Context,
    files: Annotated[
        list[Path], typer.Argument(metavar="FILE...", help="CSV with a header; one series each.")
    ],
    time_column: Annotated[
        str, typer.Option(metavar="NAME", help="Column of times.")
    ] = "timestamp",
    value_column: Annotated[str, typer.Option(metavar="NAME", help="Column of values.")] = "value",
    where: Annotated[
        str,
        typer.Option(metavar="COLUMN=VALUE", help="Of a file of several series, only these lines."),
    ] = "",
    time_unit: Annotated[
        TimeUnit | None,
        typer.Option(help="What numbers count that are times; s or ms, as they look, if absent."),
    ] = None,
    horizons: Annotated[
        list[int] | None,
        typer.Option("--horizon", help="Steps ahead; repeatable. 1, 12, 24 and 72 if absent."),
    ] = None,
    every: Annotated[int, typer.Option(help="Values from one forecast to the next.")] = EVERY,
    warm: Annotated[
        float, typer.Option("--warm-up", help="Share that is learned before the first forecast.")
    ] = WARM_UP,
    level: Annotated[float, typer.Option(help="Mass of the interval.")] = LEVEL,
    method: Annotated[
        str, typer.Option(help="Model to ask, of forecasting.models; the first ready if absent.")
    ] = "",
    limit: Annotated[
        int | None, typer.Option(min=1, help="Use no more than so many readings of each file.")
    ] = None,
    plot: Annotated[
        Path | None, typer.Option(metavar="FILE.png", help="Draw a picture, a panel per file.")
    ] = None,
    plot_horizon: Annotated[
        int | None, typer.Option(help="Steps ahead of the forecasts drawn; the nearest if absent.")
    ] = None,
    json_file: Annotated[
        Path | None, typer.Option("--json", metavar="FILE", help="Write the figures there.")
    ] = None,
) -> None:
    """Replay recorded series and compare each forecast with what came. Needs no broker.

    Times are ISO 8601, or seconds or ms since the epoch; lines may stand in any order. The models
    start empty, and a forecast knows only the values before it. MASE is the error over that of
    repeating the last value: below 1 is better.
    """
    from streams.cli.backtest_plot import draw, figure_type
    from streams.cli.series_file import Columns, read_series
    from streams.core.forecasting.evaluation import Plan

    state: CliState = ctx.obj
    chosen = tuple(sorted(set(horizons))) if horizons else HORIZONS
    plan = Plan(horizons=chosen, warm_up=warm, every=every, level=level, method=method)
    drawn = _drawn(plot_horizon, plan)
    if plot is not None:
        figure_type()
    for target, option in ((plot, "--plot"), (json_file, "--json")):
        check_writable(target, option)
    columns = Columns(time_column, value_column, _condition(where), time_unit)
    series = [read_series(file, columns, limit) for file in files]
    for file, each in zip(files, series, strict=True):
        for notice in each.notices:
            typer.echo(f"{file}: {notice}", err=True)
    config = _ready(state)
    reports = [
        _replay(str(file), each, config, plan) for file, each in zip(files, series, strict=True)
    ]
    stdout().print(_table(reports, plan))
    if json_file is not None:
        figures = {"plan": asdict(plan), "files": [_figures(report) for report in reports]}
        json_file.write_text(json.dumps(figures, indent=2) + "\n", encoding="utf-8")
    if plot is not None:
        draw([report.panel for report in reports], drawn, level, plot)


def _condition(text: str) -> tuple[str, str] | None:
    """Column and value of ``--where``."""
    column, equals, value = text.partition("=")
    if not text:
        return None
    if not equals or not column:
        raise ConfigError(
            "not a condition", field="--where", value=text, remedy="write COLUMN=VALUE"
        )
    return column.strip(), value.strip()


def _drawn(horizon: int | None, plan: Plan) -> int:
    """The horizon to draw."""
    if horizon is None or horizon in plan.horizons:
        return horizon or plan.horizons[0]
    raise ConfigError(
        "this horizon is not evaluated",
        field="--plot-horizon",
        value=horizon,
        remedy=f"use one of {', '.join(map(str, plan.horizons))}, or add --horizon {horizon}",
    )


def _ready(state: CliState) -> ForecastConfig:
    """What runs, compiled beforehand so that it is not measured."""
    from streams.runtime.logs import configure_logging
    from streams.runtime.warmup import warm_up

    settings = state.settings()
    wanted = settings.logging.level
    configure_logging(
        "WARNING" if wanted == "INFO" else wanted, json_lines=settings.logging.json_lines
    )
    config = settings.core().forecasting
    warm_up(config)
    return config


def _replay(name: str, series: Series, config: ForecastConfig, plan: Plan) -> BacktestResult:
    from streams.cli.backtest_plot import Panel
    from streams.core.forecasting.evaluation import evaluate

    bank = _TimedBank(config)
    evaluation = evaluate(bank, 0, series.timestamps, series.values, plan)
    micros = 1e6 * bank.seconds / len(series)
    return BacktestResult(Panel(name, series, evaluation), micros)


class _TimedBank:
    """A bank of one series that adds up the time of learning."""

    def __init__(self, config: ForecastConfig) -> None:
        from streams.core.forecasting.bank import SeriesBank

        self._bank = SeriesBank(config)
        self._bank.resize(1)
        self.seconds = 0.0
        self.forecast, self.step_ms = self._bank.forecast, self._bank.step_ms

    def learn_many(self, rows: IntArray, timestamps: IntArray, values: FloatArray) -> Learned:
        begin = time.perf_counter()
        learned = self._bank.learn_many(rows, timestamps, values)
        self.seconds += time.perf_counter() - begin
        return learned


# -- output ---------------------------------------------------------------------------------------

_COLUMNS = (
    "points step alarms µs/value horizon forecasts MAE RMSE MAPE% MASE coverage pinball".split()
)


def _table(reports: Sequence[BacktestResult], plan: Plan) -> Table:
    title = f"interval of {plan.level:.0%}, after {plan.warm_up:.0%} of the values"
    table = Table(title=title, title_justify="left")
    table.add_column("file", overflow="fold")
    for name in _COLUMNS:
        table.add_column(name, justify="right")
    for report in reports:
        panel = report.panel
        evaluation = panel.evaluation
        about = [
            escape(panel.name),
            str(evaluation.points),
            _duration(evaluation.step_ms),
            str(evaluation.alarms.size),
            f"{report.micros_per_value:.1f}",
        ]
        for score in evaluation.scores:
            table.add_row(*about, *_cells(score))
            about = [""] * len(about)
        table.add_section()
    if len(reports) > 1:
        _add_summary(table, [report.panel.evaluation for report in reports])
    return table


def _cells(score: HorizonScore) -> list[str]:
    measured = (score.mae, score.rmse, score.mape, score.mase, score.coverage, score.pinball)
    return [str(score.horizon), str(score.forecasts), *map(_number, measured)]


def _add_summary(table: Table, evaluations: Sequence[Evaluation]) -> None:
    name = "geometric mean"
    for scores in zip(*(evaluation.scores for evaluation in evaluations), strict=True):
        ratios = [score.mase for score in scores if score.mase]
        mean = math.exp(sum(map(math.log, ratios)) / len(ratios)) if ratios else None
        empty = [""] * 4
        table.add_row(name, *empty, str(scores[0].horizon), "", "", "", "", _number(mean), "", "")
        name = ""


def _number(value: float | None) -> str:
    return ABSENT if value is None else f"{value:.4g}"


def _duration(milliseconds: int) -> str:
    return f"{milliseconds / 1000:g} s" if milliseconds else ABSENT


def _figures(report: BacktestResult) -> dict[str, Any]:
    """What ``--json`` holds of one file; null where there is nothing to compare."""
    evaluation = report.panel.evaluation
    return {
        "file": report.panel.name,
        "points": evaluation.points,
        "step_seconds": evaluation.step_ms / 1000 or None,
        "methods": evaluation.methods,
        "micros_per_value": round(report.micros_per_value, 3),
        "alarms": report.panel.series.timestamps[evaluation.alarms].tolist(),
        "horizons": [asdict(score) for score in evaluation.scores],
    }
