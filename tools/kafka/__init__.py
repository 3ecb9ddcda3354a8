"""Apache Kafka and a schema registry from Maven Central, on this machine, without containers."""

from tools.kafka.artifacts import Artifacts
from tools.kafka.ports import Ports
from tools.kafka.stack import KafkaStack

__all__ = ["Artifacts", "KafkaStack", "Ports"]
