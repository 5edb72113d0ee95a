"""The vault: a row of state opens in its place alone, and its name says nothing of whom it is about."""

from pathlib import Path
from random import Random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from broker.errors import StateUnreadable
from broker.ports import RowKey, SealedRow, Table
from broker.sealing.keyring import HubKeys, load_hub_keys
from broker.sealing.keystore_file import FileKeyStore
from broker.state.vault import Person, Vault
from schemas import DeskId, PersonId, PersonKey, PersonScheme

POLICE, HOUSING = DeskId("elm-ward-police"), DeskId("elm-ward-housing")
DANA = Person(PersonId("0a" * 32), bytes([1]) * 32)
OTHER = Person(PersonId("0b" * 32), bytes([2]) * 32)
ROW = b'{"team":["elm-ward-police"]}'


def hub_keys(folder: Path, seed: int = 0) -> HubKeys:
    draw = Random(seed).randbytes
    return load_hub_keys(folder / "hub.json", FileKeyStore(folder / "keys", draw, demo=True), "hub", draw)


@pytest.fixture(scope="module")
def keys(tmp_path_factory: pytest.TempPathFactory) -> HubKeys:
    return hub_keys(tmp_path_factory.mktemp("hub"))


@pytest.fixture(scope="module")
def vault(keys: HubKeys) -> Vault:
    return Vault(keys, Random(1).randbytes)


def ref(identifier: str, scheme: PersonScheme = PersonScheme.VISOR) -> PersonKey:
    return PersonKey.of(scheme=scheme, identifier=identifier)


# --- rows ---


@pytest.mark.parametrize("value", [b"", b"\x00", ROW, bytes(100_000)], ids=len)
def test_a_row_opens_to_what_was_put_there(vault: Vault, value: bytes) -> None:
    key = vault.person_row_key(DANA, Table.CASES)

    assert vault.open(Table.CASES, key, vault.seal(Table.CASES, key, value)) == value


def test_a_row_written_twice_cannot_be_told_to_be_unchanged(vault: Vault) -> None:
    key = vault.person_row_key(DANA, Table.CASES)

    assert vault.seal(Table.CASES, key, ROW) != vault.seal(Table.CASES, key, ROW)


def test_a_row_moved_to_another_table_does_not_open(vault: Vault) -> None:
    key = vault.person_row_key(DANA, Table.CASES)
    row = vault.seal(Table.CASES, key, ROW)

    for table in set(Table) - {Table.CASES}:
        with pytest.raises(StateUnreadable):
            vault.open(table, key, row)


def test_a_row_moved_to_another_key_does_not_open(vault: Vault) -> None:
    key = vault.person_row_key(DANA, Table.CASES)
    row = vault.seal(Table.CASES, key, ROW)

    for other in (vault.person_row_key(OTHER, Table.CASES), RowKey(key[:-1]), RowKey(key + b"\x00"), RowKey(b"")):
        with pytest.raises(StateUnreadable):
            vault.open(Table.CASES, other, row)


def test_table_and_key_do_not_run_into_each_other(vault: Vault) -> None:
    row = vault.seal(Table.SEEN, RowKey(b"x"), ROW)

    with pytest.raises(StateUnreadable):
        vault.open(Table.SEQ, RowKey(b"x"), row)
    for table, key in ((Table.SEEN, b"\x00x"), (Table.SEEN, b""), (Table.SEEN, b"n\x00x")):
        with pytest.raises(StateUnreadable):
            vault.open(table, RowKey(key), row)


def test_every_changed_byte_of_a_row_is_refused(vault: Vault) -> None:
    key = vault.person_row_key(DANA, Table.CASES)
    row = vault.seal(Table.CASES, key, ROW)

    for place in range(len(row)):
        with pytest.raises(StateUnreadable):
            vault.open(Table.CASES, key, SealedRow(row[:place] + bytes([row[place] ^ 1]) + row[place + 1 :]))
        with pytest.raises(StateUnreadable):
            vault.open(Table.CASES, key, SealedRow(row[:place]))


def test_another_hub_s_rows_do_not_open(vault: Vault, tmp_path: Path) -> None:
    other = Vault(hub_keys(tmp_path, seed=9), Random(1).randbytes)
    key = vault.person_row_key(DANA, Table.CASES)

    with pytest.raises(StateUnreadable) as refused:
        other.open(Table.CASES, key, vault.seal(Table.CASES, key, ROW))
    assert "elm-ward" not in str(refused.value)


# --- names ---

PARTS = st.lists(st.text(max_size=4), max_size=4).map(tuple)


