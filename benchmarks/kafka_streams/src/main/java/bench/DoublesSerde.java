package bench;

import java.nio.ByteBuffer;
import org.apache.kafka.common.serialization.Deserializer;
import org.apache.kafka.common.serialization.Serde;
import org.apache.kafka.common.serialization.Serdes;
import org.apache.kafka.common.serialization.Serializer;

/** An array of doubles as its bytes. */
final class DoublesSerde {
  private DoublesSerde() {}

  static Serde<double[]> create() {
    Serializer<double[]> serializer = (topic, doubles) -> doubles == null ? null : encode(doubles);
    Deserializer<double[]> deserializer = (topic, bytes) -> bytes == null ? null : decode(bytes);
    return Serdes.serdeFrom(serializer, deserializer);
  }

  private static byte[] encode(double[] doubles) {
    byte[] bytes = new byte[doubles.length * Double.BYTES];
    ByteBuffer.wrap(bytes).asDoubleBuffer().put(doubles);
    return bytes;
  }

  private static double[] decode(byte[] bytes) {
    double[] doubles = new double[bytes.length / Double.BYTES];
    ByteBuffer.wrap(bytes).asDoubleBuffer().get(doubles);
    return doubles;
  }
}
