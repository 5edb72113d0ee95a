"""The engine for many machines: topics and transactions of Apache Kafka, through aiokafka."""
