"""A file that stops all actions on a worker, with or without a broker."""

from __future__ import annotations

from pathlib import Path

from streams.errors import Unavailable

DEFAULT_NAME = "halted"
"""Below the state directory, where no other file is named."""
_LONGEST = 500
"""Characters of a reason."""


class KillSwitch:
    """On while the file exists; its text is the reason. Safe to ask from any thread."""

    def __init__(self, file: Path) -> None:
        self._file = file

    @classmethod
    def at(cls, file: str, state_dir: Path) -> KillSwitch:
        """The switch at ``file``, or below the state directory where none is named."""
        return cls(Path(file) if file else state_dir / DEFAULT_NAME)

    def reason(self) -> str:
        """Why nothing may start; empty while the switch is off. An unreadable file is on."""
        try:
            text = self._file.read_text(encoding="utf-8", errors="replace").strip()
        except FileNotFoundError:
            return ""
        except OSError as error:
            return f"{self._file} cannot be read: {error.strerror}"
        return text[:_LONGEST] or f"{self._file} exists"

    def pull(self, reason: str) -> None:
        """Switch on, also for later runs. Raises Unavailable when the file cannot be written."""
        try:
            self._file.parent.mkdir(parents=True, exist_ok=True)
            self._file.write_text(reason + "\n", encoding="utf-8")
        except OSError as error:
            raise self._failed(error) from error

    def release(self) -> None:
        """Switch off. Raises Unavailable when the file cannot be removed."""
        try:
            self._file.unlink(missing_ok=True)
        except OSError as error:
            raise self._failed(error) from error

    def _failed(self, error: OSError) -> Unavailable:
        return Unavailable(
            f"the kill switch cannot be set: {error.strerror}",
            field="worker.kill_switch_file",
            value=str(self._file),
            remedy="create or remove the file by hand",
        )
