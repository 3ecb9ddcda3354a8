from __future__ import annotations

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from streams.core.kernel.columns import group, previous_values

ROWS = st.lists(st.integers(0, 4), min_size=1, max_size=30)


@given(rows=ROWS)
def test_groups_are_those_of_a_dictionary(rows: list[int]) -> None:
    expected: dict[int, list[int]] = {}
    for position, row in enumerate(rows):
        expected.setdefault(row, []).append(position)
    groups = group(np.array(rows))
    assert groups.rows.tolist() == sorted(expected)
    for i, row in enumerate(groups.rows.tolist()):
        positions = expected[row]
        assert (groups.first[i], groups.last[i]) == (positions[0], positions[-1])
        assert groups.counts[i] == len(positions)
        start = groups.starts[i]
        assert groups.order[start : start + len(positions)].tolist() == positions


@given(rows=ROWS)
def test_previous_value_is_the_one_before_in_its_row(rows: list[int]) -> None:
    values = np.arange(len(rows), dtype=float)
    groups = group(np.array(rows))
    before = groups.rows + 100.0
    last = {row: row + 100.0 for row in rows}
    expected: list[float] = []
    for row, value in zip(rows, values.tolist(), strict=True):
        expected.append(last[row])
        last[row] = value
    assert previous_values(values, groups, before).tolist() == expected
