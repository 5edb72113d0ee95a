"""`python -m tests.soak.kafka_hub FOLDER [--planted FAULT] -- ARGUMENTS...`: `tellwise ARGUMENTS`, which ends or stops
itself in a phase of its turn.

When there is a file `FOLDER/armed` that holds the name of a phase and of a signal, whichever process gets to that phase
first takes the file away, and sends itself the signal. So it meets whoever owns the lane. Time-outs are shorter than in
earnest, that a soak does not spend its time in them.
"""

import os
import secrets
import signal
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from aiokafka import AIOKafkaProducer, TopicPartition
from aiokafka.client import AIOKafkaClient

from broker.kafka import producing
from broker.kafka.names import Names
from broker.kafka.producing import LaneProducer, Outgoing
from broker.ports import Partition

PHASES = ("before send", "after send", "before commit", "after commit")
TAKING = "taking"
"""Before anything of a turn is sent; when the cluster has all of it; when its commit is about to be asked for; and when
it is committed, and the reply has not been read. Beside them: when a lane is about to be taken."""
TRANSACTION_S = 15


class Armed:
    """What is to happen to whoever comes to a phase first."""

    def __init__(self, folder: Path) -> None:
        """Look for it in *folder*."""
        self._file = folder / "armed"
        self._is_committing = False

    def at(self, phase: str) -> None:
        """Meet what is armed, if this is its phase."""
        if not self._file.exists():
            return
        armed, _, number = self._file.read_text(encoding="ascii").partition(":")
        if armed == phase:
            try:
                self._file.rename(self._file.with_name(f"met-{os.getpid()}"))
            except FileNotFoundError:
                return
            os.kill(os.getpid(), signal.Signals[number])

    def hook(self) -> None:
        """Look in each phase of each turn from now on."""
        commit, send, take, ask = LaneProducer.commit, LaneProducer._send, LaneProducer.take, AIOKafkaClient.send

        async def taken(producer: LaneProducer, own: Sequence[TopicPartition]) -> None:
            self.at(TAKING)
            await take(producer, own)

        async def committed(producer: LaneProducer, records: Sequence[Outgoing]) -> None:
            self._is_committing = True
            try:
                self.at("before send")
                await commit(producer, records)
            finally:
                self._is_committing = False

        async def sent(producer: LaneProducer, records: Sequence[Outgoing]) -> Mapping[TopicPartition, int]:
            written = await send(producer, records)
            if self._is_committing:
                self.at("after send")
            return written

        async def asked(client: AIOKafkaClient, node: Any, request: Any, **more: Any) -> Any:
            ends = self._is_committing and type(request).__name__ == "EndTxnRequest"
            if ends:
                self.at("before commit")
            answer = await ask(client, node, request, **more)
            if ends:
                self.at("after commit")
            return answer

        for owner, name, hooked in (
            (LaneProducer, "commit", committed),
            (LaneProducer, "_send", sent),
            (LaneProducer, "take", taken),
            (AIOKafkaClient, "send", asked),
        ):
            setattr(owner, name, hooked)


def _plant_no_fence() -> None:
    """Each owner of a lane has a transactional id of its own, so that none is fenced by the next."""
    really = Names.transactional_id

    def transactional_id(names: Names, lane: Partition) -> str:
        return really(names, lane) + secrets.token_hex(4)

    Names.transactional_id = transactional_id  # type: ignore[method-assign, assignment]


def _plant_no_waiting() -> None:
    """A commit that does not wait for what was sent: records that the cluster refuses are missing from it."""

    async def send(producer: LaneProducer, records: Sequence[Outgoing]) -> Mapping[TopicPartition, int]:
        client: AIOKafkaProducer = producer._producer
        for record in records:
            place = record.place
            await client.send(place.topic, record.value, key=record.key, partition=place.partition)
        return {}

    LaneProducer._send = send  # type: ignore[method-assign, assignment]


PLANTED = {"no-fence": _plant_no_fence, "no-waiting": _plant_no_waiting}
"""Mistakes that a soak must find."""


def main(folder: str, *arguments: str) -> None:
    """Be the command."""
    own, command = arguments[: (at := arguments.index("--"))], arguments[at + 1 :]
    producing.TRANSACTION_S = TRANSACTION_S
    if own:
        PLANTED[own[1]]()
    Armed(Path(folder)).hook()
    from broker.cli.main import app

    app(command)


if __name__ == "__main__":
    main(*sys.argv[1:])
