"""`tellwise bench`: how its figures are told."""

import json
import logging
import sys
from typing import TYPE_CHECKING

from broker.bench import DESK_COUNTS, LEDGER_SIZES, measure, profile
from broker.cli.telling import say

if TYPE_CHECKING:
    from broker.kafka.connection import Connection

_LINES = (
    "{notifications} notifications to {desks} desks, {compartments} compartments each, durable, on one core",
    "{notifications_per_second} notifications/s, {letters_per_second} letters/s",
    "{letters_per_cpu_second} letters a CPU second",
    "{us_per_notification} us a notification at the hub; {floor_us_per_notification} us for its cryptography alone",
    "floor ratio {floor_ratio}: 1 would be nothing but cryptography",
    "at half of that load: p50 {p50_ms} ms, p99 {p99_ms} ms, or {p99_in_commits} durable commits of {fsync_ms} ms",
)

_ON_KAFKA = (
    "{notifications} notifications to {desks} desks, {compartments} compartments each, on Kafka, the hub on one core",
    "{notifications_per_second} notifications/s, {letters_per_second} letters/s of {letter_bytes} bytes",
    "{letters_per_cpu_second} letters a CPU second of the hub",
    "beside it, records of the same bytes that are only passed on:",
    "aiokafka, transactions: {transactions_records_per_second}/s, {transactions_records_per_cpu_second} a CPU second",
    "FastStream's publisher: {faststream_records_per_second}/s, {faststream_records_per_cpu_second} a CPU second",
    "letters against records: {against_plain_transactions} for transactions, {against_faststream} for FastStream",
    "one lane, turns of {letters_a_turn} letters, no hub",
    "inboxes that are topics: ready for {inboxes} after {warm_up_s} s",
    "{few} letters/s to 10 inboxes, {many} to {inboxes}; all against 10: {against_10_inboxes}",
    "inboxes that share one topic: ready for {inboxes} after {shared_warm_up_s} s",
    "{shared_few} letters/s to 10 inboxes, {shared_many} to {inboxes}; all against 10: {shared_against_10_inboxes}",
    "four lanes, one process: {one_process_letters_per_second}/s, {one_process_letters_per_cpu_second} a CPU second",
    "two processes: {two_processes_letters_per_second}/s, {two_processes_letters_per_cpu_second} a CPU second of both",
    "two against one, a CPU second: {two_against_one_process}",
)


def measure_and_say(seconds: float, *, growth: bool, as_json: bool) -> None:
    """Measure, and tell."""
    logging.getLogger("tellwise").setLevel(logging.ERROR)
    figures = measure(seconds, growth=growth, said=lambda what: print(f"measuring: {what}", file=sys.stderr))
    if as_json:
        print(json.dumps(figures, sort_keys=True))
        return
    for line in _LINES:
        say(line.format(**figures))
    if growth:
        for size in LEDGER_SIZES:
            rate = figures[f"letters_per_cpu_second_at_{size}_entries"]
            say(f"{rate} letters a CPU second with {size:,} ledger entries")
        for count in DESK_COUNTS:
            rate = figures[f"letters_per_cpu_second_at_{count}_desks"]
            say(f"{rate} letters a CPU second among {count:,} other desks")
        say(
            "{ledger_entries} ledger entries verified in {ledger_verified_in_hashings} times their hashing;"
            " a proof of a neighbouring entry in {ledger_proof_us} us".format(**figures)
        )
        say("largest against smallest: {growth_entries} for the ledger, {growth_desks} for desks".format(**figures))


def measure_on_kafka_and_say(connection: "Connection", seconds: float, *, as_json: bool) -> None:
    """Measure on a Kafka, and tell."""
    from broker.bench.on_kafka import measure_on_kafka

    logging.getLogger("tellwise").setLevel(logging.ERROR)
    figures = measure_on_kafka(connection, seconds, lambda what: print(f"measuring: {what}", file=sys.stderr))
    if as_json:
        print(json.dumps(figures, sort_keys=True))
        return
    for line in _ON_KAFKA:
        say(line.format(**figures, **_spread(figures)))


def _spread(figures: dict[str, float]) -> dict[str, float]:
    """The figures whose names hold a number."""
    count = int(figures["inboxes"])
    return {
        f"{kind}{name}": figures[f"{kind}letters_per_second_{number}_inboxes"]
        for kind in ("", "shared_")
        for name, number in (("few", 10), ("many", count))
    }


def profile_and_say(seconds: float, *, as_json: bool) -> None:
    """Tell where the time goes."""
    logging.getLogger("tellwise").setLevel(logging.ERROR)
    shares = profile(seconds)
    if as_json:
        print(json.dumps([{"part": part, "share": round(share, 4)} for part, share in shares]))
        return
    for part, share in shares:
        print(f"{100 * share:5.1f} %  {part}")
