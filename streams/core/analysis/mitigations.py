"""What usually helps when a resource runs short."""

from __future__ import annotations

import re

_BY_RESOURCE: tuple[tuple[frozenset[str], tuple[str, ...]], ...] = (
    (
        frozenset({"api", "calls"}),
        (
            "cache answers that are asked for repeatedly",
            "limit the request rate per caller",
            "combine small requests into batches",
        ),
    ),
    (
        frozenset({"token"}),
        (
            "give simple tasks to a smaller model",
            "cache answers to repeated prompts",
            "shorten prompts and the context sent along",
        ),
    ),
    (
        frozenset({"cpu"}),
        (
            "add instances to share the load",
            "profile and optimise the hottest code",
            "move heavy work to background jobs",
        ),
    ),
    (
        frozenset({"memory"}),
        (
            "keep large data in leaner structures",
            "tune garbage collection and cache sizes",
            "give the service more memory",
        ),
    ),
)
_GENERAL = (
    "add capacity before the limit is reached",
    "shed or postpone load that can wait",
)
_SAME_WORD = {"tokens": "token", "mem": "memory", "call": "calls", "requests": "calls"}


def mitigations(metric: str) -> tuple[str, ...]:
    """Measures for the resource that the words of ``metric`` name; general ones otherwise."""
    words = {_SAME_WORD.get(word, word) for word in re.split(r"[^a-z]+", metric.lower())}
    for named, measures in _BY_RESOURCE:
        if named <= words:
            return measures
    return _GENERAL
