"""A desk is shown what is signed, and its own lines; whatever else it asks for, it is told the same."""

from itertools import pairwise
from pathlib import Path
from typing import Any, get_args

from broker.errors import NotThere
from broker.ledger import entries
from broker.ledger.checkpoint import open_note
from broker.ledger.merkle import leaf_hash, root_of, verify_consistency
from broker.ledger.proofs import check_proof
from broker.ledger.window import SIZES_MAX, LedgerWindow
from schemas import DeskId
from tests.books import (
    ACTOR,
    DESKS,
    DIRECTORY,
    KEY,
    KINDS,
    LANE,
    ONE_OF_EACH,
    TOLD,
    books,
    entry_of,
    fillers,
    refused,
    window,
)
from tests.contracts.engine import story

OWNERS: dict[type[entries.Entry], DeskId | None] = {
    entries.Filler: None,
    entries.Collection: ACTOR,
    entries.Alteration: ACTOR,
    entries.Acknowledgement: ACTOR,
    entries.Return: ACTOR,
    entries.Repeat: ACTOR,
    entries.Refusal: ACTOR,
    entries.Decision: None,
    entries.Disclosure: TOLD,
    entries.EpochBegun: TOLD,
}


# --- whose an entry is ------------------------------------------------------------------------------------------------


def test_every_kind_of_entry_has_an_owner_or_is_nobodys() -> None:
    assert set(OWNERS) == set(get_args(entries.Entry))


@story
async def test_an_entry_is_shown_with_its_proof_to_its_own_desk_and_to_no_other(tmp_path: Path) -> None:
    async with books(tmp_path) as ledger:
        await ledger.append(LANE, ONE_OF_EACH)
        pane = window(ledger.path)

        shown = {(kind, desk) for kind in KINDS for desk in DESKS if is_shown(pane, KINDS.index(kind), desk)}

    assert shown == {(kind, owner) for kind, owner in OWNERS.items() if owner is not None}


def is_shown(pane: LedgerWindow, index: int, desk: DeskId) -> bool:
    """Whether a desk is given an entry, and then with a proof that holds."""
    try:
        entry, proof = pane.own_entry(LANE, index, desk)
    except NotThere:
        return False
    checkpoint, place = check_proof(proof, entry, KEY, LANE)
    assert (entry, place, checkpoint.size) == (ONE_OF_EACH[index], index, len(ONE_OF_EACH))
    return True


@story
async def test_a_refusal_of_something_that_nobody_signed_is_nobodys(tmp_path: Path) -> None:
    async with books(tmp_path) as ledger:
        await ledger.append(LANE, [entry_of(entries.Refusal, actor=None)])
        pane = window(ledger.path)

        told = {refused(pane.own_entry, LANE, 0, desk) for desk in (*DESKS, None, "None", "")}

    assert len(told) == 1


@story
async def test_a_kind_of_entry_that_is_not_known_here_is_nobodys(tmp_path: Path) -> None:
    later = entry_of(entries.Collection).replace(b'"op":"collection"', b'"op":"combination"')
    async with books(tmp_path) as ledger:
        await ledger.append(LANE, [later])
        pane = window(ledger.path)

        refused(pane.own_entry, LANE, 0, ACTOR)


@story
async def test_the_directory_is_everybodys(tmp_path: Path) -> None:
    events = [b'{"directory":"...","sig":"..."}', b'{"directory":"","sig":""}']
    async with books(tmp_path) as ledger:
        await ledger.append(DIRECTORY, events)
        pane = window(ledger.path)

        for index, event in enumerate(events):
            for desk in DESKS:
                entry, proof = pane.own_entry(DIRECTORY, index, desk)

                assert entry == event
                assert check_proof(proof, entry, KEY, DIRECTORY)[1] == index


