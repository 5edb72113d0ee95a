"""A hub that shows a desk another past than before: it is not believed any more, whatever it says, and nothing of what
it hands over is taken until it can prove again that its ledger only grew.

The hubs are real. One is copied on an evening, and then each of the two goes on in its own way: so both are signed with
the same keys, and either could be the true one.
"""

import shutil
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from broker.app import desk_folder, hub_folder
from broker.client import Desk, Link
from broker.errors import HubForked, HubUnreachable
from broker.ledger.merkle import Digest, Proof
from broker.ledger.proofs import parse_proof
from broker.sealing.letters import Item
from broker.telemetry import Event
from tests.contracts.clock import MovedClock
from tests.contracts.engine import story
from tests.faults.county import BASALT, LANE, ONYX, County, case_opened, county, moved, open_desk
from tests.faults.hostile_hub import HostileLink
from tests.faults.listening import Told, listening
from tests.faults.stored import directory_topic, inbox_of
from tests.links import Passing
from tests.personas import BLACKBURN, BLACKBURN_CHILDREN, POLICE, PRESTON
from tests.served import served

US = BLACKBURN_CHILDREN.name
HERE = (POLICE, BLACKBURN_CHILDREN)
MOVE = moved(ONYX, to=BLACKBURN, old=PRESTON)


async def evening(here: County) -> None:
    """Two cases are opened, and Blackburn's children's social care has heard of one move."""
    for persona in (ONYX, BASALT):
        await here.say(POLICE.name, case_opened(persona, team=()))
    await here.say(POLICE.name, MOVE)
    await here.hear()


async def night(here: County, moves: int) -> None:
    """So many more moves are told."""
    for _ in range(moves):
        await here.say(POLICE.name, moved(BASALT, to=BLACKBURN, old=PRESTON))


