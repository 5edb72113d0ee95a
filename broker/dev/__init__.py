"""What who works on Tellwise needs beside it: a real Kafka on this machine, to try out and to test against.

It needs Java 17 and, the first time, Maven; nothing else and no Docker. No hub starts it, and nothing here is for
production: one machine's nodes die together.
"""

from broker.dev.certificates import ADMIN, ClientFiles
from broker.dev.kafka_cluster import ClusterStatus, KafkaCluster, NodeStatus
from broker.dev.node import State

__all__ = ["ADMIN", "ClientFiles", "ClusterStatus", "KafkaCluster", "NodeStatus", "State"]
