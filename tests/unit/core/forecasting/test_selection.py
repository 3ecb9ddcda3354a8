from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from streams.core.forecasting.config import ForecastConfig
from streams.core.forecasting.exponential_smoothing import ExponentialSmoothingForecaster
from streams.core.forecasting.holt_winters import HoltWintersForecaster
from streams.core.forecasting.selection import (
    OnTrial,
    TrialChange,
    TrialSchedule,
    TrialStatus,
    best,
    is_expensive,
)
from streams.core.forecasting.snarimax import SnarimaxForecaster
from streams.core.kernel.batch import FloatArray, IntArray
from streams.errors import ConfigError, StateError
from streams.testing import check_forecaster

SHORT = TrialSchedule(trial=20, review=5, rest=10, longest_rest=40, memory=10)
PACE = TrialSchedule(trial=8, review=4, rest=6, longest_rest=20, memory=4)


def make(pace: TrialSchedule = SHORT, rows: int = 1) -> OnTrial:
    """Exponential smoothing on trial: exact on a constant."""
    model = OnTrial(ExponentialSmoothingForecaster(ForecastConfig()), pace)
    model.resize(rows)
    return model


def learn(model: OnTrial, values: FloatArray, yardstick: FloatArray, row: int = 0) -> FloatArray:
    count = values.size
    return model.learn_many(np.full(count, row), np.arange(count), values, yardstick)


def changes(model: OnTrial) -> list[tuple[int, TrialStatus]]:
    return [(change.position, change.trial_status) for change in model.take_changes()]


class Judged(OnTrial):
    """Beside a yardstick that is good on some values only."""

    def learn_many(
        self,
        rows: IntArray,
        timestamps: IntArray,
        values: FloatArray,
        yardstick: FloatArray | None = None,
    ) -> FloatArray:
        return super().learn_many(rows, timestamps, values, np.round(values))


def test_it_keeps_the_contract_through_trials_and_rests() -> None:
    made: list[Judged] = []

    def judged() -> Judged:
        made.append(Judged(HoltWintersForecaster(ForecastConfig()), SHORT))
        return made[-1]

    check_forecaster(judged)
    assert {change.trial_status for model in made for change in model.take_changes()} == set(
        TrialStatus
    )


def test_a_trial_that_is_won_keeps_the_model() -> None:
    model, values = make(), np.full(200, 5.0)
    given = learn(model, values, values + 1)
    # the first value has no forecast
    assert changes(model) == [(20, TrialStatus.KEPT)]
    assert np.isfinite(given[1:]).all()
    assert model.ratio(0) == 0.0