@pytest.fixture(scope="module")
def pasts(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """`evening`, `ours` with a night of two moves that our desk has heard of, `theirs` with one of three."""
    folder = tmp_path_factory.mktemp("pasts")

    @story
    async def live() -> None:
        async with county(folder / "evening", MovedClock(), HERE) as here:
            await evening(here)
        for name, moves in (("ours", 2), ("theirs", 3)):
            shutil.copytree(folder / "evening", folder / name)
            async with county(folder / name, MovedClock(), HERE) as here:
                await night(here, moves)
                if name == "ours":
                    await here.hear()

    live()
    return folder


@pytest.fixture
def past(pasts: Path, tmp_path: Path) -> Path:
    """The three of them, to be gone on with."""
    return shutil.copytree(pasts, tmp_path / "pasts")


class Look:
    """Our desk, as it was after its night, before some hub."""

    def __init__(self, desk: Desk, told: Told) -> None:
        self.desk, self._told = desk, told
        self._before = self._taken()

    def _taken(self) -> tuple[int, int, int]:
        last = self.desk.store.last_checkpoint(LANE)
        assert last is not None
        return self.desk.store.position("inbox"), len(self.desk.store.letters()), last[0]

    async def is_refused(self) -> None:
        """Hear, and see that it is refused, with an alarm, and that nothing is taken."""
        with pytest.raises(HubForked):
            await self.desk.hear()
        assert self._taken() == self._before
        assert self._told.events()[Event.LEDGER_FORKED] == 1

    async def hears(self) -> int:
        """Hear; how many letters came."""
        heard = await self.desk.hear()
        assert heard.refused == 0
        return len(heard.letters)


class Deaf(Passing):
    """A hub that goes on whatever its desks have seen, as one would that means to show two histories."""

    async def seen(self, log: str, note: bytes) -> None:
        """Take no notice."""


@asynccontextmanager
async def before(past: Path, hub: str, *, way: Callable[[Link], Link] = lambda edge: edge) -> AsyncIterator[Look]:
    """Put our desk before the hub of one of the three, one move later.

    Args:
        past: The three.
        hub: Which.
        way: What the way to it is made of, given the honest one.
    """
    with listening() as told:
        async with county(past / hub, MovedClock(), (POLICE,)) as here:
            await night(here, 1)
            desk = open_desk(past / "ours", US, Deaf(way(here.tellwise.edge)), MovedClock())
            try:
                yield Look(desk, told)
            finally:
                desk.close()


# --- who is believed, and who is not ----------------------------------------------------------------------------------


@story
async def test_a_hub_that_goes_on_from_what_we_saw_is_believed(past: Path) -> None:
    async with before(past, "ours") as look:
        assert await look.hears() == 1


@story
async def test_a_hub_with_another_past_is_not_believed_and_nothing_of_it_is_taken(past: Path) -> None:
    async with before(past, "theirs") as look:
        await look.is_refused()


@story
async def test_what_the_true_hub_says_is_heard_again_when_it_is_back(past: Path) -> None:
    async with before(past, "theirs") as look:
        await look.is_refused()

    async with before(past, "ours") as look:
        assert await look.hears() == 1


@story
async def test_a_hub_that_is_not_believed_is_not_believed_at_the_next_look_either(past: Path) -> None:
    for _ in range(3):
        async with before(past, "theirs") as look:
            await look.is_refused()


# --- what is no proof -------------------------------------------------------------------------------------------------


class Proving(Passing):
    """A way to the hub that proves as it likes."""

    def __init__(self, link: Link, prove: Callable[[Sequence[Proof]], Sequence[Proof]]) -> None:
        super().__init__(link)
        self._prove = prove

    async def consistency(self, log: str, sizes: Sequence[int]) -> Sequence[Proof]:
        """What the honest hub would say, made into something else."""
        return self._prove(await self.link.consistency(log, sizes))


def refuse(_proofs: Sequence[Proof]) -> Sequence[Proof]:
    """What the way over HTTP makes of `404`."""
    raise HubForked("the hub does not prove that it only grew")


ZERO = Digest(bytes(32))

NO_PROOF: dict[str, Callable[[Sequence[Proof]], Sequence[Proof]]] = {
    "none": refuse,
    "an empty list": lambda _: [],
    "one less": lambda proofs: proofs[:-1],
    "one more": lambda proofs: [*proofs, ()],
    "without hashes": lambda proofs: [()] * len(proofs),
    "of zeros": lambda proofs: [tuple(ZERO for _ in proof) for proof in proofs],
    "with a hash less": lambda proofs: [proof[:-1] for proof in proofs],
    "with a hash more": lambda proofs: [(*proof, ZERO) for proof in proofs],
    "with a bit changed": lambda proofs: [tuple(Digest(bytes([h[0] ^ 1]) + h[1:]) for h in proof) for proof in proofs],
    "with its hashes turned round": lambda proofs: [proof[::-1] for proof in proofs],
    "with 10,000 hashes": lambda proofs: [proof * 10_000 for proof in proofs],
    "with short hashes": lambda proofs: [tuple(Digest(h[:31]) for h in proof) for proof in proofs],
}


@pytest.mark.parametrize("prove", NO_PROOF.values(), ids=NO_PROOF.keys())
@story
async def test_what_is_no_proof_proves_nothing(past: Path, prove: Callable[[Sequence[Proof]], Sequence[Proof]]) -> None:
    async with before(past, "ours", way=lambda edge: Proving(edge, prove)) as look:
        await look.is_refused()
        honest = open_desk(past / "ours", US, look.desk._inbox._link.link.link, MovedClock())  # type: ignore[attr-defined]
        look.desk.close()

        assert len((await honest.hear()).letters) == 1
        honest.close()


class Silent(Passing):
    """A way to the hub that never answers when it should prove."""

    async def consistency(self, log: str, sizes: Sequence[int]) -> Sequence[Proof]:
        """Nothing comes."""
        raise HubUnreachable("it does not answer in time")


@story
async def test_a_hub_that_does_not_answer_when_it_should_prove_is_asked_again_and_nothing_is_taken(past: Path) -> None:
    async with before(past, "ours", way=Silent) as look:
        with pytest.raises(HubUnreachable):
            await look.desk.hear()

        assert look._taken() == look._before


# --- a past that is shorter than ours ---------------------------------------------------------------------------------


@story
async def test_items_of_an_older_checkpoint_than_ours_are_believed_if_it_is_of_our_past(past: Path) -> None:
    """So it is when a desk lost its place in the inbox and kept its checkpoints."""
    async with before(past, "ours") as look:
        with look.desk.store.transaction():
            look.desk.store.move("inbox", 0)
        heard = await look.desk.hear()

        assert len(heard.letters) == 1
        assert heard.refused == 3  # the key package may come twice, the letters that we have may not


@story
async def test_items_of_an_older_checkpoint_that_is_of_no_past_of_ours_are_not_believed(past: Path) -> None:
    """Of their night only the first move is shown: fewer entries than we have seen, and others."""
    ours = parse_proof(Item.from_bytes(inbox_of(past / "ours", US)[-1]).proof)
    items = inbox_of(past / "theirs", US)
    first = next(item for item in items if item not in inbox_of(past / "evening", US))
    assert parse_proof(Item.from_bytes(first).proof).index <= ours.index
    directory = directory_topic(past / "ours")
    honest = HostileLink(past / "ours", directory, [*inbox_of(past / "ours", US), first])
    with listening() as told:
        desk = open_desk(past / "ours", US, honest, MovedClock())
        look = Look(desk, told)

        with pytest.raises(HubForked):
            await desk.hear()
        taken = look._taken() == look._before
        desk.close()

    assert taken
    assert told.events()[Event.LEDGER_FORKED] == 1


@pytest.mark.parametrize("moves", [0, 1, 2, 5], ids=["at once", "one move on", "as far as before", "further on"])
@story
async def test_a_hub_that_was_put_back_to_an_older_copy_is_not_believed(past: Path, moves: int) -> None:
    """However far it goes on from there: what it said in between is gone, and we have heard of it."""
    shutil.rmtree(hub_folder(past / "ours"))
    shutil.copytree(hub_folder(past / "evening"), hub_folder(past / "ours"))
    shutil.rmtree(desk_folder(past / "ours", POLICE.name))
    shutil.copytree(desk_folder(past / "evening", POLICE.name), desk_folder(past / "ours", POLICE.name))
    with listening() as told:
        async with served(past / "ours", MovedClock(), HERE) as here:
            for _ in range(moves):
                await here.desks[POLICE.name].publish(moved(BASALT, to=BLACKBURN, old=PRESTON))
            await here.tellwise.settled()

            await Look(here.desks[US], told).is_refused()
