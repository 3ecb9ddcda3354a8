package bench;

import com.sun.management.OperatingSystemMXBean;
import java.lang.management.ManagementFactory;
import java.util.HashMap;
import java.util.Map;
import java.util.concurrent.CompletableFuture;
import org.apache.kafka.clients.consumer.ConsumerInterceptor;
import org.apache.kafka.clients.consumer.ConsumerRecords;
import org.apache.kafka.clients.consumer.OffsetAndMetadata;
import org.apache.kafka.common.TopicPartition;

/**
 * Wall and CPU time from the first record until the last one was committed. Records and commits are
 * seen by the one stream thread, so nothing here is locked.
 */
final class Progress {
  static final String CONFIG = "bench.progress";

  /** Nanoseconds of the clock and of the CPU, all threads of this process. */
  record Span(long events, long wall, long cpu) {}

  final CompletableFuture<Span> done = new CompletableFuture<>();

  private final OperatingSystemMXBean system =
      (OperatingSystemMXBean) ManagementFactory.getOperatingSystemMXBean();
  private final Map<TopicPartition, Long> committed = new HashMap<>();
  private final long events;
  private long records;
  private long firstWall;
  private long firstCpu;

  Progress(long events) {
    this.events = events;
  }

  void beforeRecord() {
    if (records++ == 0) {
      firstWall = System.nanoTime();
      firstCpu = system.getProcessCpuTime();
    }
  }

  private void committed(Map<TopicPartition, OffsetAndMetadata> offsets) {
    offsets.forEach((partition, offset) -> committed.put(partition, offset.offset()));
    long total = committed.values().stream().mapToLong(Long::longValue).sum();
    if (records >= events && total >= events) {
      long wall = System.nanoTime() - firstWall;
      done.complete(new Span(records, wall, system.getProcessCpuTime() - firstCpu));
    }
  }

  /** Tells the progress when the consumer of the stream thread has committed. */
  public static final class CommitListener implements ConsumerInterceptor<byte[], byte[]> {
    private Progress progress;

    @Override
    public void configure(Map<String, ?> configs) {
      progress = (Progress) configs.get(CONFIG);
    }

    @Override
    public void onCommit(Map<TopicPartition, OffsetAndMetadata> offsets) {
      progress.committed(offsets);
    }

    @Override
    public ConsumerRecords<byte[], byte[]> onConsume(ConsumerRecords<byte[], byte[]> records) {
      return records;
    }

    @Override
    public void close() {}
  }
}
