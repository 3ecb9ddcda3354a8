"""Numbers in the texts of predictions."""

from __future__ import annotations

import pytest

from streams.core.capacity.wording import after, amount, counted


@pytest.mark.parametrize(
    ("value", "unit", "text"),
    [(97.5, "%", "97.5 %"), (12_345.6, "calls", "12346 calls"), (0.012345, "", "0.01235")],
)
def test_amounts(value: float, unit: str, text: str) -> None:
    assert amount(value, unit) == text


def test_times_and_counts() -> None:
    assert [after(ms) for ms in (0, 90_000, 5_400_000)] == ["now", "in 1.5 min", "in 1.5 h"]
    assert [counted(number, "risk") for number in (1, 2)] == ["1 risk", "2 risks"]
