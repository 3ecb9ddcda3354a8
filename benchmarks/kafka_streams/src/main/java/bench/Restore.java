package bench;

import java.util.concurrent.CompletableFuture;
import java.util.concurrent.atomic.AtomicLong;
import org.apache.kafka.common.TopicPartition;
import org.apache.kafka.streams.KafkaStreams;
import org.apache.kafka.streams.processor.StateRestoreListener;

/** Counts and times restored changelog records; complete when the application runs again. */
final class Restore implements StateRestoreListener, KafkaStreams.StateListener {
  /** What was restored, from the first partition's start until the application runs. */
  record Result(long records, double seconds) {}

  final CompletableFuture<Result> done = new CompletableFuture<>();

  private final AtomicLong records = new AtomicLong();
  private final AtomicLong started = new AtomicLong();

  @Override
  public void onRestoreStart(TopicPartition partition, String store, long start, long end) {
    started.compareAndSet(0, System.nanoTime());
  }

  @Override
  public void onBatchRestored(TopicPartition partition, String store, long end, long count) {}

  @Override
  public void onRestoreEnd(TopicPartition partition, String store, long total) {
    records.addAndGet(total);
  }

  @Override
  public void onChange(KafkaStreams.State state, KafkaStreams.State before) {
    if (state == KafkaStreams.State.RUNNING && started.get() != 0) {
      done.complete(new Result(records.get(), (System.nanoTime() - started.get()) / 1e9));
    }
  }
}
