"""Expensive models run only where they earn it: on trial, kept, or resting, series by series."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from enum import IntEnum
from typing import NamedTuple

import msgspec
import numpy as np
from numpy.typing import NDArray

from streams.core.forecasting.bounds import not_ready, within_magnitude
from streams.core.forecasting.protocol import Forecaster
from streams.core.forecasting.state import damaged, require, require_finite
from streams.core.kernel.batch import BoolArray, FloatArray, IntArray
from streams.core.kernel.columns import group
from streams.errors import ConfigError, StateError

FARTHEST_WAKE = 62
"""Values for which a waking can wait."""
WORST = 1e9
"""Largest ratio of errors that is told apart."""


class TrialStatus(IntEnum):
    """How an expensive model stands with one series."""

    ON_TRIAL = 0
    """Runs, to be judged."""
    KEPT = 1
    """Runs, as its errors are smaller than the yardstick's."""
    RESTING = 2
    """Does not run and keeps no state."""


@dataclass(frozen=True, slots=True)
class TrialSchedule:
    """How long trials and rests are, all counted in values of the series."""

    trial: int = 200
    """Compared forecasts of a trial."""
    review: int = 50
    """Compared forecasts between two looks at a model that is kept."""
    rest: int = 2_000
    """Values of the first rest; each further one is twice as long, until the model is kept."""
    longest_rest: int = 32_000
    share: float = 0.98
    """A model is kept while its error is below this share of the yardstick's."""
    memory: int = 100
    """Forecasts that the running errors look back on: plain means over the first ones, then
    exponentially weighted with rate 1 / memory."""

    def __post_init__(self) -> None:
        for name in ("trial", "review", "rest", "longest_rest", "memory"):
            if getattr(self, name) < 1:
                raise ConfigError(
                    "setting out of range",
                    field=f"pace.{name}",
                    value=getattr(self, name),
                    remedy="use 1 or more",
                )


class TrialChange(NamedTuple):
    """A change of trial_status; it holds from the row's next value on."""

    position: int
    """Of the value that brought it about, in the batch."""
    row: int
    trial_status: TrialStatus
    ratio: float
    """Error relative to the yardstick's: what was found, or why it rested until now."""


TRIAL = np.dtype(
    [
        ("trial_status", "<i1"),
        ("left", "<i8"),
        ("wake", "<i8"),
        ("rest", "<i8"),
        ("scored", "<i8"),
        ("own", "<f8"),
        ("yardstick", "<f8"),
    ]
)
"""Layout of one series. ``left``: compared forecasts, or values of a rest, until the next
decision. ``wake``: bit k says that a rest ends after k + 1 more values. ``rest``: length of the
next rest. ``scored``: compared forecasts, at most ``memory``. ``own``, ``yardstick``: running mean
absolute errors over the same values."""


class _State(msgspec.Struct, array_like=True):
    trial_status: int
    left: int
    wake: int
    rest: int
    scored: int
    own: float
    yardstick: float
    model: bytes


_encode = msgspec.msgpack.Encoder().encode
_decode = msgspec.msgpack.Decoder(_State).decode


def is_expensive(model: Forecaster) -> bool:
    """Whether the model declares, by ``expensive = True``, that it is not to run everywhere."""
    return bool(getattr(model, "expensive", False))


