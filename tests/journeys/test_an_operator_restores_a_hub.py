"""An operator backs a hub up, loses it, and puts a backup back: what the desks have seen decides whether it goes on.

Hub, edge and desks are real, and talk over HTTP.
"""

import json
import shutil
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, closing
from pathlib import Path

import apsw
import httpx2
import pytest

from broker.app import hub_folder
from broker.care.backup import back_up
from broker.care.restore import put_back
from broker.care.standing import ACCEPTED, AHEAD, RESTORED, Hold, accept_restored
from broker.client.watch import tell_seen
from broker.errors import BackupRefused, FolderUnusable, HubForked, HubUnreachable
from broker.telemetry import Event
from broker.transport.ledger_file import LedgerFile
from tests.contracts.clock import MovedClock
from tests.contracts.engine import story
from tests.faults.checker import check
from tests.faults.county import BASALT, DIRECTORY_LOG, HUB, LANE, ONYX, case_opened, hub_db, moved
from tests.faults.listening import listening
from tests.personas import BLACKBURN, BLACKBURN_CHILDREN, POLICE, PRESTON
from tests.served import Served, served

US, THEM = BLACKBURN_CHILDREN.name, POLICE.name
HERE = (POLICE, BLACKBURN_CHILDREN)


async def a_move(here: Served) -> None:
    """Police tell of a move, and social care hears of it."""
    await here.desks[THEM].publish(moved(ONYX, to=BLACKBURN, old=PRESTON))
    await here.tellwise.settled()
    await here.desks[US].hear()
    await here.desks[THEM].hear()


@asynccontextmanager
async def put_back_from(folder: Path, backup: Path) -> AsyncIterator[Served]:
    """The hub's folder is lost; a backup is put back, and the hub is started. The desks are those that were there."""
    shutil.rmtree(hub_folder(folder))
    put_back(backup, hub_folder(folder), HUB, MovedClock().now())
    async with served(folder, MovedClock(), HERE) as here:
        yield here


