package bench;

import java.io.IOException;
import java.io.UncheckedIOException;
import org.apache.avro.Schema;
import org.apache.avro.generic.GenericDatumReader;
import org.apache.avro.generic.GenericRecord;
import org.apache.avro.io.BinaryDecoder;
import org.apache.avro.io.DecoderFactory;
import org.apache.kafka.streams.processor.api.Processor;
import org.apache.kafka.streams.processor.api.ProcessorContext;
import org.apache.kafka.streams.processor.api.Record;
import org.apache.kafka.streams.state.KeyValueStore;

/** Decodes one metric, learns it and puts the state of its series back into the store. */
final class SeriesProcessor implements Processor<byte[], byte[], Void, Void> {
  static final String STORE = "series";

  private static final int HEADER_LENGTH = 5;
  private static final char SEPARATOR = '\u001f';

  private final Progress progress;
  private final GenericDatumReader<GenericRecord> reader;
  private final int entity;
  private final int name;
  private final int value;

  private KeyValueStore<String, double[]> store;
  private BinaryDecoder decoder;
  private GenericRecord metric;

  SeriesProcessor(Schema schema, Progress progress) {
    this.progress = progress;
    reader = new GenericDatumReader<>(schema);
    entity = schema.getField("entity_id").pos();
    name = schema.getField("name").pos();
    value = schema.getField("value").pos();
  }

  @Override
  public void init(ProcessorContext<Void, Void> context) {
    store = context.getStateStore(STORE);
  }

  @Override
  public void process(Record<byte[], byte[]> message) {
    progress.beforeRecord();
    decode(message.value());
    String series = metric.get(entity).toString() + SEPARATOR + metric.get(name);
    double[] state = store.get(series);
    if (state == null) {
      state = new double[SeriesModel.SIZE];
    }
    SeriesModel.learn(state, (double) metric.get(value));
    store.put(series, state);
  }

  /** Decoder and record are reused: the cheapest way that GenericDatumReader offers. */
  private void decode(byte[] bytes) {
    if (bytes.length < HEADER_LENGTH || bytes[0] != 0) {
      throw new IllegalArgumentException("not in Confluent wire format");
    }
    int length = bytes.length - HEADER_LENGTH;
    decoder = DecoderFactory.get().binaryDecoder(bytes, HEADER_LENGTH, length, decoder);
    try {
      metric = reader.read(metric, decoder);
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
  }
}
