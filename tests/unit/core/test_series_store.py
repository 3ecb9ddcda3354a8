from __future__ import annotations

import numpy as np
import pytest

from streams.core.config import CoreConfig
from streams.core.forecasting.config import ForecastConfig
from streams.core.kernel.batch import series_key, split_series_key
from streams.core.kernel.store import MODELS, SERIES, Write
from streams.core.series.store import HOT, SeriesStore
from streams.errors import StateError
from streams.testing.feature_contract import MemoryStore
from tests.kits.core.partition import START, Bench, goal, metric


def store_of(memory: MemoryStore, config: CoreConfig | None = None) -> SeriesStore:
    made = config or CoreConfig()
    return SeriesStore(made.forecasting, made.known, memory, lambda pairs: [False] * len(pairs))


def test_key_parts() -> None:
    assert split_series_key(series_key("a/b", "m")) == ("a/b", "m")


def test_unknown_series_is_not_begun_by_looking() -> None:
    store = store_of(MemoryStore())
    assert store.find("svc\x1fqueue") is None
    assert len(store) == 0
    assert store.missing(["a\x1fm", "a\x1fm", "b\x1fm"]) == 2


def test_series_begun_and_not_measured_is_unknown() -> None:
    store = store_of(MemoryStore())
    rows = store.rows_of(["a\x1fm", "b\x1fm", "a\x1fm"])
    assert rows[0] == rows[2] != rows[1]
    assert store.find("a\x1fm") is None


def test_rows_beyond_the_first_thousand() -> None:
    bench = Bench()
    bench.send("metrics", *(metric(float(n), entity_id=f"e{n}") for n in range(2_500)))
    bench.save()
    assert bench.partition.evict(1_000, 10) >= 1_500
    later = (metric(float(n + 1), entity_id=f"e{n}", timestamp=START + 1) for n in range(2_500))
    bench.send("metrics", *later)
    bench.save()
    hot = np.frombuffer(b"".join(bench.store.tables[SERIES].values()), HOT)
    assert sorted(hot["last"] - hot["previous"]) == [1.0] * 2_500
    assert set(hot["count"]) == {2}


def test_least_recently_used_rows_go_first_and_changed_ones_stay() -> None:
    bench = Bench()
    for name in "abcd":
        bench.measure(1.0, name=name)
    bench.save()
    bench.measure(2.0, name="a", at=START + 1)
    bench.partition.evict(2, 0)
    assert sorted(bench.partition.resident_keys(SERIES)) == ["svc\x1fa", "svc\x1fd"]
    bench.partition.evict(0, 0)
    assert bench.partition.resident_keys(SERIES) == ["svc\x1fa"]


def test_reloaded_row_is_watched_by_open_goals() -> None:
    bench = Bench()
    bench.measure(4.0)
    bench.send("goals", goal(10.0))
    bench.save()
    bench.partition.evict(0, 0)
    seen = bench.measure(7.0, at=START + 1000)
    assert [g.progress for g in seen.records("goals")] == [0.5]


@pytest.mark.parametrize("damage", [b"", b"\x00" * (HOT.itemsize - 1), b"\x09" * HOT.itemsize])
def test_damaged_hot_row_is_an_error(damage: bytes) -> None:
    memory = MemoryStore()
    memory.write(SERIES, [Write(b"svc\x1fqueue", damage)])
    with pytest.raises(StateError, match="another version or size"):
        store_of(memory).rows_of(["svc\x1fqueue"])


def test_series_whose_model_is_new_learns_anew_and_is_named() -> None:
    bench = Bench()
    bench.measure(1.0, 2.0, 3.0)
    bench.save()
    config = CoreConfig(forecasting=ForecastConfig(models=("holt_winters", "snarimax")))
    store = store_of(bench.store, config)
    row = store.find("svc\x1fqueue")
    assert row is not None
    assert store.rewarmed == ["svc\x1fqueue"]
    assert store.hot["count"][row] == 3


def test_longest_unsaved_models_come_first() -> None:
    bench = Bench()
    for name in "abc":
        bench.measure(1.0, name=name)
    bench.measure(2.0, name="a", at=START + 1)
    names = [write.key for write in bench.partition.snapshot(1).writes[MODELS]]
    assert names == [b"svc\x1fa"]
    bench.measure(3.0, name="a", at=START + 2)
    names = [write.key for write in bench.partition.snapshot(None).writes[MODELS]]
    assert names == [b"svc\x1fb", b"svc\x1fc", b"svc\x1fa"]
