from __future__ import annotations

import uuid

from hypothesis import given
from hypothesis import strategies as st

from streams.core.kernel.emission import Position
from streams.core.kernel.entity import Entity
from streams.core.kernel.ids import stable_id
from streams.core.kernel.turn import Turn


@given(parts=st.lists(st.text(max_size=5) | st.integers(), min_size=1, max_size=4))
def test_id_is_a_version_8_uuid_and_stable(parts: list[object]) -> None:
    made = uuid.UUID(stable_id(*parts))
    assert (made.version, made.variant) == (8, uuid.RFC_4122)
    assert stable_id(*parts) == str(made)


def test_id_depends_on_every_part_and_its_place() -> None:
    ids = {stable_id(*p) for p in (("a", "b"), ("ab",), ("b", "a"), ("a", "b", ""), ("a", 1))}
    assert len(ids) == 5


class Alone:
    """Nothing is around the turn."""

    def inputs(self, entity: Entity) -> dict[str, int]:
        return dict(entity.offsets)

    def reading(self, entity: Entity, metric: str) -> None:
        return None

    def find(self, entity_id: str) -> None:
        return None


def turn(offset: int, correlation_id: str = "") -> Turn:
    return Turn(Entity("svc"), Position("goals", 2, offset), 0, correlation_id, Alone())


def test_ids_of_a_turn_follow_from_its_record() -> None:
    first, again, other = turn(7), turn(7), turn(8)
    ids = [first.new_id("goal"), first.new_id("goal"), first.new_id("forecast")]
    assert ids == [again.new_id("goal"), again.new_id("goal"), again.new_id("forecast")]
    assert len({*ids, other.new_id("goal")}) == 4


def test_chain_without_a_name_gets_one_from_its_record() -> None:
    assert turn(7).correlation_id == turn(7).correlation_id != turn(8).correlation_id
    assert turn(7, "chain").correlation_id == "chain"
