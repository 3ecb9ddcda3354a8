"""Sorted windows and sorted samples in place."""

from __future__ import annotations

from typing import Any

import numpy as np

from streams.core.forecasting.jit import compiled


@compiled
def place(items: Any, size: int, free: int, value: Any) -> None:
    """Put ``value`` into ``items[:size]``, which is sorted but for the free position."""
    i = free
    if i + 1 < size and items[i + 1] < value:
        while i + 1 < size and items[i + 1] < value:
            items[i] = items[i + 1]
            i += 1
    else:
        while i > 0 and items[i - 1] > value:
            items[i] = items[i - 1]
            i -= 1
    items[i] = value


@compiled
def first_at_least(items: Any, size: int, value: Any) -> int:
    """First position of the sorted ``items[:size]`` that is not below ``value``."""
    low, high = 0, size
    while low < high:
        middle = (low + high) >> 1
        if items[middle] < value:
            low = middle + 1
        else:
            high = middle
    return low


@compiled
def slide(items: Any, size: int, capacity: int, oldest: Any, value: Any) -> int:
    """Take a value into a sorted sliding window, instead of the oldest when it is full.

    Returns the new size.
    """
    if size < capacity:
        place(items, size + 1, size, value)
        return size + 1
    place(items, capacity, min(first_at_least(items, capacity, oldest), capacity - 1), value)
    return size


@compiled
def encode(value: Any) -> Any:
    """Sixteen bits that sort like the number: its rounded upper half (bfloat16)."""
    bits = (np.float32(value).view(np.int32) + np.int32(0x8000)) >> 16
    return np.int16(bits ^ 0x7FFF) if bits < 0 else np.int16(bits)


@compiled
def decode(code: Any) -> Any:
    """The number that ``encode`` stands for."""
    bits = np.int32(code)
    if bits < 0:
        bits = bits ^ np.int32(0x7FFF)
    return np.int32(bits << 16).view(np.float32)
