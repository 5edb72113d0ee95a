"""A day at desks that reach their hub over HTTP: said, heard, acknowledged; offline for a week; revoked."""

import asyncio
from pathlib import Path

import pytest

from broker.client import Sending
from broker.errors import HubUnreachable, NotAdmitted
from broker.ledger.entries import Disclosure
from broker.settings import Http
from tests.contracts.clock import MovedClock
from tests.contracts.engine import story
from tests.faults.checker import check
from tests.faults.county import ONYX, case_opened, moved
from tests.faults.stored import read_stored
from tests.personas import BLACKBURN, BLACKBURN_CHILDREN, POLICE, PRESTON, PROBATION
from tests.served import Served, served

DAY_S = 24 * 3_600


async def a_move_is_told(here: Served) -> str:
    police = here.desks[POLICE.name]
    await police.publish(case_opened(ONYX))
    said = await police.publish(moved(ONYX, to=BLACKBURN, old=PRESTON))
    await here.tellwise.settled()
    return said


@story
async def test_social_care_hears_over_http_and_acknowledges(tmp_path: Path) -> None:
    async with served(tmp_path, MovedClock()) as here:
        said = await a_move_is_told(here)
        children = here.desks[BLACKBURN_CHILDREN.name]
        heard = await children.hear()
        await children.acknowledge(heard.letters[0].head.id, "duty social worker")
        await here.tellwise.settled()
        receipts = (await children.hear()).receipts

        assert [letter.head.id for letter in heard.letters] == [said]
        assert heard.refused == 0
        assert [receipt.outcome.value for receipt in receipts] == ["accepted"]
    assert check(tmp_path, settled=False) == []


@story
async def test_a_question_waits_until_something_comes(tmp_path: Path) -> None:
    async with served(tmp_path, MovedClock()) as here:
        await here.desks[BLACKBURN_CHILDREN.name].hear()
        link = here.link(BLACKBURN_CHILDREN.name)
        mailbox = here.tellwise.directory.desk(BLACKBURN_CHILDREN.name).mailbox
        before = (await link.inbox(mailbox, 0, 100, 0))[-1].number

        asked = asyncio.create_task(link.inbox(mailbox, before + 1, 100, 20_000))
        await a_move_is_told(here)
        items = await asked
        await link.close()

        assert len(items) == 1


@story
async def test_a_week_without_the_hub_loses_nothing(tmp_path: Path) -> None:
    clock = MovedClock()
    async with served(tmp_path, clock) as here:
        await here.desks[POLICE.name].publish(case_opened(ONYX))
        port = int(here.url.rpartition(":")[2])
        children = here.desks[BLACKBURN_CHILDREN.name]
        await children.hear()
    async with served(tmp_path, clock, http=Http(port=port)) as here:  # the same address, and nobody logged in any more
        police = here.desks[POLICE.name]
        link = here.link(POLICE.name)
    with pytest.raises(HubUnreachable):
        await link.directory(0, 1)
    await link.close()

    clock.move(seconds=7 * DAY_S)
    async with served(tmp_path, clock) as here:
        police = here.desks[POLICE.name]
        police.keep(moved(ONYX, to=BLACKBURN, old=PRESTON))
        await police.flush()
        await here.tellwise.settled()
        heard = await here.desks[BLACKBURN_CHILDREN.name].hear()

        assert len(heard.letters) == 1


@story
async def test_a_revoked_desk_neither_says_nor_hears_anything(tmp_path: Path) -> None:
    async with served(tmp_path, MovedClock()) as here:
        await a_move_is_told(here)
        await here.tellwise.registrar.revoke(BLACKBURN_CHILDREN.name)
        await here.desks[POLICE.name].publish(moved(ONYX, to=BLACKBURN, old=PRESTON))
        await here.tellwise.settled()

        with pytest.raises(NotAdmitted):
            await here.desks[BLACKBURN_CHILDREN.name].hear()
        assert here.desks[BLACKBURN_CHILDREN.name].store.letters() == []
        told = {entry.to for entry in read_stored(tmp_path).of(Disclosure)}
        assert BLACKBURN_CHILDREN.name in told  # what was recorded before is not undone
        heard = await here.desks[PROBATION.name].hear()
        assert heard.refused == 0


@story
async def test_what_a_desk_said_before_it_was_revoked_is_still_believed(tmp_path: Path) -> None:
    async with served(tmp_path, MovedClock()) as here:
        await a_move_is_told(here)
        await here.tellwise.registrar.revoke(POLICE.name)
        heard = await here.desks[BLACKBURN_CHILDREN.name].hear()

        assert (len(heard.letters), heard.refused) == (1, 0)
        with pytest.raises(NotAdmitted):
            await here.desks[POLICE.name].publish(moved(ONYX, to=PRESTON, old=BLACKBURN))
        assert here.desks[POLICE.name].store.outgoing(Sending.WAITING)
