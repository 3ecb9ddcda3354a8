"""The file of ``web.tokens_file``: who may ask a worker for what.

One table for each person or service, its name in the brackets::

    ["anna"]
    role = "approver"
    sha256 = "…"

The token itself is stored nowhere; it is shown once, when it is made. It has 256 random bits, so
a plain digest of it cannot be guessed back.
"""

from __future__ import annotations

import hashlib
import json
import os
import re
import tempfile
import tomllib
from collections.abc import Mapping
from pathlib import Path
from typing import Literal

import msgspec

from streams.errors import ConfigError
from streams.records import Role

FIELD = "web.tokens_file"
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._@-]{0,63}")


class TokenEntry(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What is known of one token."""

    role: Literal["viewer", "operator", "approver", "admin"]
    sha256: str
    """Digest of the token, 64 hexadecimal digits."""


def digest_of(token: str) -> str:
    """SHA-256 of a token, hexadecimal."""
    return hashlib.sha256(token.encode()).hexdigest()


def read_tokens(file: Path) -> dict[str, TokenEntry]:
    """Entries by name. Raises ConfigError with what does not fit."""
    try:
        raw = tomllib.loads(file.read_text(encoding="utf-8"))
        entries = msgspec.convert(raw, dict[str, TokenEntry])
    except OSError as error:
        raise _unfit(file, error.strerror or "cannot be read") from error
    except (tomllib.TOMLDecodeError, UnicodeDecodeError, msgspec.ValidationError) as error:
        raise _unfit(file, str(error)) from None
    for name, entry in entries.items():
        require_name(name)
        if not re.fullmatch(r"[0-9a-f]{64}", entry.sha256):
            raise _unfit(file, f"sha256 of {name} is no digest")
    if len({entry.sha256 for entry in entries.values()}) < len(entries):
        raise _unfit(file, "two names have the same token")
    return entries


def write_tokens(file: Path, entries: Mapping[str, TokenEntry]) -> None:
    """Put the entries in place of the file, readable by its owner alone."""
    text = "\n".join(
        f'[{json.dumps(name)}]\nrole = "{Role(entry.role).value}"\nsha256 = "{entry.sha256}"\n'
        for name, entry in sorted(entries.items())
    )
    try:
        handle, new = tempfile.mkstemp(dir=file.parent, prefix=f".{file.name}.")
        with os.fdopen(handle, "w", encoding="utf-8") as stream:
            stream.write(text)
        os.replace(new, file)
    except OSError as error:
        raise _unfit(file, f"cannot be written: {error.strerror}") from error


def require_name(name: str) -> None:
    """ConfigError for a name that records could not bear well."""
    if not _NAME.fullmatch(name):
        raise ConfigError(
            "not a name of a person or service",
            field="name",
            value=name,
            remedy="use up to 64 letters, digits and . _ @ -, a letter or digit in front",
        )


def is_private(file: Path) -> bool:
    """Whether nobody but the owner may read or write the file."""
    return not file.stat().st_mode & 0o077


def _unfit(file: Path, problem: str) -> ConfigError:
    return ConfigError(
        f"the file of tokens is not usable: {problem}",
        field=FIELD,
        value=str(file),
        remedy="make entries with: goalstream token add NAME --role ROLE",
    )
