"""What is known of a metric, and what its values say: limits, progress, readings."""