@pytest.fixture(scope="module")
def lived(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """`data`, and two backups of it: `old`, and `new`, from after one more move that everybody has heard of."""
    folder = tmp_path_factory.mktemp("lived")

    @story
    async def live() -> None:
        clock = MovedClock()
        async with served(folder / "data", clock, HERE) as here:
            await here.desks[THEM].publish(case_opened(ONYX, team=()))
            await here.desks[THEM].publish(case_opened(BASALT, team=()))
            await a_move(here)
            back_up(hub_folder(folder / "data"), folder / "old", clock.now(), credential=None)
            await a_move(here)
            back_up(hub_folder(folder / "data"), folder / "new", clock.now(), credential=None)

    live()
    return folder


@pytest.fixture
def lost(lived: Path, tmp_path: Path) -> Path:
    """The same, to be gone on with."""
    return shutil.copytree(lived, tmp_path / "lost")


def signed(folder: Path) -> list[tuple[int, bytes]]:
    """All that the hub has signed of its lane."""
    with LedgerFile(hub_db(folder)) as ledgers:
        return list(ledgers.checkpoints(LANE))


def ready(here: Served) -> tuple[int, str]:
    """What `/ready` says, by its status and the problem that it names."""
    answer = httpx2.get(f"{here.url}/ready", trust_env=False)
    return answer.status_code, str(json.loads(answer.content).get("type", ""))


HELD = (503, "urn:tellwise:problem:held")


@story
async def test_a_hub_that_was_put_back_does_nothing_before_its_desks_have_spoken(lost: Path) -> None:
    with listening() as told:
        async with put_back_from(lost / "data", lost / "new") as here:
            before = signed(lost / "data")

            with pytest.raises(HubUnreachable):
                await here.desks[THEM].publish(moved(BASALT, to=BLACKBURN, old=PRESTON))

            assert here.tellwise.standing.silent == sorted((US, THEM))
            assert ready(here) == HELD
            assert signed(lost / "data") == before
    assert told.events()[Event.COPY_RESTORED] == 1
    assert told.events()[Event.DESK_AWAITED] == 2


@story
async def test_the_newest_backup_goes_on_when_every_desk_has_spoken(lost: Path) -> None:
    async with put_back_from(lost / "data", lost / "new") as here:
        here.desks[THEM].keep(moved(BASALT, to=BLACKBURN, old=PRESTON))
        await here.desks[US].hear()
        one_is_silent = here.tellwise.standing.hold, here.tellwise.standing.silent
        await here.desks[THEM].hear()
        await here.tellwise.hub.until_caught_up()
        await here.desks[THEM].flush()
        await here.tellwise.settled()
        heard = await here.desks[US].hear()

        assert one_is_silent == (Hold.RESTORED, [THEM])
        assert here.tellwise.standing.is_clear
        assert (len(heard.letters), heard.refused) == (1, 0)
        assert ready(here) == (200, "")
    assert not (hub_folder(lost / "data") / RESTORED).exists()
    assert check(lost / "data", settled=False) == []


@story
async def test_an_old_backup_signs_nothing_once_a_desk_has_shown_what_it_saw(lost: Path) -> None:
    with listening() as told:
        async with put_back_from(lost / "data", lost / "old") as here:
            before = signed(lost / "data")

            with pytest.raises(HubForked):
                await here.desks[US].hear()

            assert here.tellwise.standing.hold is Hold.BEHIND
            assert ready(here) == HELD
            with pytest.raises(HubUnreachable):
                await here.desks[THEM].publish(moved(BASALT, to=BLACKBURN, old=PRESTON))
        assert signed(lost / "data") == before
    assert told.events()[Event.LEDGER_BEHIND] >= 1


@pytest.mark.parametrize("moves", [1, 4], ids=["while its ledger is shorter", "once it is longer, and another"])
@story
async def test_an_old_backup_that_the_operator_let_go_on_still_stops_when_a_desk_has_seen_more(
    lost: Path, moves: int
) -> None:
    async with put_back_from(lost / "data", lost / "old") as here:
        accepted = accept_restored(hub_folder(lost / "data"), MovedClock())
        await here.tellwise.hub.until_caught_up()
        for _ in range(moves):  # police have not listened, so they have not said what they saw
            await here.desks[THEM].publish(moved(BASALT, to=BLACKBURN, old=PRESTON))
            await here.tellwise.settled()

        with pytest.raises(HubForked):
            await here.desks[US].hear()

        assert accepted
        assert here.tellwise.standing.hold is Hold.BEHIND
    assert (hub_folder(lost / "data") / ACCEPTED).exists()


@story
async def test_a_hub_that_is_behind_stays_so_when_it_is_started_again(lost: Path) -> None:
    async with put_back_from(lost / "data", lost / "old") as here:
        with pytest.raises(HubForked):
            await here.desks[US].hear()
    before = signed(lost / "data")

    async with served(lost / "data", MovedClock(), HERE) as here:
        assert here.tellwise.standing.hold is Hold.BEHIND
        assert ready(here) == HELD
    assert signed(lost / "data") == before


@story
async def test_a_hub_that_was_behind_goes_on_over_a_newer_backup(lost: Path) -> None:
    async with put_back_from(lost / "data", lost / "old") as here:
        with pytest.raises(HubForked):
            await here.desks[US].hear()
    evidence = (hub_folder(lost / "data") / AHEAD).read_bytes()

    async with put_back_from(lost / "data", lost / "new") as here:
        for desk in here.desks.values():
            await desk.hear()
        await here.tellwise.hub.until_caught_up()
        await a_move(here)

        assert here.tellwise.standing.is_clear
    assert LANE.encode() in evidence
    assert check(lost / "data", settled=False) == []


@story
async def test_it_holds_without_any_restore_that_a_hub_with_less_than_a_desk_saw_stops(lost: Path) -> None:
    """Somebody copied a folder back by hand, so nothing in it says that it is old."""
    shutil.rmtree(hub_folder(lost / "data"))
    shutil.copytree(lost / "old", hub_folder(lost / "data"))
    async with served(lost / "data", MovedClock(), HERE) as here:
        began = here.tellwise.standing.hold
        with pytest.raises(HubForked):
            await here.desks[US].hear()

        assert began is Hold.NONE
        assert here.tellwise.standing.hold is Hold.BEHIND


@story
async def test_what_another_hub_signed_stops_nobody(lost: Path, tmp_path: Path) -> None:
    """Whoever could hold a hub by showing it a checkpoint of their own making would have every agency in their hand."""
    async with served(tmp_path / "other", MovedClock(), HERE) as other:
        await other.desks[THEM].publish(case_opened(ONYX, team=()))
        await a_move(other)
        store = other.desks[THEM].store
        async with served(lost / "data", MovedClock(), HERE) as here:
            link = here.link(US)
            with pytest.raises(HubUnreachable):
                await tell_seen([LANE, DIRECTORY_LOG], store, link)
            await link.close()

            assert here.tellwise.standing.is_clear


# --- what is no backup, and where none may be put ---------------------------------------------------------------------


def test_a_backup_is_never_put_over_a_hub(lost: Path) -> None:
    before = sorted(hub_folder(lost / "data").iterdir())

    with pytest.raises(FolderUnusable, match="is there already"):
        put_back(lost / "new", hub_folder(lost / "data"), HUB, MovedClock().now())

    assert sorted(hub_folder(lost / "data").iterdir()) == before


def test_a_backup_is_never_written_over_another(lost: Path) -> None:
    with pytest.raises(FolderUnusable, match="is there already"):
        back_up(hub_folder(lost / "data"), lost / "old", MovedClock().now(), credential=None)


def test_a_credential_among_the_keys_is_never_backed_up(lost: Path, tmp_path: Path) -> None:
    key = next((hub_folder(lost / "data") / "keys").glob("*.key"))

    with pytest.raises(FolderUnusable, match="credential"):
        back_up(hub_folder(lost / "data"), tmp_path / "backup", MovedClock().now(), credential=key)

    assert list(tmp_path.glob("backup*")) == []


def test_what_is_not_of_the_hub_is_not_backed_up(lost: Path, tmp_path: Path) -> None:
    home = hub_folder(lost / "data")
    (home / "keys" / "hub.key").write_text("a credential that somebody put there")
    (home / "notes.txt").write_text("a note")

    manifest = back_up(home, tmp_path / "backup", MovedClock().now(), credential=None)

    assert "hub.key" not in str(manifest.files)
    held = {path.name for path in (tmp_path / "backup").rglob("*") if path.is_file()}
    assert held.isdisjoint({"hub.key", "notes.txt"})


@pytest.mark.parametrize("name", ["hub.db", "keyring.json", "trust.json", "manifest.json"])
def test_a_backup_of_which_a_file_is_missing_or_changed_is_not_put_back(lost: Path, tmp_path: Path, name: str) -> None:
    whole = (lost / "new" / name).read_bytes()
    for spoilt in (None, whole[:-1], whole[:100] + bytes([whole[100] ^ 1]) + whole[101:]):
        (lost / "new" / name).unlink()
        if spoilt is not None:
            (lost / "new" / name).write_bytes(spoilt)

        with pytest.raises((BackupRefused, FolderUnusable)):
            put_back(lost / "new", tmp_path / "hub", HUB, MovedClock().now())

        assert list(tmp_path.glob("hub*")) == []
        (lost / "new" / name).write_bytes(whole)


def test_a_backup_of_another_hub_is_not_put_back(lost: Path, tmp_path: Path) -> None:
    with pytest.raises(BackupRefused, match="the settings are those of"):
        put_back(lost / "new", tmp_path / "hub", "other.invented.example", MovedClock().now())


@pytest.mark.parametrize("name", ["../outside.json", "/etc/passwd", "keys/../../outside", "restored.json", "keys/a/b"])
def test_a_manifest_that_leads_elsewhere_is_refused(lost: Path, tmp_path: Path, name: str) -> None:
    path = lost / "new" / "manifest.json"
    manifest = json.loads(path.read_bytes())
    manifest["files"].append({"name": name, "size": 0, "sha256": "0" * 64})
    path.write_bytes(json.dumps(manifest, sort_keys=True, separators=(",", ":")).encode())

    with pytest.raises(BackupRefused):
        put_back(lost / "new", tmp_path / "hub", HUB, MovedClock().now())

    assert list(tmp_path.glob("hub*")) == []


def test_a_hub_whose_ledger_was_altered_is_not_backed_up(lost: Path, tmp_path: Path) -> None:
    with closing(apsw.Connection(str(hub_db(lost / "data")))) as database:
        database.execute("UPDATE ledger_entry SET entry = x'7b7d' WHERE i = 3 AND log = ?", (LANE,))

    with pytest.raises(BackupRefused, match="entry 3"):
        back_up(hub_folder(lost / "data"), tmp_path / "backup", MovedClock().now(), credential=None)

    assert list(tmp_path.glob("backup*")) == []
