"""Speed of goalstream beside Kafka Streams: the same topic, the same broker, the same run."""
