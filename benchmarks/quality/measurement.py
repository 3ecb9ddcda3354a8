"""Every series through every method, in several processes."""

from __future__ import annotations

import multiprocessing
from collections.abc import Callable, Sequence
from concurrent.futures import ProcessPoolExecutor, as_completed
from functools import partial
from pathlib import Path

from benchmarks.quality.data import load
from benchmarks.quality.methods import factory
from benchmarks.quality.replay import SeriesScore, score


def measure(
    data: Path,
    chosen: Sequence[str],
    methods: Sequence[str],
    jobs: int,
    tell: Callable[[str], None],
) -> list[SeriesScore]:
    """Replay each series through each method; series go to ``jobs`` processes, long ones first.

    ``tell`` gets each series' name when it is done.
    """
    task = partial(score_file, data, tuple(methods))
    ordered = sorted(chosen, key=lambda name: -(data / name).stat().st_size)
    found: dict[str, SeriesScore] = {}
    if jobs == 1:
        for name in ordered:
            found[name] = task(name)
            tell(name)
    else:
        # spawn: a fork would take compiled code and its locks along
        context = multiprocessing.get_context("spawn")
        with ProcessPoolExecutor(jobs, mp_context=context) as pool:
            for done in as_completed([pool.submit(task, name) for name in ordered]):
                result = done.result()
                found[result.name] = result
                tell(result.name)
    return [found[name] for name in chosen]


def score_file(data: Path, methods: tuple[str, ...], name: str) -> SeriesScore:
    """One series through all methods, in whatever process."""
    return score(load(data, name), {each: factory(each) for each in methods})
