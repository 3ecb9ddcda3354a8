"""One Java server of a stack: started in the background, found again and stopped by its id."""

from __future__ import annotations

import os
import signal
import subprocess
import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from pathlib import Path

from streams.errors import Unavailable

STOP_SECONDS = 30.0
START_SECONDS = 90.0
_POLL_SECONDS = 0.1
_TAIL_LINES = 20
# Not on macOS.
_HAS_PROC = Path("/proc/self").exists()


class Server:
    """A server whose process id and log are kept in a folder, as ``<name>.pid`` and ``<name>.log``.

    The folder outlives this object: another program may find and stop the server.
    """

    def __init__(self, name: str, folder: Path) -> None:
        self.name = name
        self._folder = folder
        self._pid_file = folder / f"{name}.pid"
        self._child: subprocess.Popen[bytes] | None = None

    @property
    def log(self) -> Path:
        return self._folder / f"{self.name}.log"

    @property
    def pid(self) -> int | None:
        """Process id while the server runs, else None."""
        if self._child is not None:
            return self._child.pid if self._child.poll() is None else None
        try:
            pid = int(self._pid_file.read_text(encoding="ascii"))
        except (OSError, ValueError):
            return None
        # After a reboot the id may belong to another program.
        return pid if self._mark in _command_line(pid) else None

    @property
    def _mark(self) -> str:
        return f"-Dgoalstream.server={self._folder}/{self.name}"

    def run(self, command: Sequence[str], ready: Callable[[], bool]) -> None:
        """Start the server by a Java command and return when ``ready`` says yes.

        Raises Unavailable, with the end of the log, when it ends or is not ready in time; then
        it is stopped.
        """
        with self.log.open("ab") as log:
            # A session of its own: an interrupt at the keyboard must not stop it out of order.
            self._child = subprocess.Popen(
                [command[0], self._mark, *command[1:]],
                cwd=self._folder,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )
        self._pid_file.write_text(str(self._child.pid), encoding="ascii")
        try:
            self._await(ready)
        except BaseException:
            self.stop(kill=True)
            raise

    def _await(self, ready: Callable[[], bool]) -> None:
        deadline = time.monotonic() + START_SECONDS
        while not ready():
            if self.pid is None:
                raise self._failure("ended at its start")
            if time.monotonic() > deadline:
                raise self._failure(f"was not ready within {START_SECONDS:.0f} s")
            time.sleep(_POLL_SECONDS)

    def _failure(self, what: str) -> Unavailable:
        lines = self.log.read_text(encoding="utf-8", errors="replace").splitlines()
        tail = "\n".join(lines[-_TAIL_LINES:])
        return Unavailable(
            f"the {self.name} {what}; its log ends:\n{tail}\n",
            field=self.name,
            value=str(self.log),
            remedy="read the whole log",
        )

    def stop(self, *, kill: bool = False) -> None:
        """End the server and wait for it; ``kill`` gives it no chance to write anything."""
        pid = self.pid
        if pid is not None:
            self._end(pid, signal.SIGKILL if kill else signal.SIGTERM)
        self._child = None
        self._pid_file.unlink(missing_ok=True)

    def _end(self, pid: int, sign: signal.Signals) -> None:
        _send(pid, sign)
        # A server that was paused ends only after it goes on.
        _send(pid, signal.SIGCONT)
        deadline = time.monotonic() + STOP_SECONDS
        while self.pid is not None or _holds_resources(pid):
            if time.monotonic() > deadline:
                _send(pid, signal.SIGKILL)
                deadline += STOP_SECONDS
            time.sleep(_POLL_SECONDS)


def _send(pid: int, sign: signal.Signals) -> None:
    with suppress(ProcessLookupError):
        os.kill(pid, sign)


def _holds_resources(pid: int) -> bool:
    """False once a process is gone, or a zombie: then its files and ports are free."""
    try:
        os.kill(pid, 0)
        status = Path(f"/proc/{pid}/stat").read_text(encoding="utf-8", errors="replace")
    except ProcessLookupError:
        return False
    except FileNotFoundError:
        # It ended between the two questions, or there is no /proc.
        return not _HAS_PROC
    return status.rpartition(")")[2].split()[0] != "Z"


def _command_line(pid: int) -> str:
    """Arguments of a running process, empty when there is none or it has ended."""
    shown = Path(f"/proc/{pid}/cmdline")
    if _HAS_PROC:
        try:
            return shown.read_bytes().replace(b"\0", b" ").decode(errors="replace")
        except OSError:
            return ""
    listed = subprocess.run(
        ["ps", "-ww", "-o", "command=", "-p", str(pid)], check=False, capture_output=True, text=True
    )
    return listed.stdout
