"""What `tellwise bench --engine kafka` measures: the whole path, beside what only passes records on, in the same run.

The hub and each of the others is alone in this process on one core; the Kafka has what else the machine has. Where two
processes share the lanes of a hub, each takes what core it finds.
"""

import asyncio
import tempfile
from collections.abc import Callable
from pathlib import Path

from broker.bench.cores import one_core
from broker.bench.hops import Passed, hop
from broker.bench.inboxes import Spread, measure_inboxes
from broker.bench.path import COMPARTMENTS, DESKS, Rate, World, measure_path, world
from broker.bench.processes import measure_processes
from broker.kafka.connection import Connection
from broker.kafka.throwaway import engine_of, throwaway
from broker.serving import RECORDS_MAX
from broker.settings import Inboxes
from broker.topics import inbox

INBOXES = 1_000
LETTERS_A_TURN = RECORDS_MAX * DESKS
"""Of a hub that has much to do."""
KINDS: dict[Inboxes, str] = {"topics": "each a topic", "shared": "in one topic"}
"""Where inboxes may lie."""
_RECORDS_A_SECOND = 2_000
"""So many lie there for the hops: a few tens of megabytes. Who is through with them sooner is measured on those."""


def measure_on_kafka(
    connection: Connection, seconds: float, said: Callable[[str], None], *, inboxes: int = INBOXES
) -> dict[str, float]:
    """Measure each thing for about *seconds*.

    Args:
        connection: The Kafka; in plain text.
        seconds: For each.
        said: Told what is being measured now.
        inboxes: How many inboxes many are.

    Returns:
        `notifications_per_second`, `letters_per_second`, `letters_per_cpu_second`: the hub at full load.
        `transactions_…`, `faststream_…`: `records_per_second` and `records_per_cpu_second` of a bare aiokafka loop with
        transactions, and of FastStream's `@publisher` with `ACK_FIRST`; the records are letters of the same run.
        `against_plain_transactions`, `against_faststream`: letters a second over those.
        For inboxes that are topics, and with `shared_` before the name for those that share one: `warm_up_s`: until
        readers are shown a lane's first turn, for all inboxes. `letters_per_second_10_inboxes`,
        `letters_per_second_N_inboxes`, and `against_10_inboxes`, the one over the other: one producer, without a hub.
        `one_process_…`, `two_processes_…`: `letters_per_second` and `letters_per_cpu_second` of a hub of several lanes,
        and `two_against_one_process`: the one over the other, by CPU seconds.

    Raises:
        ClusterUnfit, EngineAway, KafkaRefused: it cannot be measured there.
        TopicsLeft: as `throwaway`.
    """
    with one_core():
        figures = asyncio.run(_measured(connection, seconds, said, inboxes))
    rates = {}
    for name, count in (("one_process", 1), ("two_processes", 2)):
        said(f"several lanes: {name.replace('_', ' ')}")
        rates[name] = asyncio.run(measure_processes(connection, seconds, count))
        figures[f"{name}_letters_per_second"] = round(rates[name].notifications_per_second * DESKS, 1)
        figures[f"{name}_letters_per_cpu_second"] = round(rates[name].letters_per_cpu_second, 1)
    one, two = (rates[name].letters_per_cpu_second for name in ("one_process", "two_processes"))
    return figures | {"two_against_one_process": round(two / one, 3)}


async def _measured(
    connection: Connection, seconds: float, said: Callable[[str], None], inboxes: int
) -> dict[str, float]:
    said("the whole path at full load")
    rate, letters = await _path(connection, seconds)
    async with (
        throwaway(connection) as names,
        hop(connection, names, letters, max(1_000, int(_RECORDS_A_SECOND * seconds))) as between,
    ):
        said("aiokafka alone, with transactions")
        plain = await between.by_transactions(seconds)
        said("FastStream's publisher")
        faststream = await between.by_faststream(seconds)
    spread = {}
    for kind, where in KINDS.items():
        said(f"{inboxes:,} inboxes, {where}")
        async with throwaway(connection, inboxes=kind) as names:
            spread[kind] = await measure_inboxes(
                connection, names, letters[0], inboxes=inboxes, letters=LETTERS_A_TURN, seconds=seconds
            )
    letters_per_second = rate.notifications_per_second * DESKS
    return {
        "desks": DESKS,
        "compartments": COMPARTMENTS,
        "notifications": rate.notifications,
        "notifications_per_second": round(rate.notifications_per_second, 1),
        "letters_per_second": round(letters_per_second, 1),
        "letters_per_cpu_second": round(rate.letters_per_cpu_second, 1),
        "letter_bytes": len(letters[0]),
        **_as_figures("transactions", plain),
        **_as_figures("faststream", faststream),
        "against_plain_transactions": round(letters_per_second / plain.per_second, 3),
        "against_faststream": round(letters_per_second / faststream.per_second, 3),
        "inboxes": inboxes,
        "letters_a_turn": LETTERS_A_TURN,
        **_spread("", spread["topics"], inboxes),
        **_spread("shared_", spread["shared"], inboxes),
    }


async def _path(connection: Connection, seconds: float) -> tuple[Rate, list[bytes]]:
    """The rate of the hub, and letters that it made."""
    with tempfile.TemporaryDirectory(prefix="tellwise-bench-") as folder:
        async with (
            throwaway(connection) as names,
            world(Path(folder), engine_of(connection, names)) as here,
        ):
            return await measure_path(here, seconds), await _letters(here)


async def _letters(here: World) -> list[bytes]:
    """Items of an inbox as they lie there; the first two may be keys."""
    records = await here.tellwise.transport.read(inbox(here.told[0]), 0, 100, 1_000)
    return [record.value for record in records[-50:]]


def _spread(kind: str, spread: Spread, inboxes: int) -> dict[str, float]:
    return {
        f"{kind}warm_up_s": round(spread.warm_up_s, 2),
        f"{kind}letters_per_second_10_inboxes": round(spread.few_per_second, 1),
        f"{kind}letters_per_second_{inboxes}_inboxes": round(spread.many_per_second, 1),
        f"{kind}against_10_inboxes": round(spread.many_per_second / spread.few_per_second, 3),
    }


def _as_figures(name: str, passed: Passed) -> dict[str, float]:
    return {
        f"{name}_records_per_second": round(passed.per_second, 1),
        f"{name}_records_per_cpu_second": round(passed.per_cpu_second, 1),
    }
