"""Chains of actions: each has what it requires, because one before it provides it.

Facts are names without arguments that an action may require and provide; nothing takes a fact
away (STRIPS without delete lists; Fikes and Nilsson 1971). The search is uniform-cost over sets of
facts, so the chain found is a shortest one, among those a cheapest one.
"""

from __future__ import annotations

import heapq
from collections.abc import Iterable, Mapping, Sequence

from streams.core.planning.config import ActionSpec

MAX_CHAIN = 8
"""Actions of the longest chain that is looked for."""
MAX_STATES = 1_000
"""Sets of facts that are looked at before a search is given up."""


def shortest_chain(name: str, actions: Mapping[str, ActionSpec]) -> tuple[str, ...] | None:
    """Action types in the order in which they have to run; the last one is ``name``.

    None when nothing provides what it requires, or only a chain beyond ``MAX_CHAIN`` or
    ``MAX_STATES`` does. Of equally long chains the cheapest, then the first by name.
    """
    required = frozenset(actions[name].requires)
    others = {key: spec for key, spec in sorted(actions.items()) if key != name and spec.provides}
    useful = _useful_facts(required, others.values())
    if not required <= _reachable_facts(others.values()):
        return None
    nothing: frozenset[str] = frozenset()
    queue: list[tuple[int, float, tuple[str, ...], tuple[str, ...]]] = [(0, 0.0, (), ())]
    seen: set[frozenset[str]] = set()
    while queue and len(seen) < MAX_STATES:
        length, cost, chain, known = heapq.heappop(queue)
        facts = nothing.union(known)
        if required <= facts:
            return (*chain, name)
        if facts in seen or length + 1 >= MAX_CHAIN:
            continue
        seen.add(facts)
        for other, spec in others.items():
            added = facts | (useful & set(spec.provides))
            if added != facts and facts.issuperset(spec.requires):
                step = (length + 1, cost + spec.cost, (*chain, other), tuple(sorted(added)))
                heapq.heappush(queue, step)
    return None


def is_chain(names: Sequence[str], actions: Mapping[str, ActionSpec]) -> bool:
    """Whether every action has what it requires from those before it; unknown ones need nothing."""
    facts: set[str] = set()
    for name in names:
        spec = actions.get(name, ActionSpec())
        if not facts.issuperset(spec.requires):
            return False
        facts.update(spec.provides)
    return True


def _useful_facts(required: frozenset[str], specs: Iterable[ActionSpec]) -> frozenset[str]:
    """``required``, and whatever is required by an action that provides a useful fact."""
    useful, pending = set(required), list(specs)
    growing = True
    while growing:
        helpful = [spec for spec in pending if not useful.isdisjoint(spec.provides)]
        pending = [spec for spec in pending if useful.isdisjoint(spec.provides)]
        useful.update(fact for spec in helpful for fact in spec.requires)
        growing = bool(helpful)
    return frozenset(useful)


def _reachable_facts(specs: Iterable[ActionSpec]) -> frozenset[str]:
    """What holds once every action ran that can: a quick proof that there is no chain."""
    facts: set[str] = set()
    pending = list(specs)
    growing = True
    while growing:
        ready = [spec for spec in pending if facts.issuperset(spec.requires)]
        pending = [spec for spec in pending if not facts.issuperset(spec.requires)]
        facts.update(fact for spec in ready for fact in spec.provides)
        growing = bool(ready)
    return frozenset(facts)
