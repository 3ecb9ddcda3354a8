"""Chains of actions that provide what others require."""

from __future__ import annotations

from itertools import permutations

from hypothesis import given
from hypothesis import strategies as st

from streams.core.planning.composition import MAX_CHAIN, is_chain, shortest_chain
from streams.core.planning.config import ActionSpec


def spec(requires: str = "", provides: str = "", cost: float = 0.0) -> ActionSpec:
    return ActionSpec(requires=tuple(requires), provides=tuple(provides), cost=cost)


def ladder(length: int) -> dict[str, ActionSpec]:
    """Each action requires what the one before it provides."""
    return {
        f"a{index:02}": ActionSpec(
            requires=(f"f{index - 1}",) if index else (), provides=(f"f{index}",)
        )
        for index in range(length)
    }


def test_an_action_that_requires_nothing_is_its_own_chain() -> None:
    assert shortest_chain("a", {"a": spec()}) == ("a",)


def test_one_action_may_provide_several_facts() -> None:
    actions = {"a": spec("pq"), "b": spec("", "p"), "c": spec("", "q"), "d": spec("", "pq")}
    assert shortest_chain("a", actions) == ("d", "a")


def test_of_equally_long_chains_the_cheapest_then_the_first_by_name() -> None:
    actions = {"a": spec("p"), "b": spec("", "p", cost=2), "c": spec("", "p", cost=1)}
    assert shortest_chain("a", actions) == ("c", "a")
    assert shortest_chain("a", actions | {"aa": spec("", "p", cost=1)}) == ("aa", "a")


def test_an_action_cannot_provide_for_itself_and_circles_lead_nowhere() -> None:
    assert shortest_chain("a", {"a": spec("p", "p")}) is None
    assert shortest_chain("a", {"a": spec("p"), "b": spec("q", "p"), "c": spec("p", "q")}) is None


def test_a_chain_has_a_greatest_length() -> None:
    longest = ladder(MAX_CHAIN)
    assert shortest_chain(max(longest), longest) == tuple(longest)
    too_long = ladder(MAX_CHAIN + 1)
    assert shortest_chain(max(too_long), too_long) is None


def test_a_large_catalogue_is_given_up_on_instead_of_searched_for_ever() -> None:
    facts = [f"f{index}" for index in range(40)]
    actions = {f"a{fact}": ActionSpec(provides=(fact,)) for fact in facts}
    assert shortest_chain("z", actions | {"z": ActionSpec(requires=tuple(facts))}) is None
    needs = ActionSpec(requires=(*facts, "what nobody provides"))
    assert shortest_chain("z", actions | {"z": needs}) is None


def test_a_chain_is_valid_when_each_action_finds_what_it_requires() -> None:
    actions = {"a": spec("", "p"), "b": spec("p")}
    assert is_chain(("a", "b"), actions)
    assert is_chain(("unknown", "a", "b"), actions)
    assert not is_chain(("b", "a"), actions)
    assert is_chain((), actions)


FACTS = st.lists(st.sampled_from("pqr"), unique=True, max_size=2).map("".join)
COSTS = st.sampled_from([0.0, 1.0, 2.0])
CATALOGUES = st.dictionaries(
    st.sampled_from("abcde"), st.builds(spec, FACTS, FACTS, COSTS), min_size=1
)


@given(CATALOGUES)
def test_the_chain_is_the_best_of_all_valid_ones(actions: dict[str, ActionSpec]) -> None:
    """A slow twin: every order of every choice of other actions."""
    name = min(actions)
    others = [other for other in actions if other != name]
    valid = [
        (length, sum(actions[each].cost for each in before), (*before, name))
        for length in range(len(others) + 1)
        for before in permutations(others, length)
        if is_chain((*before, name), actions)
    ]
    found = shortest_chain(name, actions)
    if not valid:
        assert found is None
        return
    assert found is not None
    assert is_chain(found, actions)
    cost = sum(actions[each].cost for each in found[:-1])
    assert (len(found) - 1, cost) == min(valid)[:2]
