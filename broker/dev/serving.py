"""Which nodes of a cluster serve, as the cluster itself says."""

import asyncio
import logging
import ssl
from collections.abc import Iterator
from contextlib import contextmanager

from aiokafka.admin import AIOKafkaAdminClient
from aiokafka.client import log
from aiokafka.errors import KafkaError

_ANSWER_S = 5


def serving(bootstrap: str, context: ssl.SSLContext | None) -> frozenset[int]:
    """The ids of the nodes that clients are sent to. Empty if nobody answers.

    Must not be called from within an event loop.

    Args:
        bootstrap: `HOST:PORT`, several with commas; one that answers is enough.
        context: For TLS; None for plain text.
    """
    return asyncio.run(_serving(bootstrap, context))


async def _serving(bootstrap: str, context: ssl.SSLContext | None) -> frozenset[int]:
    with _quiet():
        admin = AIOKafkaAdminClient(
            bootstrap_servers=bootstrap,
            security_protocol="SSL" if context else "PLAINTEXT",
            ssl_context=context,
            request_timeout_ms=_ANSWER_S * 1000,
        )
        try:
            async with asyncio.timeout(_ANSWER_S):
                await admin.start()
                cluster = await admin.describe_cluster()
        except (KafkaError, OSError):  # a time-out is an OSError
            return frozenset()
        finally:
            await admin.close()
    return frozenset(broker["node_id"] for broker in cluster["brokers"])


@contextmanager
def _quiet() -> Iterator[None]:
    """That a node does not answer yet is what we ask, and no error for anybody's log."""
    before = log.level
    log.setLevel(logging.CRITICAL)
    try:
        yield
    finally:
        log.setLevel(before)
