"""Set a goal, write a metric, ask for advice, read the suggestion: plain confluent-kafka and Avro.

Broker and registry are those of ``make kafka-up``; a worker must be running.
"""

import time

from confluent_kafka import Consumer, Producer
from confluent_kafka.schema_registry import SchemaRegistryClient, topic_subject_name_strategy
from confluent_kafka.schema_registry.avro import AvroDeserializer, AvroSerializer
from confluent_kafka.serialization import MessageField, SerializationContext

KAFKA = {"bootstrap.servers": "127.0.0.1:19092"}
registry = SchemaRegistryClient({"url": "http://127.0.0.1:18081/apis/ccompat/v7", "timeout": 3})
naming = {"subject.name.strategy": topic_subject_name_strategy}
registered = {"auto.register.schemas": False, "use.latest.version": True}
encode = AvroSerializer(registry, conf=naming | registered)
decode = AvroDeserializer(registry, conf=naming)
# Keys must go where Kafka's Java clients put them; librdkafka's own default is another place.
producer = Producer(KAFKA | {"partitioner": "murmur2_random"})
reading = {"group.id": "operator-example", "auto.offset.reset": "earliest"}
# Of a worker with exactly_once, read what is committed. It is librdkafka's default, not Java's.
consumer = Consumer(KAFKA | reading | {"isolation.level": "read_committed"})


def send(topic, **fields):
    record = {"entity_id": "checkout", "timestamp": time.time_ns() // 1_000_000} | fields
    body = encode(record, SerializationContext(topic, MessageField.VALUE))
    producer.produce(topic, body, key="checkout")
    producer.flush(10)


consumer.subscribe(["agent-suggestions"])
send("agent-goals", goal_id="faster", target_metric="throughput", target_value=10.0)
send("agent-metrics", name="throughput", value=4.0)
advice = {"values": {}}
while "throughput" not in advice["values"]:  # the metric comes on another topic, maybe later
    send("agent-actions", action_id=f"a-{time.time_ns()}", action_type="scale", dry_run=True)
    message = consumer.poll(2.0)
    if message is not None and message.error() is None and message.key() == b"checkout":
        context = SerializationContext(message.topic(), MessageField.VALUE)
        advice = decode(message.value(), context)
consumer.close()
print(advice["values"], advice["text"], sep="\n")
