"""What somebody may do on a Kafka, tried request by request: what the broker says, and not what a client makes of it.

Every method gives the broker's error code; the names below are from Kafka's protocol guide, "Error Codes".
"""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from enum import IntEnum
from typing import Any

from aiokafka.client import AIOKafkaClient
from aiokafka.protocol.admin import (
    CreatePartitionsRequest,
    CreateTopicsRequest,
    DeleteGroupsRequest,
    DeleteRecordsRequest,
    DeleteTopicsRequest,
    DescribeAclsRequest,
    DescribeConfigsRequest,
    DescribeGroupsRequest,
    ListGroupsRequest,
)
from aiokafka.protocol.commit import OffsetCommitRequest, OffsetFetchRequest
from aiokafka.protocol.coordination import FindCoordinatorRequest
from aiokafka.protocol.fetch import FetchRequest
from aiokafka.protocol.group import JoinGroupRequest
from aiokafka.protocol.metadata import MetadataRequest
from aiokafka.protocol.offset import OffsetRequest
from aiokafka.protocol.produce import ProduceRequest
from aiokafka.protocol.transaction import AddOffsetsToTxnRequest, AddPartitionsToTxnRequest, InitProducerIdRequest
from aiokafka.record.default_records import DefaultRecordBatchBuilder

from broker.kafka.connection import Connection
from broker.kafka.requests import GiveRights, SetTopics, TakeRights
from broker.kafka.rights import Operation, Pattern, Resource, Right

_WAIT_MS = 10_000
_BYTES_MAX = 1_048_576
_END = -1
_GROUP, _TRANSACTION = 0, 1
_TOPIC, _BROKER, _ANY = 2, 4, 1


class Answer(IntEnum):
    """What a broker says to an attempt."""

    DONE = 0
    NO_SUCH_TOPIC = 3
    NOT_THIS_TOPIC = 29
    NOT_THIS_GROUP = 30
    NOT_THIS_CLUSTER = 31
    NOT_THIS_TRANSACTIONAL_ID = 53


