"""The Kafka engine keeps the contracts, wherever its inboxes lie."""

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


class TestSharedInboxesTransport(Kafka, TransportContract):
    """Topics and records, with all inboxes in one topic."""

    inboxes = "shared"


class TestSharedInboxesLane(Kafka, LaneContract):
    """Turns, with all inboxes in one topic. Owners have nothing to do with inboxes."""

    inboxes = "shared"