def test_a_trial_that_is_lost_lets_it_rest_longer_each_time() -> None:
    model, values = make(), np.sin(np.arange(400.0))
    given = learn(model, values, values)
    found = changes(model)
    assert [trial_status for _, trial_status in found] == [
        TrialStatus.RESTING,
        TrialStatus.ON_TRIAL,
    ] * (len(found) // 2) + [TrialStatus.RESTING] * (len(found) % 2)
    rests = [after - before for (before, _), (after, _) in list(pairwise(found))[::2]]
    assert rests[:4] == [10, 20, 40, 40]
    for (start, trial_status), (end, _) in pairwise(found):
        if trial_status == TrialStatus.RESTING:
            assert np.isnan(given[start + 1 : end + 1]).all()


def test_a_resting_model_keeps_no_state_and_gives_no_forecast() -> None:
    model, values = make(), np.sin(np.arange(25.0))
    learn(model, values, values)
    assert model.trial_status(0) == TrialStatus.RESTING
    assert np.isnan(model.forecast(0, 3)).all()
    assert len(model.dump(0)) < 40


def test_a_kept_model_that_gets_worse_rests_and_has_its_first_rest_again() -> None:
    model = make()
    lost, won = np.sin(np.arange(60.0)), np.full(200, 5.0)
    learn(model, lost, lost)
    learn(model, won, won + 1)
    model.take_changes()
    assert model.trial_status(0) == TrialStatus.KEPT
    worse = np.sin(np.arange(40.0))
    learn(model, worse, worse)
    (end, rests), (again, on_trial) = changes(model)[:2]
    assert (rests, on_trial) == (TrialStatus.RESTING, TrialStatus.ON_TRIAL)
    assert again - end == SHORT.rest


def test_a_little_better_is_not_enough() -> None:
    model = make(TrialSchedule(trial=50, rest=1000))
    values = np.sin(np.arange(60.0))
    own = learn(make(TrialSchedule(trial=10**9)), values, values)
    learn(model, values, values + np.nan_to_num(np.abs(values - own)) / 0.985)
    assert changes(model) == [(50, TrialStatus.RESTING)]
    assert 0.98 < model.ratio(0) < 0.99


def test_a_drift_ends_a_rest_at_the_value_it_names() -> None:
    model, values = make(TrialSchedule(trial=20, rest=10_000)), np.sin(np.arange(40.0))
    learn(model, values, values)
    model.take_changes()
    model.wake(0, 0, 5)
    model.wake(0, 4, 16)  # then the model is on trial anyway
    given = learn(model, values, values)
    assert changes(model)[0] == (4, TrialStatus.ON_TRIAL)
    assert np.isfinite(given[6:20]).all()


@pytest.mark.parametrize("after", [-1, 0, 63])
def test_a_waking_too_late_or_too_far_off_is_refused(after: int) -> None:
    with pytest.raises(ConfigError, match="after"):
        make().wake(0, 3, 3 + after)


def test_without_a_yardstick_nothing_is_decided() -> None:
    model, values = make(), np.sin(np.arange(300.0))
    given = model.learn_many(np.zeros(300, np.int64), np.arange(300), values)
    assert np.isfinite(given[1:]).all()
    assert model.take_changes() == []
    assert (model.trial_status(0), model.ratio(0)) == (TrialStatus.ON_TRIAL, 1.0)


def test_changes_name_row_and_reason_in_order_of_the_batch() -> None:
    model = make(rows=2)
    rows = np.tile([0, 1], 40)
    values = np.where(rows == 0, 5.0, np.sin(np.arange(80)))
    yardstick = np.where(rows == 0, 6.0, values)
    model.learn_many(rows, np.arange(80), values, yardstick)
    kept, rests, *_ = model.take_changes()
    assert kept == TrialChange(40, 0, TrialStatus.KEPT, 0.0)
    assert (rests.position, rests.row, rests.trial_status) == (41, 1, TrialStatus.RESTING)
    assert rests.ratio == 1.0
    assert model.take_changes() == []


@settings(max_examples=60, deadline=None)
@given(st.data())
def test_nothing_depends_on_how_batches_are_cut(data: st.DataObject) -> None:
    """Nor where a drift is told at the end of the batch it was found in."""
    seed = data.draw(st.integers(0, 10**6))
    random = np.random.default_rng(seed)
    count, after = 120, 16
    rows, timestamps = random.integers(0, 3, count), np.arange(count)
    values = random.standard_normal(count)
    yardstick = values + random.standard_normal(count) * random.choice([0.5, 1.0, 2.0], count)
    drifts = random.random(count) < 0.1
    cuts = sorted(data.draw(st.sets(st.integers(1, count - 1), max_size=8)))
    # no batch with more than ``after`` values of a row, as the bank has it
    cuts = sorted({*cuts, *range(after, count, after)})
    found = [
        run(rows, timestamps, values, yardstick, drifts, bounds, after)
        for bounds in ([0, *cuts, count], list(range(count + 1)))
    ]
    (given, events, states), (other_given, other_events, other_states) = found
    np.testing.assert_array_equal(given, other_given)
    assert events == other_events
    assert states == other_states


def run(rows, timestamps, values, yardstick, drifts, bounds, after):
    model, given, events = make(PACE, 3), [], []
    for start, end in pairwise(bounds):
        part = slice(start, end)
        given.append(model.learn_many(rows[part], timestamps[part], values[part], yardstick[part]))
        events += [
            change._replace(position=change.position + start) for change in model.take_changes()
        ]
        for position in np.flatnonzero(drifts[part]) + start:
            row = rows[position]
            model.wake(int(row), np.count_nonzero(rows[position + 1 : end] == row), after)
    return np.concatenate(given), events, [model.dump(row) for row in range(3)]


def test_best_is_the_kept_model_with_the_smallest_error() -> None:
    models = [make(rows=2) for _ in range(3)]
    values = np.full(40, 5.0)
    noisy = values + 0.1 * np.sin(np.arange(40.0))
    assert best(0, models) is None
    learn(models[0], np.sin(values.cumsum()), np.sin(values.cumsum()))
    learn(models[1], noisy, noisy + 1)
    learn(models[2], values, values + 1)
    assert best(0, models) is models[2]
    assert best(0, models[:2]) is models[1]
    assert best(0, models[:1]) is None
    assert best(1, models) is None


def test_models_say_that_they_are_dear() -> None:
    config = ForecastConfig()
    assert is_expensive(SnarimaxForecaster(config))
    assert not is_expensive(HoltWintersForecaster(config))


def test_it_takes_its_name_from_the_model() -> None:
    model = make()
    assert model.name == "exponential_smoothing"
    assert model.state_version == "1/1"


@pytest.mark.parametrize("name", ["trial", "review", "rest", "longest_rest", "memory"])
def test_a_pace_of_nothing_is_refused(name: str) -> None:
    with pytest.raises(ConfigError, match=name):
        TrialSchedule(**{name: 0})


def test_a_state_out_of_range_is_refused() -> None:
    model = make()
    learn(model, np.ones(5), np.zeros(5))
    model._trials["left"][0] = 0
    with pytest.raises(StateError, match="out of range"):
        make().load(0, model.dump(0))


def test_an_error_without_end_does_not_break_the_ratio() -> None:
    model = make()
    values = np.where(np.arange(30) % 2, 1e100, -1e100)
    learn(model, values, values * (1 - 1e-15))
    assert 0 < model.ratio(0) <= 1e9
