package bench;

import java.io.File;
import java.io.IOException;
import java.lang.management.ManagementFactory;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.HashMap;
import java.util.Map;
import java.util.Properties;
import java.util.concurrent.CompletableFuture;
import org.apache.avro.Schema;
import org.apache.kafka.clients.consumer.ConsumerConfig;
import org.apache.kafka.common.serialization.ByteArrayDeserializer;
import org.apache.kafka.common.serialization.Serdes;
import org.apache.kafka.streams.KafkaStreams;
import org.apache.kafka.streams.StreamsConfig;
import org.apache.kafka.streams.Topology;
import org.apache.kafka.streams.errors.StreamsUncaughtExceptionHandler.StreamThreadExceptionResponse;
import org.apache.kafka.streams.state.Stores;

/**
 * Runs the lane and prints one line of JSON.
 *
 * <p>Arguments, each {@code name=value}: mode, bootstrap, topic, app, events, schema (file), state
 * (directory). Modes: {@code process} reads the topic twice, as two applications after one another,
 * in a fresh JVM and in one that has compiled the code; {@code fill} reads it once; {@code recover}
 * starts the application of a {@code fill} again and waits until it runs.
 */
public final class Lane {
  private static final long CACHE_BYTES = 128L << 20;

  private final Map<String, String> options;

  private Lane(Map<String, String> options) {
    this.options = options;
  }

  public static void main(String[] args) throws Exception {
    Lane lane = new Lane(parse(args));
    String app = lane.options.get("app");
    String result =
        switch (lane.options.get("mode")) {
          case "process" -> {
            String fresh = lane.read(app + "-fresh");
            yield String.format("\"fresh\": %s, \"warm\": %s", fresh, lane.read(app + "-warm"));
          }
          case "fill" -> String.format("\"fresh\": %s", lane.read(app));
          case "recover" -> lane.recover(app);
          default -> throw new IllegalArgumentException("mode is process, fill or recover");
        };
    System.out.printf("{%s, \"peak_rss_mb\": %.1f}%n", result, peakRssMb());
  }

  /** Reads the whole topic as a new application; the span as JSON. */
  private String read(String app) throws Exception {
    Progress progress = new Progress(Long.parseLong(options.get("events")));
    try (KafkaStreams streams = new KafkaStreams(topology(progress), settings(app, progress))) {
      failWith(streams, progress.done);
      streams.start();
      Progress.Span span = progress.done.get();
      return String.format(
          "{\"events\": %d, \"wall_seconds\": %.3f, \"cpu_seconds\": %.3f}",
          span.events(), span.wall() / 1e9, span.cpu() / 1e9);
    }
  }

  /** Waits until the application has its state back. */
  private String recover(String app) throws Exception {
    Progress progress = new Progress(Long.parseLong(options.get("events")));
    Restore restore = new Restore();
    try (KafkaStreams streams = new KafkaStreams(topology(progress), settings(app, progress))) {
      failWith(streams, restore.done);
      streams.setGlobalStateRestoreListener(restore);
      streams.setStateListener(restore);
      streams.start();
      Restore.Result restored = restore.done.get();
      return String.format(
          "\"records\": %d, \"recovery_seconds\": %.3f, \"seconds\": %.3f",
          restored.records(),
          restored.seconds(),
          ManagementFactory.getRuntimeMXBean().getUptime() / 1e3);
    }
  }

  private static Map<String, String> parse(String[] args) {
    Map<String, String> options = new HashMap<>();
    for (String arg : args) {
      String[] parts = arg.split("=", 2);
      options.put(parts[0], parts[1]);
    }
    return options;
  }

  private Topology topology(Progress progress) throws IOException {
    Schema schema = new Schema.Parser().parse(new File(options.get("schema")));
    var store =
        Stores.keyValueStoreBuilder(
                Stores.persistentKeyValueStore(SeriesProcessor.STORE),
                Serdes.String(),
                DoublesSerde.create())
            .withCachingEnabled()
            .withLoggingEnabled(Map.of());
    var bytes = new ByteArrayDeserializer();
    return new Topology()
        .addSource("metrics", bytes, bytes, options.get("topic"))
        .addProcessor("learn", () -> new SeriesProcessor(schema, progress), "metrics")
        .addStateStore(store, "learn");
  }

  private Properties settings(String app, Progress progress) {
    Properties settings = new Properties();
    settings.put(StreamsConfig.APPLICATION_ID_CONFIG, app);
    settings.put(StreamsConfig.BOOTSTRAP_SERVERS_CONFIG, options.get("bootstrap"));
    settings.put(StreamsConfig.STATE_DIR_CONFIG, options.get("state"));
    settings.put(StreamsConfig.NUM_STREAM_THREADS_CONFIG, 1);
    settings.put(StreamsConfig.COMMIT_INTERVAL_MS_CONFIG, 1000);
    // Holds 100,000 series: the store is written once per series and commit, not per eviction.
    settings.put(StreamsConfig.STATESTORE_CACHE_MAX_BYTES_CONFIG, CACHE_BYTES);
    settings.put(ConsumerConfig.MAX_POLL_RECORDS_CONFIG, 2000);
    // A static member takes its partitions back at once instead of after the session timeout.
    settings.put(
        StreamsConfig.mainConsumerPrefix(ConsumerConfig.GROUP_INSTANCE_ID_CONFIG), app);
    settings.put(ConsumerConfig.AUTO_OFFSET_RESET_CONFIG, "earliest");
    settings.put(
        StreamsConfig.mainConsumerPrefix(ConsumerConfig.INTERCEPTOR_CLASSES_CONFIG),
        Progress.CommitListener.class.getName());
    settings.put(StreamsConfig.mainConsumerPrefix(Progress.CONFIG), progress);
    return settings;
  }

  private static void failWith(KafkaStreams streams, CompletableFuture<?> waiting) {
    streams.setUncaughtExceptionHandler(
        error -> {
          waiting.completeExceptionally(error);
          return StreamThreadExceptionResponse.SHUTDOWN_CLIENT;
        });
  }

  private static double peakRssMb() throws IOException {
    for (String line : Files.readAllLines(Path.of("/proc/self/status"))) {
      if (line.startsWith("VmHWM:")) {
        return Long.parseLong(line.replaceAll("\\D", "")) * 1024 / 1e6;
      }
    }
    throw new IOException("/proc/self/status has no VmHWM");
  }
}
