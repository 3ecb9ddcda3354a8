from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from streams.core.safety.trust import in_rollout

ENTITIES = [f"service-{index}" for index in range(4_000)]
shares = st.floats(0, 1)


@pytest.mark.parametrize("share", [0.05, 0.25, 0.5])
def test_the_share_is_about_that_of_the_entities(share: float) -> None:
    reached = sum(in_rollout(entity, share) for entity in ENTITIES)
    assert reached / len(ENTITIES) == pytest.approx(share, abs=0.03)


@given(st.text(), st.text())
def test_the_ends_are_nobody_and_everybody(entity: str, salt: str) -> None:
    assert not in_rollout(entity, 0.0, salt)
    assert in_rollout(entity, 1.0, salt)


@given(st.text(), shares, shares)
def test_a_larger_share_keeps_whom_a_smaller_one_had(entity: str, one: float, two: float) -> None:
    if in_rollout(entity, min(one, two)):
        assert in_rollout(entity, max(one, two))


def test_another_salt_is_another_choice() -> None:
    def reached(salt: str) -> set[str]:
        return {entity for entity in ENTITIES if in_rollout(entity, 0.5, salt)}

    common = len(reached("spring") & reached("autumn")) / len(ENTITIES)
    assert common == pytest.approx(0.25, abs=0.03)
