"""The series to measure on, their labelled anomalies, and which of them are held out."""

from __future__ import annotations

import csv
import json
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

import numpy as np

from streams.errors import ConfigError

LENGTH = 8_000
"""Values of a series at which forecasts, breaches and steering are judged; anomalies at all."""
WARM_UP = 0.15
"""Share of a series that is learned before anything is judged."""
WINDOWS = "windows.json"
HELD_OUT = (
    "artificialWithAnomaly/art_daily_flatmiddle.csv",
    "realAWSCloudwatch/ec2_cpu_utilization_5f5533.csv",
    "realAWSCloudwatch/ec2_network_in_257a54.csv",
    "realAdExchange/exchange-2_cpc_results.csv",
    "realAdExchange/exchange-3_cpm_results.csv",
    "realTraffic/TravelTime_451.csv",
    "realTweets/Twitter_volume_AAPL.csv",
)
"""Series for the final number, not for choosing: every third file in sorted order."""
QUICK = (
    "artificialNoAnomaly/art_daily_small_noise.csv",
    "realAdExchange/exchange-2_cpc_results.csv",
    "realTraffic/TravelTime_451.csv",
    "realTraffic/occupancy_6005.csv",
)
"""Short series of different kinds for a quick look, two of them held out."""


@dataclass(frozen=True, slots=True, eq=False)
class Series:
    """One recorded series in the order of its file."""

    name: str
    """Path below the data folder."""
    seconds: tuple[float, ...]
    """Times since the epoch."""
    values: np.ndarray
    windows: tuple[tuple[int, int], ...] = ()
    """First and last position of each labelled anomaly, ascending."""

    @property
    def warm_up(self) -> int:
        """Values that are learned before the first question of all parts but the anomalies."""
        return int(np.ceil(WARM_UP * min(len(self.values), LENGTH)))


@dataclass(frozen=True, slots=True)
class Split:
    """A named part of the series, over which figures are averaged."""

    name: str
    members: frozenset[str]


def names(folder: Path) -> list[str]:
    """Every CSV below the folder, sorted. Raises ConfigError when there is none."""
    found = sorted(path.relative_to(folder).as_posix() for path in folder.rglob("*.csv"))
    if not found:
        raise ConfigError(
            "no series found",
            field="--data",
            value=str(folder),
            remedy="name a folder with CSV files (timestamp,value)",
        )
    return found


def splits(of: list[str]) -> list[Split]:
    """All series, those open to selection, those held out: every third one, beginning with the
    third, where none is in ``HELD_OUT``."""
    kept = [name for name in of if name in HELD_OUT] or of[2::3]
    return [
        Split("all", frozenset(of)),
        Split("selection", frozenset(of) - frozenset(kept)),
        Split("held out", frozenset(kept)),
    ]


def load(folder: Path, name: str) -> Series:
    """Read ``timestamp,value`` (UTC text, a header line) and the labels in ``windows.json``.

    Raises ConfigError, naming file and line, for what is neither.
    """
    texts: list[str] = []
    seconds: list[float] = []
    values: list[float] = []
    with (folder / name).open(newline="", encoding="utf-8") as file:
        lines = csv.reader(file)
        next(lines, None)
        for line in lines:
            try:
                time, value = line
                seconds.append(_seconds(time))
                values.append(float(value))
            except ValueError as error:
                raise ConfigError(
                    f"not a time and a value: {error}",
                    field=f"{name}:{lines.line_num}",
                    value=",".join(line),
                    remedy="use lines like 2014-04-01 00:05:00,21.9",
                ) from error
            texts.append(time)
    labels = _labels(folder).get(name, [])
    windows = sorted((_position(texts, first), _position(texts, last)) for first, last in labels)
    return Series(name, tuple(seconds), np.array(values), tuple(windows))


def _seconds(text: str) -> float:
    return datetime.fromisoformat(text).replace(tzinfo=UTC).timestamp()


def _labels(folder: Path) -> dict[str, list[tuple[str, str]]]:
    file = folder / WINDOWS
    return json.loads(file.read_text(encoding="utf-8")) if file.exists() else {}


def _position(texts: list[str], label: str) -> int:
    """First place of a labelled time; labels have a fraction of a second that files lack."""
    time = label.partition(".")[0]
    if time not in texts:
        raise ConfigError(
            "a labelled time is not in its series",
            field=WINDOWS,
            value=label,
            remedy="use timestamps of the file",
        )
    return texts.index(time)
