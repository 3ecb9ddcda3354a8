"""Values of series."""

from __future__ import annotations

import numpy as np


def noise(size: int, seed: int = 0) -> np.ndarray:
    """Standard normal, the same for the same seed."""
    return np.random.default_rng(seed).standard_normal(size)
