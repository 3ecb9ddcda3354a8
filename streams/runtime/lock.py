"""One worker a state directory."""

from __future__ import annotations

import fcntl
import json
import os
import socket
from pathlib import Path
from types import TracebackType
from typing import IO, Self

from streams.errors import StateError

FILE = "LOCK"


class StateLock:
    """Exclusive lock on a state directory; its file names the holder. The kernel releases it when
    the process dies, however it dies."""

    def __init__(self, directory: Path, holder: str) -> None:
        self._path = directory / FILE
        self._holder = holder
        self._file: IO[str] | None = None

    def acquire(self) -> None:
        """Raises StateError naming the holder when another process has the directory."""
        self._path.parent.mkdir(parents=True, exist_ok=True)
        file = self._path.open("a+", encoding="utf-8")
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            file.seek(0)
            held_by = file.read().strip() or "unknown"
            file.close()
            raise StateError(
                "the state directory is in use by another worker",
                field="worker.state_dir",
                value=f"{self._path.parent} (holder {held_by})",
                remedy="stop that worker, or give this one a directory of its own",
            ) from None
        file.truncate(0)
        file.write(
            json.dumps({"id": self._holder, "pid": os.getpid(), "host": socket.gethostname()})
        )
        file.flush()
        self._file = file

    def release(self) -> None:
        if self._file is not None:
            self._file.close()
            self._file = None

    def __enter__(self) -> Self:
        self.acquire()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.release()
