"""Avro and schema registry: messages to records and back."""
