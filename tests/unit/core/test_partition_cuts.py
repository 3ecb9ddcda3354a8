"""Results do not depend on how records were cut into batches, evicted, reloaded or read again."""

from __future__ import annotations

from collections.abc import Sequence

from hypothesis import given, settings
from hypothesis import strategies as st

from streams.core.config import CoreConfig
from streams.core.partition import Partition
from tests.unit.core.partition_kit import (
    NUMBER,
    Entry,
    MemoryStore,
    Seen,
    apply_batch,
    batches,
    log_of,
)
from tests.unit.core.random_input import Draw, configs, draws, random_lists, records_of

MOST = 60

EVERY = dict.fromkeys(range(1, MOST), 0)
"""Each record is a batch of its own."""


def run(config: CoreConfig, log: Sequence[Entry], cuts: dict[int, int]) -> tuple[Seen, MemoryStore]:
    """Apply a log in batches; ``cuts`` says behind how many records, and what happens there:

    0 nothing, 1 a checkpoint, 2 a checkpoint after which nothing stays in memory, 3 a checkpoint
    of few models, 4 a restart after a checkpoint.
    """
    store, seen = MemoryStore(), Seen()
    partition = Partition(NUMBER, config, store)
    done = 0
    for batch in batches(log, cuts):
        seen.add(batch[0].source, apply_batch(partition, batch))
        done += len(batch)
        what = cuts.get(done, 0)
        if what:
            store.save(partition.snapshot(400 if what == 3 else None))
        if what == 2:
            partition.evict(0, 0)
            assert not partition.resident
        elif what == 3:
            partition.evict(1, 1)
        elif what == 4:
            partition = Partition(NUMBER, config, store)
    store.save(partition.snapshot(None))
    return seen, store


@given(
    config=configs,
    drawn=draws(MOST),
    cuts=random_lists(lambda random: (random.randint(1, MOST), random.randint(0, 4)), 25),
)
@settings(max_examples=200)
def test_same_emissions_and_bytes_however_records_are_cut(
    config: CoreConfig, drawn: list[Draw], cuts: list[tuple[int, int]]
) -> None:
    log = log_of(records_of(drawn))
    whole, stored = run(config, log, {})
    single, stored_single = run(config, log, EVERY)
    random, stored_random = run(config, log, dict(cuts))
    assert single.by_source() == whole.by_source() == random.by_source()
    assert single.dispatches == whole.dispatches == random.dispatches
    assert single.rejections == whole.rejections == random.rejections
    assert stored_single.tables == stored.tables == stored_random.tables


@given(config=configs, drawn=draws(MOST), again=st.lists(st.integers(0, MOST), max_size=3))
@settings(max_examples=100)
def test_records_read_again_change_nothing(
    config: CoreConfig, drawn: list[Draw], again: list[int]
) -> None:
    log = log_of(records_of(drawn))
    partition, store = Partition(NUMBER, config, MemoryStore()), MemoryStore()
    seen, repeated = Seen(), Seen()
    for batch in batches(log):
        seen.add(batch[0].source, apply_batch(partition, batch))
    snapshot = partition.snapshot(None)
    store.save(snapshot)
    for length in again:
        for batch in batches(log[:length]):
            repeated.add(batch[0].source, apply_batch(partition, batch))
    after = partition.snapshot(None)
    assert repeated.emissions == []
    assert repeated.rejections == []
    assert all(resumed for _, resumed in repeated.dispatches)
    assert after.positions == snapshot.positions
    store.save(after)
    assert all(not writes for writes in after.writes.values())
