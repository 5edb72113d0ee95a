"""The Kafka engine keeps the contracts."""

from tests.contracts.kafka_engine import Kafka
from tests.contracts.lane_contract import LaneContract
from tests.contracts.ownership_contract import OwnershipContract
from tests.contracts.transport_contract import TransportContract


class TestKafkaTransport(Kafka, TransportContract):
    """Topics and records."""


class TestKafkaLane(Kafka, LaneContract):
    """Turns."""


class TestKafkaOwnership(Kafka, OwnershipContract):
    """Owners."""