@story
async def test_all_that_is_not_shown_is_refused_in_one_way(tmp_path: Path) -> None:
    """A filler, another desk's line, a line to come, a ledger that is not there, sizes that cannot be."""
    async with books(tmp_path) as ledger:
        await ledger.append(LANE, [*ONE_OF_EACH, *fillers(SIZES_MAX)])
        await ledger.append(LANE, [entry_of(entries.Collection)], sign=False)
        pane = window(ledger.path)
        size = len(ONE_OF_EACH) + SIZES_MAX
        asked: list[tuple[Any, ...]] = [
            (pane.own_entry, LANE, KINDS.index(entries.Filler), ACTOR),
            (pane.own_entry, LANE, KINDS.index(entries.Disclosure), ACTOR),
            (pane.own_entry, LANE, size, ACTOR),  # theirs, and not signed yet
            (pane.own_entry, LANE, size + 1, ACTOR),
            (pane.own_entry, LANE, -1, ACTOR),
            (pane.own_entry, LANE, 2**63, ACTOR),
            (pane.own_entry, DIRECTORY, 0, ACTOR),  # nothing of it is signed
            (pane.own_entry, "hub.invented.example/lane-1", 0, ACTOR),
            (pane.own_entry, "", 0, ACTOR),
            (pane.any_entry, LANE, size),
            (pane.checkpoint, DIRECTORY),
            (pane.checkpoint, "another.example/lane-0"),
            (pane.warm, "another.example/lane-0"),
            (pane.consistency, "another.example/lane-0", [1, 2]),
            *(
                (pane.consistency, LANE, sizes)
                for sizes in (
                    [],
                    [3],
                    [0, 3],
                    [-1, 3],
                    [3, 3],
                    [4, 3],
                    [1, 3, 2],
                    [1, 3, 2, 5],
                    [1, 3, 3, 5],
                    [1, size + 1],
                    [size, size + 1],
                    [1, 2**63],
                    [*range(1, SIZES_MAX + 2)],
                )
            ),
        ]

        told = {refused(*one) for one in asked}

    assert len(told) == 1


# --- what is signed ---------------------------------------------------------------------------------------------------


@story
async def test_the_newest_checkpoint_is_shown_and_nothing_beyond_it(tmp_path: Path) -> None:
    async with books(tmp_path) as ledger:
        pane = window(ledger.path)
        refused(pane.checkpoint, LANE)
        await ledger.append(LANE, ONE_OF_EACH)
        first = open_note(pane.checkpoint(LANE), KEY, LANE)
        await ledger.append(LANE, ONE_OF_EACH, sign=False)
        second = open_note(pane.checkpoint(LANE), KEY, LANE)
        await ledger.append(LANE, fillers(300))
        third = open_note(pane.checkpoint(LANE), KEY, LANE)

    assert first == second
    assert (first.size, third.size) == (len(ONE_OF_EACH), 2 * len(ONE_OF_EACH) + 300)
    assert third.root == root_of(leaf_hash(line) for line in [*ONE_OF_EACH, *ONE_OF_EACH, *fillers(300)])


@story
async def test_every_step_of_a_ledgers_growth_is_proved(tmp_path: Path) -> None:
    lines = fillers(1_100)
    sizes = [1, 2, 255, 256, 257, 600, 1_024, 1_099, 1_100]
    async with books(tmp_path) as ledger:
        await ledger.append(LANE, lines)

        proofs = window(ledger.path).consistency(LANE, sizes)

    roots = {size: root_of(map(leaf_hash, lines[:size])) for size in sizes}
    assert len(proofs) == len(sizes) - 1
    for (old, new), proof in zip(pairwise(sizes), proofs, strict=True):
        verify_consistency(old, roots[old], new, roots[new], proof)


@story
async def test_as_many_sizes_may_be_asked_for_as_are_allowed(tmp_path: Path) -> None:
    async with books(tmp_path) as ledger:
        await ledger.append(LANE, fillers(SIZES_MAX))

        assert len(window(ledger.path).consistency(LANE, range(1, SIZES_MAX + 1))) == SIZES_MAX - 1


@story
async def test_a_window_is_warmed_in_steps_and_answers_the_same(tmp_path: Path) -> None:
    lines = [*fillers(9_000), *ONE_OF_EACH]
    async with books(tmp_path) as ledger:
        await ledger.append(LANE, lines)
        pane = window(ledger.path)
        steps = [pane.warm(LANE)]
        while not steps[-1]:
            steps.append(pane.warm(LANE))

        asked = 9_000 + KINDS.index(entries.Disclosure)
        assert steps == [False, True]
        assert pane.own_entry(LANE, asked, TOLD) == window(ledger.path).own_entry(LANE, asked, TOLD)
