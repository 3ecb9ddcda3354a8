"""How hot loops are compiled: with Numba, kept in a cache on disk where there is one.

Numba throws a cached function away when its own file changes, but machine code also contains the
compiled functions that it calls, and constants, from other files. So the cache is stamped with a
checksum of all files that such code comes from.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import lru_cache
from importlib.resources import files
from typing import Any, TypeVar, cast
from zlib import crc32

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
    dispatcher: Any
    try:
        dispatcher = numba.njit(cache=True, fastmath=FAST_MATH)(function)
    except RuntimeError:
        Cache.usable = False
        dispatcher = numba.njit(fastmath=FAST_MATH)(function)
    else:
        index = dispatcher._cache._cache_file
        index._source_stamp = (index._source_stamp, sources())
    return cast(_F, dispatcher)


@lru_cache(maxsize=1)
def sources() -> int:
    """Checksum of the Python files of this package and those below it."""
    total, folders = 0, [files(__package__ or "")]
    while folders:
        for entry in sorted(folders.pop().iterdir(), key=lambda entry: entry.name):
            if entry.is_dir():
                folders.append(entry)
            elif entry.name.endswith(".py"):
                total = crc32(entry.read_bytes(), total)
    return total
