package bench;

/**
 * Holt-Winters (additive, no season) and a small ADWIN over its one-step residuals. The state of a
 * series is one array of 27 doubles, so that it can be stored as it is.
 */
final class SeriesModel {
  static final int SIZE = 27;

  private static final int LEVEL = 0;
  private static final int TREND = 1;
  private static final int COUNT = 2;
  private static final int SQUARED_ERROR = 3;
  private static final int DRIFTS = 4;
  private static final int BLOCK_SUM = 5;
  private static final int BLOCKS = 6;
  private static final int FIRST_BLOCK = 7;
  private static final int MAX_BLOCKS = SIZE - FIRST_BLOCK;
  private static final int BLOCK_LENGTH = 32;

  private static final double ALPHA = 0.3;
  private static final double BETA = 0.1;
  private static final double ERROR_DECAY = 0.05;
  private static final double DRIFT_DELTA = 0.002;

  private SeriesModel() {}

  /** Learns one value in place. */
  static void learn(double[] state, double value) {
    double count = state[COUNT]++;
    if (count == 0) {
      state[LEVEL] = value;
      return;
    }
    if (count == 1) {
      state[TREND] = value - state[LEVEL];
      state[LEVEL] = value;
      return;
    }
    double expected = state[LEVEL] + state[TREND];
    double residual = value - expected;
    double level = ALPHA * value + (1 - ALPHA) * expected;
    state[TREND] = BETA * (level - state[LEVEL]) + (1 - BETA) * state[TREND];
    state[LEVEL] = level;
    state[SQUARED_ERROR] += ERROR_DECAY * (residual * residual - state[SQUARED_ERROR]);
    state[BLOCK_SUM] += residual;
    if ((count - 1) % BLOCK_LENGTH == 0) {
      closeBlock(state);
    }
  }

  /** Appends the mean of the last 32 residuals to the window, then looks for a change in it. */
  private static void closeBlock(double[] state) {
    int blocks = (int) state[BLOCKS];
    if (blocks == MAX_BLOCKS) {
      dropOldest(state, 1);
      blocks--;
    }
    state[FIRST_BLOCK + blocks] = state[BLOCK_SUM] / BLOCK_LENGTH;
    state[BLOCKS] = blocks + 1;
    state[BLOCK_SUM] = 0;
    int cut = findCut(state, blocks + 1);
    if (cut > 0) {
      dropOldest(state, cut);
      state[DRIFTS]++;
    }
  }

  /** ADWIN's test at every boundary between blocks; 0 when no two parts of the window differ. */
  private static int findCut(double[] state, int blocks) {
    double total = 0;
    for (int i = 0; i < blocks; i++) {
      total += state[FIRST_BLOCK + i];
    }
    double confidence = Math.log(2 * Math.log(blocks * BLOCK_LENGTH) / DRIFT_DELTA);
    double left = 0;
    for (int i = 1; i < blocks; i++) {
      left += state[FIRST_BLOCK + i - 1];
      double inverse = (1.0 / i + 1.0 / (blocks - i)) / BLOCK_LENGTH;
      double bound =
          Math.sqrt(2 * inverse * state[SQUARED_ERROR] * confidence) + 2.0 / 3 * inverse * confidence;
      if (Math.abs(left / i - (total - left) / (blocks - i)) > bound) {
        return i;
      }
    }
    return 0;
  }

  private static void dropOldest(double[] state, int dropped) {
    int kept = (int) state[BLOCKS] - dropped;
    System.arraycopy(state, FIRST_BLOCK + dropped, state, FIRST_BLOCK, kept);
    state[BLOCKS] = kept;
  }
}
