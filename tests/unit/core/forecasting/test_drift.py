import numpy as np
from river.drift import ADWIN

from streams.core.forecasting.drift import DriftDetectors

DELTA = 0.002


def shifting(seed: int, size: int = 1200) -> np.ndarray:
    random = np.random.default_rng(seed)
    level = np.where(np.arange(size) // 300 % 2, 0.7, 0.3)
    return np.clip(level + 0.1 * random.standard_normal(size), 0, 1)


def make(rows: int = 1) -> DriftDetectors:
    detectors = DriftDetectors(DELTA)
    detectors.resize(rows)
    return detectors


def test_flags_are_rivers() -> None:
    values, river = shifting(0), ADWIN(delta=DELTA)
    expected = []
    for value in values.tolist():
        river.update(value)
        expected.append(river.drift_detected)
    given = make().update_many(np.zeros(values.size, np.int64), values)
    assert given.tolist() == expected
    assert sum(expected) == 3


def test_rows_do_not_influence_each_other() -> None:
    values = [shifting(seed) for seed in range(3)]
    alone = [make().update_many(np.zeros(v.size, np.int64), v) for v in values]
    rows = np.tile(np.arange(3), values[0].size)
    given = make(3).update_many(rows, np.stack(values, axis=1).ravel())
    for row in range(3):
        np.testing.assert_array_equal(given[rows == row], alone[row])


def test_missing_values_are_passed_over() -> None:
    values = shifting(1)
    gappy = np.repeat(values, 2)
    gappy[1::2] = np.nan
    given = make().update_many(np.zeros(gappy.size, np.int64), gappy)
    expected = make().update_many(np.zeros(values.size, np.int64), values)
    np.testing.assert_array_equal(given[::2], expected)
    assert not given[1::2].any()


def test_continuing_from_a_dump_changes_nothing() -> None:
    values = shifting(2)
    unbroken, current = make(), make()
    for start in range(0, values.size, 37):
        part = values[start : start + 37]
        rows = np.zeros(part.size, np.int64)
        state = current.dump(0)
        current = make()
        current.load(0, state)
        assert current.dump(0) == state
        expected = unbroken.update_many(rows, part)
        np.testing.assert_array_equal(current.update_many(rows, part), expected)
    assert current.dump(0) == unbroken.dump(0)


def test_a_row_that_was_reset_is_fresh() -> None:
    detectors = make()
    fresh = detectors.dump(0)
    detectors.update_many(np.zeros(100, np.int64), shifting(4)[:100])
    assert detectors.dump(0) != fresh
    detectors.reset(0)
    assert detectors.dump(0) == fresh