class OnTrial:
    """A forecaster that learns only the series where it does better than a yardstick.

    A trial lasts ``pace.trial`` values for which both it and the yardstick had a forecast. While
    its running error is below ``pace.share`` of the yardstick's, the model is kept, and looked at
    again every ``pace.review`` such values; else it is reset and rests. While it rests it has no
    forecast, and a value costs a few tenths of a microsecond.

    ``learn_many`` takes the yardstick's one-step forecasts as well; where they are NaN nothing is
    compared. After a drift call ``wake``. The other methods are those of the protocol.
    """

    def __init__(self, model: Forecaster, pace: TrialSchedule | None = None) -> None:
        self._model = model
        self._pace = pace or TrialSchedule()
        self._trials = np.zeros(0, TRIAL)
        self._changes: list[TrialChange] = []

    @property
    def name(self) -> str:
        return self._model.name

    @property
    def state_version(self) -> str:
        return f"1/{self._model.state_version}"

    def resize(self, rows: int) -> None:
        self._model.resize(rows)
        fresh = np.full(rows - len(self._trials), self._fresh(), TRIAL)
        self._trials = np.concatenate([self._trials, fresh])

    def reset(self, row: int) -> None:
        self._model.reset(row)
        self._trials[row] = self._fresh()

    def _fresh(self) -> NDArray[np.void]:
        pace = self._pace
        return np.array((TrialStatus.ON_TRIAL, pace.trial, 0, pace.rest, 0, 0.0, 0.0), TRIAL)

    # -- learning -----------------------------------------------------------------------------

    def learn_many(
        self,
        rows: IntArray,
        timestamps: IntArray,
        values: FloatArray,
        yardstick: FloatArray | None = None,
    ) -> FloatArray:
        """As in the protocol; ``yardstick`` holds another model's forecasts made before each
        value. Changes of trial_status take effect at the very next value of the row."""
        if yardstick is None:
            yardstick = not_ready(rows.size)
        forecasts = not_ready(rows.size)
        known = len(self._changes)
        waiting = np.arange(rows.size)
        while waiting.size:
            due = self._before_decision(rows[waiting])
            now, waiting = waiting[due], waiting[~due]
            active = now[self._trials["trial_status"][rows[now]] != TrialStatus.RESTING]
            if active.size:
                forecasts[active] = self._model.learn_many(
                    rows[active], timestamps[active], values[active]
                )
                self._score(rows, values, forecasts, yardstick, active)
            self._count(rows, now)
        self._changes[known:] = sorted(self._changes[known:])
        return forecasts

    def _before_decision(self, rows: IntArray) -> BoolArray:
        """Which values come no later than the one at which their row's trial_status may change."""
        groups = group(rows)
        trials = self._trials[groups.rows]
        left, wake = trials["left"], trials["wake"]
        # the lowest bit, where there is one, is the number of values before the next waking
        next_wake = np.log2(np.maximum(wake & -wake, 1)).astype(np.int64) + 1
        values = np.where(wake > 0, np.minimum(left, next_wake), left)
        due = np.ones(rows.size, np.bool_)
        if (groups.counts > values).any():
            rank = np.arange(rows.size) - np.repeat(groups.starts, groups.counts)
            due[groups.order] = rank < np.repeat(values, groups.counts)
        return due

    def _score(
        self,
        rows: IntArray,
        values: FloatArray,
        forecasts: FloatArray,
        yardstick: FloatArray,
        active: IntArray,
    ) -> None:
        """Take the forecasts at ``active`` positions into the running errors."""
        own, other = _errors(values, forecasts), _errors(values, yardstick)
        columns = (self._trials[name] for name in ("left", "scored", "own", "yardstick"))
        left, scored, owns, others = columns
        compared = active[~np.isnan(own[active] + other[active])]
        each = zip(rows[compared].tolist(), own[compared], other[compared], strict=True)
        for row, mine, yours in each:
            left[row] -= 1
            scored[row] = count = min(scored[row] + 1, self._pace.memory)
            owns[row] += (mine - owns[row]) / count
            others[row] += (yours - others[row]) / count

    def _count(self, rows: IntArray, now: IntArray) -> None:
        """Count the values at these positions, and decide where it is time."""
        groups = group(rows[now])
        trials = self._trials[groups.rows]
        resting = trials["trial_status"] == TrialStatus.RESTING
        trials["left"] -= np.where(resting, groups.counts, 0)
        remaining = trials["wake"] >> (np.minimum(groups.counts, FARTHEST_WAKE + 1) - 1)
        trials["wake"] = remaining >> 1
        trials["left"][resting & (remaining % 2 == 1)] = 0
        self._trials[groups.rows] = trials
        for index in np.flatnonzero(trials["left"] == 0).tolist():
            self._decide(int(now[groups.last[index]]), int(groups.rows[index]))

    def _decide(self, position: int, row: int) -> None:
        trial, pace = self._trials[row], self._pace
        before, ratio = self.trial_status(row), self.ratio(row)
        if before == TrialStatus.RESTING:
            trial["trial_status"], trial["left"] = TrialStatus.ON_TRIAL, pace.trial
            trial["scored"] = 0
            trial["own"] = trial["yardstick"] = 0.0
        elif ratio < pace.share:
            trial["trial_status"], trial["left"], trial["rest"] = (
                TrialStatus.KEPT,
                pace.review,
                pace.rest,
            )
        else:
            self._model.reset(row)
            trial["trial_status"], trial["left"] = TrialStatus.RESTING, trial["rest"]
            trial["rest"] = min(2 * trial["rest"], pace.longest_rest)
        trial_status = self.trial_status(row)
        if trial_status != before:
            self._changes.append(TrialChange(position, row, trial_status, ratio))

    def wake(self, row: int, ago: int, after: int) -> None:
        """End a rest ``after`` values behind the one that was learned ``ago`` values ago (0 for
        the newest): the series has changed there.

        So a caller that finds a drift only at the end of a batch has it act at a value that does
        not depend on where the batch ended. ``after`` is larger than ``ago`` by at most
        ``FARTHEST_WAKE``. Without effect where the model does not rest then; several may wait.
        """
        remaining = after - ago
        if not 1 <= remaining <= FARTHEST_WAKE:
            raise ConfigError(
                "argument out of range",
                field="after",
                value=after,
                remedy=f"use ago + 1 to ago + {FARTHEST_WAKE}",
            )
        self._trials[row]["wake"] |= 1 << (remaining - 1)

    # -- asking -------------------------------------------------------------------------------

    def forecast(self, row: int, horizon: int) -> FloatArray:
        return self._model.forecast(row, horizon)

    def trial_status(self, row: int) -> TrialStatus:
        """How the model stands with the row."""
        return TrialStatus(int(self._trials["trial_status"][row]))

    def ratio(self, row: int) -> float:
        """Running error relative to the yardstick's, 0..``WORST``; 1 while the yardstick has made
        no error. That of the last trial while the model rests."""
        trial = self._trials[row]
        own, yardstick = float(trial["own"]), float(trial["yardstick"])
        return min(own / max(yardstick, own / WORST), WORST) if yardstick else 1.0

    def take_changes(self) -> list[TrialChange]:
        """Changes of trial_status since the last call, in order of their values in each batch."""
        changes, self._changes = self._changes, []
        return changes

    # -- storing ------------------------------------------------------------------------------

    def dump(self, row: int) -> bytes:
        trial, model = self._trials[row], self._model.dump(row)
        if not model and trial == self._fresh():
            return b""
        return _encode((*trial.tolist(), model))

    def load(self, row: int, state: bytes) -> None:
        self.reset(row)
        if not state:
            return
        found = self._checked(state)
        try:
            self._model.load(row, found.model)
        except StateError:
            self.reset(row)
            raise
        self._trials[row] = tuple(getattr(found, name) for name in TRIAL.fields or ())

    def _checked(self, state: bytes) -> _State:
        try:
            found = _decode(state)
        except msgspec.MsgspecError as error:
            raise damaged(self.name, error) from error
        counts = (found.left - 1, found.wake, found.rest - 1, found.scored)
        fits = found.trial_status in tuple(TrialStatus) and all(
            0 <= count < 2**62 for count in counts
        )
        require(fits, self.name, "a count is out of range")
        require_finite((found.own, found.yardstick), self.name)
        require(min(found.own, found.yardstick) >= 0, self.name, "an error is negative")
        return found


def best(row: int, companions: Sequence[OnTrial]) -> OnTrial | None:
    """The kept model whose error is smallest relative to the yardstick's, the same for all.

    None when the yardstick does best. Its one-step errors are what was compared: it says little
    about forecasts that lie far ahead.
    """
    kept = [model for model in companions if model.trial_status(row) == TrialStatus.KEPT]
    return min(kept, key=lambda model: model.ratio(row), default=None)


def _errors(values: FloatArray, forecasts: FloatArray) -> FloatArray:
    return np.abs(within_magnitude(values) - within_magnitude(forecasts))
