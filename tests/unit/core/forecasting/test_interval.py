import numpy as np
import pytest

from streams.core.forecasting.interval import growth, half_width, margins


@pytest.mark.parametrize(("level", "deviations"), [(0.8, 1.2816), (0.95, 1.96), (0.5, 0.6745)])
def test_the_interval_is_normal(level: float, deviations: float) -> None:
    assert half_width(level) == pytest.approx(deviations, abs=1e-4)


def test_it_grows_with_the_square_root_of_the_step() -> None:
    assert growth(4).tolist() == [1.0, 2**0.5, 3**0.5, 2.0]
    np.testing.assert_allclose(margins(3.0, 0.95, 4), 3 * 1.96 * growth(4), rtol=1e-4)


def test_nobody_can_change_the_shared_growth() -> None:
    with pytest.raises(ValueError, match="read-only"):
        growth(3)[0] = 2.0
