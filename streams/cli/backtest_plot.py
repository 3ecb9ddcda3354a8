"""The picture of a backtest: values, forecasts with their intervals, anomalies."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from streams.cli.series_file import Series
from streams.core.forecasting.evaluation import Evaluation, HorizonForecasts
from streams.errors import ConfigError

if TYPE_CHECKING:
    from matplotlib.figure import Figure

WIDTH, PANEL_HEIGHT, DPI = 12.0, 3.2, 110
VALUES, FORECAST, ALARM = "#8a8a8a", "#1f5fa8", "#c0392b"


class Panel(NamedTuple):
    """What is drawn of one file."""

    name: str
    series: Series
    evaluation: Evaluation


def figure_type() -> type[Figure]:
    """Matplotlib's figure. Raises ConfigError, saying how to install it, when it is not there."""
    try:
        # not pyplot: nothing global is changed, and no display is looked for
        from matplotlib.figure import Figure
    except ImportError as error:
        raise ConfigError(
            "plots need matplotlib, which is not installed",
            field="--plot",
            remedy="pip install goalstream[plots], or leave --plot out",
        ) from error
    return Figure


def draw(panels: Sequence[Panel], horizon: int, level: float, file: Path) -> None:
    """Write a PNG with one panel per series and its forecasts that many steps ahead.

    Each forecast stands at the time that it is for. Raises ConfigError when the file cannot be
    written.
    """
    size = (WIDTH, PANEL_HEIGHT * len(panels))
    figure = figure_type()(figsize=size, layout="constrained")
    axes: Any = figure.subplots(len(panels), 1, squeeze=False)[:, 0]
    for axis, panel in zip(axes, panels, strict=True):
        _draw_panel(axis, panel, horizon, level)
    axes[0].legend(loc="upper left", fontsize="small", ncols=4)
    try:
        figure.savefig(file, format="png", dpi=DPI)
    except OSError as error:
        raise ConfigError(
            f"file cannot be written: {error.strerror}",
            field="--plot",
            value=str(file),
            remedy="name a file in a folder that is there and may be written to",
        ) from error


def _draw_panel(axis: Any, panel: Panel, horizon: int, level: float) -> None:
    times = panel.series.timestamps.astype("datetime64[ms]")
    values, alarms = panel.series.values, panel.evaluation.alarms
    forecasts = _of_horizon(panel.evaluation, horizon)
    order = np.argsort(times[forecasts.targets], kind="stable")
    targets = times[forecasts.targets][order]
    axis.plot(times, values, color=VALUES, linewidth=0.7, label="value")
    axis.fill_between(
        targets,
        forecasts.lower[order],
        forecasts.upper[order],
        color=FORECAST,
        alpha=0.25,
        linewidth=0,
        label=f"{level:.0%} interval",
    )
    axis.plot(
        targets,
        forecasts.mean[order],
        color=FORECAST,
        linewidth=0.8,
        label=f"forecast, h = {horizon}",
    )
    marks = {"color": ALARM, "marker": "v", "linestyle": "none", "markersize": 7}
    axis.plot(times[alarms], values[alarms], label="anomaly", zorder=3, **marks)
    axis.set_title(panel.name, fontsize="medium", loc="left", parse_math=False)
    axis.margins(x=0.01)


def _of_horizon(evaluation: Evaluation, horizon: int) -> HorizonForecasts:
    return next(each for each in evaluation.forecasts if each.horizon == horizon)