@given(PARTS, PARTS)
def test_two_different_lists_of_parts_are_two_rows(vault: Vault, one: tuple[str, ...], other: tuple[str, ...]) -> None:
    same = one == other

    assert (vault.row_key(Table.SEEN, *one) == vault.row_key(Table.SEEN, *other)) is same
    assert (vault.person_row_key(DANA, Table.TOLD, *one) == vault.person_row_key(DANA, Table.TOLD, *other)) is same


@pytest.mark.parametrize(
    ("one", "other"),
    [
        (("a", "bc"), ("ab", "c")),
        (("abc",), ("ab", "c")),
        (("a", ""), ("a",)),
        (("", "a"), ("a", "")),
        ((), ("",)),
        (("a", "b"), ("b", "a")),
        (("a\x00b",), ("a", "b")),
        (("a\x00\x00\x00\x01b",), ("a", "b")),
        (("é",), ("e\u0301",)),
    ],
)
def test_parts_do_not_run_into_each_other(vault: Vault, one: tuple[str, ...], other: tuple[str, ...]) -> None:
    assert vault.row_key(Table.SEEN, *one) != vault.row_key(Table.SEEN, *other)
    assert vault.person_row_key(DANA, Table.TOLD, *one) != vault.person_row_key(DANA, Table.TOLD, *other)


def test_every_table_person_and_part_has_rows_of_its_own(vault: Vault) -> None:
    keys = [vault.person_row_key(person, table, part) for person in (DANA, OTHER) for table in Table for part in "ab"]
    keys += [vault.row_key(table, part) for table in Table for part in "ab"]

    assert len(set(keys)) == len(keys)
    assert {len(key) for key in keys} == {32}


def test_a_row_has_one_name(vault: Vault, keys: HubKeys) -> None:
    again = Vault(keys, Random(7).randbytes)

    assert vault.row_key(Table.SEEN, "a") == again.row_key(Table.SEEN, "a")
    assert vault.person_row_key(DANA, Table.TOLD, "a") == again.person_row_key(DANA, Table.TOLD, "a")


def test_without_the_person_s_own_key_nothing_leads_to_their_rows(vault: Vault) -> None:
    forgotten = Person(DANA.id, bytes([3]) * 32)  # all that is known of Dana, but for the key that was destroyed

    for table in Table:
        assert vault.person_row_key(forgotten, table) != vault.person_row_key(DANA, table)
    assert forgotten.reference("salt") != DANA.reference("salt")


def test_two_ledger_lines_about_one_person_cannot_be_told_to_be_so() -> None:
    salts = ["A" * 22, "B" * 22]

    assert len({person.reference(salt) for person in (DANA, OTHER) for salt in salts}) == 4
    assert DANA.reference("A" * 22) == DANA.reference("A" * 22)
    assert len(DANA.reference("A" * 22)) == 43


# --- persons ---


def test_one_identifier_names_one_person_and_another_scheme_another(vault: Vault) -> None:
    same = {vault.person_id(ref("V-0000-1")) for _ in range(2)}
    others = {vault.person_id(key) for key in (ref("V-0000-2"), ref("V-0000-1", PersonScheme.CRN), ref("V-0000-10"))}

    assert len(same) == 1
    assert len(others) == 3
    assert same.isdisjoint(others)


def test_an_identifier_cannot_be_guessed_without_the_hub_s_key(vault: Vault, tmp_path: Path) -> None:
    other = Vault(hub_keys(tmp_path, seed=9), Random(1).randbytes)

    assert other.person_id(ref("V-0000-1")) != vault.person_id(ref("V-0000-1"))
    assert "0000" not in vault.person_id(ref("V-0000-1"))


def test_each_desk_knows_a_person_by_a_name_of_its_own(vault: Vault, keys: HubKeys) -> None:
    again = Vault(keys, Random(7).randbytes)

    names = {vault.person_ref(person, desk)[0] for person in (DANA.id, OTHER.id) for desk in (POLICE, HOUSING)}
    assert len(names) == 4
    assert {len(name) for name in names} == {22}
    assert vault.person_ref(DANA.id, POLICE)[0] == again.person_ref(DANA.id, POLICE)[0]


def test_a_desk_s_name_for_a_person_leads_nowhere_from_another_desk(vault: Vault) -> None:
    name = vault.person_ref(DANA.id, POLICE)[0]

    assert vault.ref_row_key(name, POLICE) != vault.ref_row_key(name, HOUSING)
    assert vault.ref_row_key(name, POLICE) == vault.ref_row_key(name, POLICE)


def test_no_name_of_one_use_is_one_of_another(vault: Vault) -> None:
    name = "DANA"

    made = [
        bytes.fromhex(vault.person_id(ref(name, PersonScheme.CRN))),
        vault.key_row_key(PersonId(name)),
        vault.ref_row_key(name, POLICE),
        vault.row_key(Table.PERSONS, name),
        vault.row_key(Table.REFS, POLICE, name),
    ]
    assert len(set(made)) == len(made)
