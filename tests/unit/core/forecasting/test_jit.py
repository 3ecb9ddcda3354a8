"""Compiled code and its cache on disk, each time in a process of its own."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from streams.core.forecasting import jit

ROOT = Path(__file__).parents[4]

USE = """
import numba.core.caching as caching
{before}
from streams.core.forecasting.jit import Cache, compiled

@compiled
def double(number):
    return 2 * number

print(double(21), Cache.usable)
"""
NO_FOLDER = """
class Nowhere:
    @classmethod
    def from_function(cls, py_func, py_file):
        return None

caching.CacheImpl._locator_classes = [Nowhere]
caching._CacheImpl = getattr(caching, "_CacheImpl", None)
"""


def run(folder: Path, before: str = "", cache: Path | None = None) -> list[str]:
    script = folder / "use.py"
    script.write_text(USE.format(before=before))
    done = subprocess.run(
        [sys.executable, str(script)],
        env={**os.environ, "PYTHONPATH": str(ROOT), "NUMBA_CACHE_DIR": str(cache or "")},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout.split()


def test_compiled_code_is_kept_in_the_cache(tmp_path: Path) -> None:
    cache = tmp_path / "cache"
    assert run(tmp_path, cache=cache) == ["42", "True"]
    kept = sorted(cache.rglob("*double*"))
    assert kept
    times = [file.stat().st_mtime_ns for file in kept]
    assert run(tmp_path, cache=cache) == ["42", "True"]
    assert [file.stat().st_mtime_ns for file in sorted(cache.rglob("*double*"))] == times


def test_without_any_folder_for_the_cache_it_compiles_at_each_start(tmp_path: Path) -> None:
    assert run(tmp_path, before=NO_FOLDER) == ["42", "False"]


@pytest.mark.parametrize("kind", ["a file", "below a file"])
def test_a_cache_folder_that_cannot_be_written_does_no_harm(tmp_path: Path, kind: str) -> None:
    taken = tmp_path / "taken"
    taken.write_text("")
    cache = taken if kind == "a file" else taken / "folder"
    assert run(tmp_path, cache=cache)[0] == "42"


def test_a_change_of_any_source_makes_the_cache_useless(tmp_path: Path) -> None:
    cache = tmp_path / "cache"
    run(tmp_path, cache=cache)
    kept = {file: file.read_bytes() for file in cache.rglob("*.nbi")}
    assert kept
    other = "import streams.core.forecasting.jit as jit; jit.sources = lambda: 1"
    assert run(tmp_path, before=other, cache=cache) == ["42", "True"]
    assert all(file.read_bytes() != content for file, content in kept.items())


def test_the_checksum_is_that_of_all_sources() -> None:
    package = Path(jit.__file__).parent
    content = b"".join(file.read_bytes() for file in package.rglob("*.py"))
    assert len(content) > 50_000
    assert jit.sources() == jit.sources() != 0
