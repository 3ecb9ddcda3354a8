"""The rows of docs/spec, the declined ones among them, and how many of them tests check."""

from __future__ import annotations

import re
import tomllib
from collections import Counter
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

from streams.errors import ConfigError

DECLINED_FILE = "declined.toml"
_ROW = re.compile(r"^\| ?(S\d+-\d{3}) ?\| ?([^|]*?) ?\|")
_LIKE_A_ROW = re.compile(r"^\|\s*S\d")


class Counts(NamedTuple):
    """Rows of one seed; ``open`` are those neither tested nor declined."""

    rows: int
    tested: int
    declined: int
    open: int


@dataclass(frozen=True, slots=True)
class Spec:
    """Row ids with their feature names, in the order of the pages, and reasons of declined rows."""

    features: Mapping[str, str]
    declined: Mapping[str, str]

    def problems(self, tested: Collection[str]) -> list[str]:
        """What is wrong with a set of marked ids, one line each; empty when nothing is."""
        unknown = [f"unknown row {row_id}" for row_id in sorted(set(tested) - set(self.features))]
        both = sorted(set(tested) & set(self.declined))
        return unknown + [f"row {row_id} is declined and tested" for row_id in both]

    def counts(self, tested: Collection[str]) -> dict[str, Counts]:
        """Counts by seed (``S0``, ``S1``, …)."""
        rows = Counter(map(seed_of, self.features))
        marked = Counter(map(seed_of, set(tested)))
        declined = Counter(map(seed_of, self.declined))
        return {
            seed: Counts(
                rows=total,
                tested=marked[seed],
                declined=declined[seed],
                open=total - marked[seed] - declined[seed],
            )
            for seed, total in sorted(rows.items())
        }


def seed_of(row_id: str) -> str:
    """``S0`` of ``S0-035``."""
    return row_id.partition("-")[0]


def load_spec(folder: Path) -> Spec:
    """Read every page of a specification folder.

    Raises ConfigError for a folder without rows, a row that cannot be read, an id that occurs
    twice, and a declined id that is unknown or has no reason.
    """
    features: dict[str, str] = {}
    for page in sorted(folder.glob("*.md")):
        for row_id, feature in _rows_of(page):
            if row_id in features:
                raise ConfigError(
                    "row id occurs twice", field=page.name, value=row_id, remedy="use a new id"
                )
            features[row_id] = feature
    if not features:
        raise ConfigError(
            "no specification rows", field="folder", value=str(folder), remedy="name docs/spec"
        )
    return Spec(features=features, declined=_declined(folder / DECLINED_FILE, features))


def _rows_of(page: Path) -> list[tuple[str, str]]:
    rows: list[tuple[str, str]] = []
    for line in page.read_text(encoding="utf-8").splitlines():
        match = _ROW.match(line)
        if match:
            rows.append((match[1], match[2]))
        elif _LIKE_A_ROW.match(line):
            raise ConfigError(
                "row cannot be read",
                field=page.name,
                value=line[:40],
                remedy="begin it with | S0-001 | feature |",
            )
    return rows


def _declined(path: Path, features: Mapping[str, str]) -> dict[str, str]:
    if not path.exists():
        return {}
    try:
        entries = tomllib.loads(path.read_text(encoding="utf-8"))
    except tomllib.TOMLDecodeError as error:
        raise ConfigError(
            f"not TOML: {error}", field=path.name, value=str(path), remedy='write S1-024 = "reason"'
        ) from error
    declined: dict[str, str] = {}
    for row_id, reason in entries.items():
        if row_id not in features:
            raise ConfigError(
                "unknown row", field=path.name, value=row_id, remedy="name a row of docs/spec"
            )
        if not isinstance(reason, str) or not reason.strip():
            raise ConfigError(
                f"row {row_id} is declined without a reason",
                field=path.name,
                value=reason,
                remedy="say why in a text",
            )
        declined[row_id] = reason
    return declined
