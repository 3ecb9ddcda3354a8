package bench;

import java.util.concurrent.CompletableFuture;
import java.util.concurrent.atomic.AtomicLong;
import org.apache.kafka.common.TopicPartition;
import org.apache.kafka.streams.KafkaStreams;
import org.apache.kafka.streams.processor.StateRestoreListener;

/** Counts restored changelog records; complete when the application runs again. */
final class Restore implements StateRestoreListener, KafkaStreams.StateListener {
  final CompletableFuture<Long> done = new CompletableFuture<>();

  private final AtomicLong records = new AtomicLong();

  @Override
  public void onRestoreStart(TopicPartition partition, String store, long start, long end) {}

  @Override
  public void onBatchRestored(TopicPartition partition, String store, long end, long count) {}

  @Override
  public void onRestoreEnd(TopicPartition partition, String store, long total) {
    records.addAndGet(total);
  }

  @Override
  public void onChange(KafkaStreams.State state, KafkaStreams.State before) {
    if (state == KafkaStreams.State.RUNNING) {
      done.complete(records.get());
    }
  }
}
