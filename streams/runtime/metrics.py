"""What a worker counts, in Prometheus's terms."""

from __future__ import annotations

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, ProcessCollector

_SECONDS = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0)

_COMMIT_SECONDS = (
    0.005, 0.01, 0.015, 0.02, 0.025, 0.03, 0.04, 0.05, 0.075, 0.1, 0.15, 0.2, 0.3, 0.5, 1.0, 5.0,
)  # fmt: skip


class WorkerMetrics:
    """The figures of one worker on ``registry``, and those of its process.

    One object a registry: a second one raises ValueError. Label values are logical topics,
    table names and the fixed words named here, never entities.
    """

    def __init__(self, registry: CollectorRegistry) -> None:
        def counter(name: str, text: str, *labels: str) -> Counter:
            return Counter(f"goalstream_{name}", text, labels, registry=registry)

        def gauge(name: str, text: str, *labels: str) -> Gauge:
            return Gauge(f"goalstream_{name}", text, labels, registry=registry)

        self.records = counter("records_total", "Records read and handled.", "topic")
        self.batches = counter("batches_total", "Batches read and handled.", "topic")
        self.skipped = counter(
            "records_skipped_total", "Records read again that the state already holds.", "topic"
        )
        self.old = counter(
            "metrics_old_total",
            "Metrics by which nothing was decided: late, repeated, or history.",
            "kind",
        )
        self.emitted = counter("emitted_total", "Records published.", "topic")
        self.dead_letters = counter(
            "dead_letters_total", "Records that could not be used, by reason.", "topic", "reason"
        )
        self.state_dropped = counter(
            "state_dropped_total", "Slices of entities that could not be read.", "feature"
        )
        self.stores_rebuilt = counter(
            "stores_rebuilt_total", "Damaged databases set aside and rebuilt.", "table"
        )
        self.lag = gauge("lag_records", "Records not yet handled.", "topic", "partition")
        """``lag.remove(topic, partition)`` when a partition goes, or its last value stays."""
        self.checkpoint_seconds = Histogram(
            "goalstream_checkpoint_seconds",
            "Duration of a checkpoint.",
            buckets=_SECONDS,
            registry=registry,
        )
        self.transaction_seconds = Histogram(
            "goalstream_transaction_seconds",
            "Duration of a checkpoint's transaction, from its first record to its commit.",
            buckets=_COMMIT_SECONDS,
            registry=registry,
        )
        self.checkpoints = counter("checkpoints_total", "Checkpoints, by result.", "result")
        """``result`` is ok or failed."""
        self.checkpoint_records = counter(
            "checkpoint_records_total", "Values that checkpoints wrote.", "table"
        )
        self.recovery_records = counter(
            "recovery_records_total", "Changelog records applied in recoveries."
        )
        self.recovery_seconds = gauge("recovery_seconds", "Duration of the last recovery.")
        self.ready = gauge("ready", "1 when every owned partition is recovered and served.")
        self.partitions = gauge("partitions", "Partitions owned and recovered.")
        self.resident_series = gauge("resident_series", "Series held in memory.")
        self.actions = counter("actions_total", "Actions that ended, by outcome status.", "status")
        self.rebalances = counter("rebalances_total", "Rebalances taken part in.")
        ProcessCollector(registry=registry)