class Attempts:
    """Somebody who tries."""

    def __init__(self, client: AIOKafkaClient) -> None:
        self._client = client

    # --- records ---

    async def read(self, topic: str) -> int:
        """Fetch from the beginning."""
        asked = FetchRequest(100, 0, _BYTES_MAX, 1, [(topic, [(0, 0, _BYTES_MAX)])])
        [(_, [(_, code, *_)])] = (await self._ask(asked)).topics
        return int(code)

    async def write(self, topic: str) -> int:
        """Produce one record."""
        batch = DefaultRecordBatchBuilder(2, 0, 0, -1, -1, -1, 1_024)
        batch.append(0, None, b"row", b"sealed", [])  # with a key, since a compacted topic takes none without
        [(_, [(_, code, *_)])] = (
            await self._ask(ProduceRequest(None, -1, _WAIT_MS, [(topic, [(0, bytes(batch.build()))])]))
        ).topics
        return int(code)

    async def end(self, topic: str) -> int:
        """Ask how many records there are."""
        [(_, [(_, code, *_)])] = (await self._ask(OffsetRequest(-1, 1, [(topic, [(0, _END)])]))).topics
        return int(code)

    async def remove_records(self, topic: str) -> int:
        """Remove all that was written."""
        [(_, [(_, _, code, *_), *_], *_)] = (
            await self._ask(DeleteRecordsRequest([(topic, [(0, _END)])], _WAIT_MS))
        ).topics
        return int(code)

    # --- topics ---

    async def shown(self) -> set[str]:
        """The topics that are shown to who asks for all."""
        return {name for _, name, *_ in (await self._ask(MetadataRequest(None, False))).topics}

    async def named(self, topic: str) -> int:
        """Ask about one topic by name."""
        [(code, *_)] = (await self._ask(MetadataRequest([topic], False))).topics
        return int(code)

    async def make(self, topic: str) -> int:
        """Make a topic of one partition."""
        answer = await self._ask(CreateTopicsRequest([(topic, 1, 1, [], [])], _WAIT_MS, False))
        return int(answer.topic_errors[0][1])

    async def remove(self, topic: str) -> int:
        """Remove a topic."""
        return int((await self._ask(DeleteTopicsRequest([topic], _WAIT_MS))).topic_error_codes[0][1])

    async def widen(self, topic: str) -> int:
        """Give a topic partitions."""
        answer = await self._ask(CreatePartitionsRequest([(topic, (9, None))], _WAIT_MS, False))
        return int(answer.topic_errors[0][1])

    async def change(self, topic: str) -> int:
        """Change a setting of a topic."""
        return int((await self._ask(SetTopics({topic: {"retention.ms": "1"}}))).resources[0][0])

    async def settings(self, topic: str) -> int:
        """Ask for the settings of a topic."""
        return int((await self._ask(DescribeConfigsRequest([(_TOPIC, topic, None)]))).resources[0][0])

    async def node_settings(self) -> int:
        """Ask for the settings of the broker."""
        return int((await self._ask(DescribeConfigsRequest([(_BROKER, "1", None)]))).resources[0][0])

    # --- groups ---

    async def committed(self, group: str) -> int:
        """Ask where a group stands, in all topics."""
        return int((await self._ask(OffsetFetchRequest(group, None))).error_code)

    async def commit(self, group: str, topic: str) -> int:
        """Say that a group, in which nobody is, has read a topic."""
        asked = OffsetCommitRequest(group, -1, "", -1, [(topic, [(0, 0, "")])])
        [(_, [(_, code)])] = (await self._ask(asked)).topics
        return int(code)

    async def join(self, group: str) -> int:
        """Become a member of a group, or be told to ask again as one."""
        asked = JoinGroupRequest(group, 10_000, 10_000, "", None, "consumer", [("range", b"")])
        code = int((await self._ask(asked)).error_code)
        return Answer.DONE if code == 79 else code  # MEMBER_ID_REQUIRED: it may, under the name that it is given

    async def found(self, group: str) -> int:
        """Ask who coordinates a group."""
        return int((await self._ask(FindCoordinatorRequest(group, _GROUP))).error_code)

    async def described(self, group: str) -> int:
        """Ask who is in a group."""
        return int((await self._ask(DescribeGroupsRequest([group]))).groups[0][0])

    async def removed(self, group: str) -> int:
        """Remove a group."""
        return int((await self._ask(DeleteGroupsRequest([group]))).results[0][1])

    async def groups(self) -> set[str]:
        """The groups that are shown."""
        return {name for name, *_ in (await self._ask(ListGroupsRequest())).groups}

    # --- transactions and rights ---

    async def fence(self, transactional_id: str) -> int:
        """Take a transactional id from whoever has it."""
        return int((await self._ask(InitProducerIdRequest(transactional_id, 10_000))).error_code)

    async def found_transaction(self, transactional_id: str) -> int:
        """Ask who coordinates a transactional id."""
        return int((await self._ask(FindCoordinatorRequest(transactional_id, _TRANSACTION))).error_code)

    async def add_to_transaction(self, transactional_id: str, topic: str) -> int:
        """Say that a transaction of somebody's writes to a topic."""
        answer = await self._ask(AddPartitionsToTxnRequest(transactional_id, 1, 0, [(topic, [0])]))
        return int(answer.errors[0][1][0][1])

    async def add_group_to_transaction(self, transactional_id: str, group: str) -> int:
        """Say that a transaction of somebody's commits for a group."""
        return int((await self._ask(AddOffsetsToTxnRequest(transactional_id, 1, 0, group))).error_code)

    async def rights(self) -> int:
        """Ask who may do what."""
        asked = DescribeAclsRequest(_ANY, None, _ANY, None, None, _ANY, _ANY)
        return int((await self._ask(asked)).error_code)

    async def give(self, name: str, topic: str) -> int:
        """Give *name* the right to read a topic."""
        return int((await self._ask(GiveRights([_reads(name, topic)]))).creation_responses[0][0])

    async def take(self, name: str, topic: str) -> int:
        """Take from *name* the right to read a topic."""
        return int((await self._ask(TakeRights([_reads(name, topic)]))).filter_responses[0][0])

    async def _ask(self, request: Any) -> Any:
        return await self._client.send(self._client.get_random_node(), request)


@asynccontextmanager
async def trying(connection: Connection) -> AsyncIterator[Attempts]:
    """Somebody who tries, until the block ends."""
    client = AIOKafkaClient(**connection.arguments())
    try:
        await client.bootstrap()
        yield Attempts(client)
    finally:
        await client.close()


def _reads(name: str, topic: str) -> Right:
    return Right(f"User:{name}", Resource.TOPIC, topic, Pattern.LITERAL, Operation.READ)
