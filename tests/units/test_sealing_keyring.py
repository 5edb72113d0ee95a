"""The hub's key ring: made once, the same ever after, and worth nothing without the key store that wrapped it."""

from pathlib import Path
from random import Random
from typing import Any

import pytest

from broker.errors import KeyUnavailable
from broker.ledger.checkpoint import Checkpoint, open_note, sign_note
from broker.ledger.merkle import EMPTY_ROOT
from broker.sealing.keyring import HubKeys, load_hub_keys
from broker.sealing.keystore_file import FileKeyStore
from broker.sealing.packages import Outcome, Receipt, read_receipt, sign_said
from broker.sealing.signatures import Algorithm, Typ, VerifyKey
from schemas import AgencyId
from schemas.strict import b64u_encode, json_decode, json_encode

HUB = AgencyId("tellwise-hub")


def store(folder: Path, seed: int = 1) -> FileKeyStore:
    return FileKeyStore(folder, Random(seed).randbytes, demo=True)


def loaded(folder: Path, seed: int = 2) -> HubKeys:
    return load_hub_keys(folder / "hub.json", store(folder / "keys"), HUB, Random(seed).randbytes)


def test_the_keys_are_the_same_after_a_restart(tmp_path: Path) -> None:
    first, again = loaded(tmp_path), loaded(tmp_path, seed=3)

    for name in ("state", "rows", "persons", "release_kid", "ledger", "directory_key"):
        assert getattr(again, name) == getattr(first, name)
    assert again.release.public_bytes == first.release.public_bytes
    assert (again.voice.kid, again.directory.kid) == (first.voice.kid, first.directory.kid)


def test_no_key_has_two_uses(tmp_path: Path) -> None:
    keys = loaded(tmp_path)

    assert len({keys.state, keys.rows, keys.persons}) == 3
    assert {len(key) for key in (keys.state, keys.rows, keys.persons)} == {32}
    publics = [keys.store.public(name) for name in ("ledger", "voice", "directory")]
    assert len(set(publics)) == 3
    assert len({keys.release_kid, keys.voice.kid, keys.directory.kid}) == 3


def test_no_key_lies_in_the_file_in_clear(tmp_path: Path) -> None:
    keys = loaded(tmp_path)

    data = (tmp_path / "hub.json").read_bytes()
    for key in (keys.state, keys.rows, keys.persons):
        assert key not in data
        assert b64u_encode(key).encode() not in data
    assert (tmp_path / "hub.json").stat().st_mode & 0o777 == 0o600


def test_each_signer_signs_what_its_public_key_verifies(tmp_path: Path) -> None:
    keys = loaded(tmp_path)
    voice = VerifyKey.load(keys.voice.kid, Algorithm.ED25519, keys.store.public("voice"))
    said = Receipt.of(v=1, hub=HUB, to="elm-ward-police", id=b64u_encode(bytes(16)), outcome=Outcome.ACCEPTED)

    note = sign_note(Checkpoint("tellwise-hub/lane-0", 0, EMPTY_ROOT), keys.ledger, keys.sign_ledger)

    assert open_note(note, keys.ledger, "tellwise-hub/lane-0").size == 0
    assert read_receipt(sign_said(said, Typ.RECEIPT, keys.voice), voice) == said
    assert keys.directory_key.kid == keys.directory.kid


def test_another_key_store_opens_nothing_of_it(tmp_path: Path) -> None:
    loaded(tmp_path)
    other = store(tmp_path / "other-keys", seed=9)

    with pytest.raises(KeyUnavailable):
        load_hub_keys(tmp_path / "hub.json", other, HUB, Random(2).randbytes)


def test_when_the_master_is_destroyed_the_keys_are_gone(tmp_path: Path) -> None:
    keys = loaded(tmp_path)

    keys.store.destroy(json_decode((tmp_path / "hub.json").read_bytes())["master"])

    with pytest.raises(KeyUnavailable):
        loaded(tmp_path)


@pytest.mark.parametrize("names", [("state", "rows"), ("persons", "release"), ("rows", "persons")])
def test_a_wrapped_key_does_not_stand_in_for_another(tmp_path: Path, names: tuple[str, str]) -> None:
    loaded(tmp_path)
    file: Any = json_decode((tmp_path / "hub.json").read_bytes())
    one, other = names
    file["wrapped"][one], file["wrapped"][other] = file["wrapped"][other], file["wrapped"][one]
    (tmp_path / "hub.json").write_bytes(json_encode(file))

    with pytest.raises(KeyUnavailable):
        loaded(tmp_path)


@pytest.mark.parametrize("missing", ["master", "wrapped", "release_kid", "voice_kid", "directory_kid"])
def test_a_key_ring_without_one_of_its_members_is_refused(tmp_path: Path, missing: str) -> None:
    loaded(tmp_path)
    file: Any = json_decode((tmp_path / "hub.json").read_bytes())
    del file[missing]
    (tmp_path / "hub.json").write_bytes(json_encode(file))

    with pytest.raises(KeyUnavailable):
        loaded(tmp_path)


@pytest.mark.parametrize(
    "data", [b"", b"{}", b"[]", b"null", b"7", b"\xff", b'{"master":1,"wrapped":[]}', b'{"master":"a","master":"b"}']
)
def test_what_is_no_key_ring_is_refused_and_left_as_it_is(tmp_path: Path, data: bytes) -> None:
    (tmp_path / "hub.json").write_bytes(data)

    with pytest.raises(KeyUnavailable):
        loaded(tmp_path)
    assert (tmp_path / "hub.json").read_bytes() == data
