"""How hot loops are compiled: with Numba, kept in a cache on disk where there is one."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeVar, cast

import numba

FAST_MATH = {"reassoc", "contract", "arcp", "nsz"}
"""Sums may be reordered; NaN and infinity keep their meaning."""

_F = TypeVar("_F", bound=Callable[..., Any])


class Cache:
    """Whether compiled code outlives the process."""

    usable = True


def compiled(function: _F) -> _F:
    """Compile at first call, or take the result of an earlier process from the cache.

    Where no cache folder can be written to, Numba refuses the cache; the code is then compiled
    at each start, and ``Cache.usable`` says so.
    """
    try:
        return cast(_F, numba.njit(cache=True, fastmath=FAST_MATH)(function))
    except RuntimeError:
        Cache.usable = False
        return cast(_F, numba.njit(fastmath=FAST_MATH)(function))
