"""`tellwise export` and `tellwise import`: a hub that ran in one file goes on on Kafka, and nobody is told twice."""

import asyncio
from pathlib import Path

from broker.app import hub_folder
from broker.care.leaving import ARRIVING, begin_to_put_in, take_out
from broker.cli.kafka import connection_as
from broker.cli.telling import bold, say
from broker.clock import SystemClock
from broker.engines import ON_KAFKA
from broker.errors import MoveRefused, SettingsRefused
from broker.files import remove, write_whole
from broker.kafka.connection import Connection
from broker.kafka.moving import put_in, topics_in
from broker.kafka.names import Names
from broker.kafka.provisioning import ensure_desk
from broker.kafka.safety import unsafe
from broker.settings import HubSettings, beside, load_settings
from broker.topics import DIRECTORY, INPUT, LEDGER, QUARANTINE, changelog, inbox
from broker.transport.tables import DATABASE
from schemas import Mailbox

_INBOX = inbox(Mailbox(""))


def export(to: Path, config: Path, *, demo: bool) -> None:
    """Take a hub's data out of its folder, for good.

    Raises:
        TellwiseError: as `take_out`; nothing is taken out then.
    """
    settings = load_settings(config, HubSettings)
    home = hub_folder(beside(config, settings.data))
    credential = None if demo else beside(config, settings.credential)
    days = settings.retention.detail_days
    manifest = take_out(home, to.absolute(), SystemClock().now(), credential=credential, detail_days=days)
    say(bold(f"Taken out and verified: {to}"))
    for ledger in manifest.ledgers:
        say(f"{ledger.log}: {ledger.size} entries", 2)
    say(f"No hub starts on {home} any more. Put the data in one place only: two hubs would sign two histories.", 2)


def import_(source: Path, config: Path, admin: tuple[Path | None, Path | None], *, allow_unsafe_topics: bool) -> None:
    """Put a hub's data on the Kafka of its settings, and its keys into a folder of its own.

    Raises:
        TellwiseError: as the parts. Done again, it goes on from there.
    """
    settings = load_settings(config, HubSettings)
    if settings.kafka is None:
        raise SettingsRefused(f"`{config}`: `kafka` is missing")
    if settings.kafka.inboxes == "shared":
        why = "the inboxes of a hub that moves are topics: what lies in them keeps its numbers"
        raise SettingsRefused(f"`{config}`: `kafka.inboxes`: {why}")
    connection = connection_as(settings.kafka, config, *admin)
    home = hub_folder(beside(config, settings.data))
    days = settings.retention.detail_days
    manifest = begin_to_put_in(source.absolute(), home, settings.hub, SystemClock().now(), detail_days=days)
    database = source.absolute() / DATABASE

    async def work() -> None:
        await _make_inboxes(database, connection, settings, allow_unsafe=allow_unsafe_topics)
        await put_in(database, connection, Names(), lambda topic, count: say(f"{topic}: {count} records", 2))

    say(f"The data of `{manifest.hub}`, taken out at {manifest.made_at:%Y-%m-%d %H:%M:%S}Z:")
    asyncio.run(work())
    write_whole(home / ON_KAFKA, b"")
    remove(home / ARRIVING)
    say(bold("All of it is on Kafka. Now: tellwise run --engine kafka"))


async def _make_inboxes(database: Path, connection: Connection, settings: HubSettings, *, allow_unsafe: bool) -> None:
    own = {INPUT, DIRECTORY, QUARANTINE}
    strange = [topic for topic in topics_in(database) if topic not in own and not topic.startswith(_INBOX)]
    if strange:
        raise MoveRefused(f"the file has topics that this version does not know: {', '.join(strange)}")
    inboxes = [topic for topic in topics_in(database) if topic.startswith(_INBOX)]
    for topic in inboxes:
        mailbox = Mailbox(topic.removeprefix(_INBOX))
        await ensure_desk(connection, mailbox, settings.retention)
    found = await unsafe(connection, [*own, changelog(INPUT), LEDGER, *inboxes])
    lacking = [what for what in found if "is not there" in what]
    if lacking or (found and not allow_unsafe):
        raise MoveRefused("; ".join((lacking or found)[:5]) + "; see `tellwise kafka provision`")
