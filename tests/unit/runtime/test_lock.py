"""One worker a state directory."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from streams.errors import StateError
from streams.runtime.lock import FILE, StateLock

HOLDER = """
import sys
from pathlib import Path
from streams.runtime.lock import StateLock
lock = StateLock(Path(sys.argv[1]), "first")
lock.acquire()
print("held", flush=True)
sys.stdin.read()
"""


def test_second_holder_is_told_of_the_first(tmp_path: Path) -> None:
    directory = tmp_path / "new" / "state"
    with StateLock(directory, "first"):
        held = json.loads((directory / FILE).read_text())
        assert (held["id"], held["pid"]) == ("first", os.getpid())
        with pytest.raises(StateError, match='"id": "first"') as caught:
            StateLock(directory, "second").acquire()
        assert caught.value.field == "worker.state_dir"
        assert str(os.getpid()) in str(caught.value)
    with StateLock(directory, "third"):
        assert json.loads((directory / FILE).read_text())["id"] == "third"


def test_release_is_idempotent(tmp_path: Path) -> None:
    lock = StateLock(tmp_path, "first")
    lock.release()
    lock.acquire()
    lock.release()
    lock.release()
    lock.acquire()
    lock.release()


def test_lock_goes_with_the_process_that_held_it(tmp_path: Path) -> None:
    process = subprocess.Popen(
        [sys.executable, "-c", HOLDER, str(tmp_path)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    with process:
        assert process.stdout is not None
        assert process.stdout.readline() == "held\n"
        with pytest.raises(StateError, match=f'"pid": {process.pid}'):
            StateLock(tmp_path, "second").acquire()
        process.kill()
        process.wait()
        with StateLock(tmp_path, "second"):
            assert json.loads((tmp_path / FILE).read_text())["id"] == "second"
