"""Who asks: the name and the role that belong to the token a caller shows."""

from __future__ import annotations

import os
import re
from collections.abc import Mapping
from pathlib import Path
from typing import NamedTuple

import structlog
from pydantic import SecretStr
from starlette.requests import Request

from streams.errors import ConfigError
from streams.records import Role
from streams.settings.tokens import digest_of, read_tokens

log = structlog.get_logger(__name__)


class Caller(NamedTuple):
    """Who asks. Records that come of a request bear this name, whatever the request says."""

    name: str
    """Of the person or service."""
    role: Role
    patience: float = 0.0
    """Seconds for which the answer may wait for the effect."""


ANYBODY = Caller("", Role.VIEWER)
"""Whoever asks a worker that has no tokens; the guard lets loopback in only."""
SHARED = Caller("shared token", Role.ADMIN)
"""Whoever shows the token of ``web.token_file``: workers to one another, and deployments that do
not tell people apart."""

CALLER = "goalstream.caller"
"""Where the scope of a request says who asks."""

PATIENCE, PATIENCE_MAX = 10.0, 60.0
"""Seconds for which an answer waits for the effect: usually, and at most."""
_WAIT = re.compile(r"(?:^|[,;]) *wait *= *([0-9]{1,4})(?![0-9])", re.IGNORECASE)
_NO_WAIT = re.compile(r"(?:^|[,;]) *respond-async(?![\w-])", re.IGNORECASE)
_Stamp = tuple[int, int, int]


def caller_of(request: Request) -> Caller:
    """Who asks; the guard has put it there."""
    return request.scope[CALLER]


def patience_of(preferences: str) -> float:
    """Seconds that a caller waits, from a header ``Prefer`` (RFC 7240): ``wait=N``, or none for
    ``respond-async``; what is not understood counts as absent, as the RFC wants."""
    if _NO_WAIT.search(preferences):
        return 0.0
    found = _WAIT.search(preferences)
    return min(float(found[1]), PATIENCE_MAX) if found else PATIENCE


class Tokens:
    """Callers by token. The file of tokens is read again when it changes, so that one that was
    taken away is refused from the next request on."""

    def __init__(self, shared: SecretStr | None = None, file: Path | None = None) -> None:
        """ConfigError for a file that cannot be read or is not understood."""
        self._shared = {digest_of(shared.get_secret_value()): SHARED} if shared else {}
        self._file = file
        self._stamp = None if file is None else _stamp(file)
        self._listed = {} if file is None else _callers(file)

    @property
    def needed(self) -> bool:
        """Whether a caller must show one."""
        return bool(self._shared) or self._file is not None

    def caller(self, token: str) -> Caller | None:
        """Who shows this token; None when nobody has it.

        Digests are compared, so the time that it takes says nothing of a token.
        """
        digest = digest_of(token)
        return self._current().get(digest) or self._shared.get(digest)

    def _current(self) -> Mapping[str, Caller]:
        if self._file is not None and (stamp := _stamp(self._file)) != self._stamp:
            self._stamp = stamp
            try:
                self._listed = _callers(self._file)
            except ConfigError as error:
                log.error("the tokens stay as they were", error=str(error))
        return self._listed


def _callers(file: Path) -> dict[str, Caller]:
    return {
        entry.sha256: Caller(name, Role(entry.role)) for name, entry in read_tokens(file).items()
    }


def _stamp(file: Path) -> _Stamp | None:
    try:
        found = os.stat(file)
    except OSError:
        return None
    return found.st_ino, found.st_size, found.st_mtime_ns
