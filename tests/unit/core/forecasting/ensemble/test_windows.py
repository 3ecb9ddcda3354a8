from bisect import bisect_left, insort
from collections import deque

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from streams.core.forecasting.ensemble.windows import decode, encode, first_at_least, place, slide

numbers = st.floats(-(2.0**100), 2.0**100, width=32, allow_subnormal=False)
few = st.lists(numbers, min_size=1, max_size=60)
SINGLE = np.float32


@given(few, st.data())
def test_a_placed_value_leaves_the_items_sorted(values: list[float], data: st.DataObject) -> None:
    free = data.draw(st.integers(0, len(values) - 1))
    value = data.draw(numbers)
    rest = sorted(values[:free] + values[free + 1 :])
    items = np.array([*rest[:free], 0.0, *rest[free:]], SINGLE)
    place(items, items.size, free, SINGLE(value))
    insort(rest, SINGLE(value))
    assert items.tolist() == rest


@given(few, numbers)
def test_the_first_position_not_below_is_that_of_bisection(
    values: list[float], value: float
) -> None:
    items = np.array(sorted(values), SINGLE)
    assert first_at_least(items, items.size, SINGLE(value)) == bisect_left(items.tolist(), value)


@given(few, st.integers(1, 12))
def test_a_sliding_window_holds_the_newest_values_sorted(
    values: list[float], capacity: int
) -> None:
    items, size = np.zeros(capacity, SINGLE), 0
    newest: deque[float] = deque(maxlen=capacity)
    for value in values:
        oldest = newest[0] if newest else 0.0
        size = slide(items, size, capacity, SINGLE(oldest), SINGLE(value))
        newest.append(value)
        assert size == len(newest)
        assert items[:size].tolist() == sorted(newest)


def test_an_oldest_value_that_is_not_there_does_no_harm() -> None:
    items = np.array([1, 2, 3], SINGLE)
    assert slide(items, 3, 3, SINGLE(9), SINGLE(0)) == 3
    assert items.tolist() == [0, 1, 2]


@given(numbers, numbers)
def test_codes_sort_like_their_numbers(one: float, other: float) -> None:
    low, high = sorted((one, other))
    assert encode(SINGLE(low)) <= encode(SINGLE(high))


@given(numbers)
def test_a_code_stands_for_its_number_within_half_a_percent(value: float) -> None:
    stands_for = float(decode(np.int16(encode(SINGLE(value)))))
    assert abs(stands_for - value) <= abs(value) / 256 + 1e-38


def test_each_code_is_that_of_what_it_stands_for() -> None:
    for code in range(-(0x7F80), 0x7F80):  # beyond are infinity and NaN
        assert encode(decode(np.int16(code))) == code
