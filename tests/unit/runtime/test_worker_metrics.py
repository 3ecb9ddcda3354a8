from __future__ import annotations

import pytest
from prometheus_client import CollectorRegistry, generate_latest

from streams.runtime.metrics import WorkerMetrics

NAMES = {
    "goalstream_records_total": ("topic",),
    "goalstream_batches_total": ("topic",),
    "goalstream_records_skipped_total": ("topic",),
    "goalstream_metrics_old_total": ("kind",),
    "goalstream_emitted_total": ("topic",),
    "goalstream_dead_letters_total": ("topic", "reason"),
    "goalstream_lag_records": ("topic", "partition"),
    "goalstream_checkpoint_seconds_count": (),
    "goalstream_checkpoints_total": ("result",),
    "goalstream_checkpoint_records_total": ("table",),
    "goalstream_recovery_records_total": (),
    "goalstream_recovery_seconds": (),
    "goalstream_ready": (),
    "goalstream_partitions": (),
    "goalstream_resident_series": (),
    "goalstream_actions_total": ("status",),
    "goalstream_rebalances_total": (),
}


def test_every_figure_has_its_name_and_labels() -> None:
    registry = CollectorRegistry()
    metrics = WorkerMetrics(registry)
    metrics.records.labels("metrics").inc(5)
    metrics.batches.labels("metrics").inc()
    metrics.skipped.labels("metrics").inc(2)
    metrics.old.labels("late").inc()
    metrics.emitted.labels("goals").inc()
    metrics.dead_letters.labels("metrics", "bad_magic").inc()
    metrics.lag.labels("metrics", 3).set(7)
    metrics.checkpoint_seconds.observe(0.02)
    metrics.checkpoints.labels("ok").inc()
    metrics.checkpoint_records.labels("entities").inc(4)
    metrics.actions.labels("success").inc()

    samples = {s.name: s for family in registry.collect() for s in family.samples}

    assert {name: tuple(samples[name].labels) for name in NAMES} == NAMES
    assert samples["goalstream_records_total"].value == 5
    assert samples["goalstream_lag_records"].labels == {"topic": "metrics", "partition": "3"}
    assert "process_resident_memory_bytes" in samples


def test_the_lag_of_a_partition_that_went_is_gone() -> None:
    registry = CollectorRegistry()
    metrics = WorkerMetrics(registry)
    metrics.lag.labels("metrics", 3).set(7)

    metrics.lag.remove("metrics", 3)

    assert b'partition="3"' not in generate_latest(registry)


def test_a_registry_holds_one_worker() -> None:
    registry = CollectorRegistry()
    WorkerMetrics(registry)

    with pytest.raises(ValueError, match="Duplicated"):
        WorkerMetrics(registry)
