"""Results do not depend on how records were cut into batches, evicted, reloaded or read again."""

from __future__ import annotations

from hypothesis import given, settings
from hypothesis import strategies as st

from streams.core.config import CoreConfig
from streams.core.partition import Partition
from streams.testing.feature_contract import MemoryStore
from tests.kits.core.partition import NUMBER, Seen, apply_batch, batches, log_of, run_cut
from tests.kits.core.random_input import Draw, configs, draws, random_lists, records_of

MOST = 60

EVERY = dict.fromkeys(range(1, MOST), 0)
"""Each record is a batch of its own."""


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
    whole, stored = run_cut(config, log, {})
    single, stored_single = run_cut(config, log, EVERY)
    random, stored_random = run_cut(config, log, dict(cuts))
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
