"""What `KeyStore` promises, and how its file driver keeps it, on a demonstration's folder and on no other."""

import os
from abc import ABC, abstractmethod
from pathlib import Path
from random import Random

import pytest
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

from broker.errors import FolderUnusable, KeyUnavailable
from broker.ports import KeyStore
from broker.sealing.keystore_file import MARKER, SEALED, FileKeyStore, make_credential, read_credential

SECRET, CONTEXT = bytes(range(32)), b"state"


class KeyStoreContract(ABC):
    """Inherited by each driver's tests. The store is opened anew by each call of `opened`, as by another process."""

    @abstractmethod
    def opened(self) -> KeyStore:
        """The test's store; empty at first."""

    def test_a_signature_verifies_under_the_public_key(self) -> None:
        store = self.opened()

        signature = store.sign("ledger", b"a checkpoint")

        assert (len(signature), len(store.public("ledger"))) == (64, 32)
        Ed25519PublicKey.from_public_bytes(store.public("ledger")).verify(signature, b"a checkpoint")
        with pytest.raises(InvalidSignature):
            Ed25519PublicKey.from_public_bytes(store.public("ledger")).verify(signature, b"another checkpoint")

    def test_a_signing_key_is_made_at_its_first_use_and_stays(self) -> None:
        public = self.opened().public("voice")

        assert self.opened().public("voice") == public
        Ed25519PublicKey.from_public_bytes(public).verify(self.opened().sign("voice", b"receipt"), b"receipt")

    def test_every_name_has_a_signing_key_of_its_own(self) -> None:
        store = self.opened()

        assert len({store.public(kid) for kid in ("ledger", "voice", "directory")}) == 3

    def test_what_was_wrapped_opens_after_a_restart(self) -> None:
        store = self.opened()
        master = store.new_master()

        blob = store.wrap(master, SECRET, CONTEXT)

        assert store.unwrap(master, blob, CONTEXT) == SECRET
        assert self.opened().unwrap(master, blob, CONTEXT) == SECRET
        assert SECRET not in blob

    def test_a_key_wrapped_twice_cannot_be_told_to_be_one(self) -> None:
        store = self.opened()
        master = store.new_master()

        assert store.wrap(master, SECRET, CONTEXT) != store.wrap(master, SECRET, CONTEXT)

    @pytest.mark.parametrize("context", [b"", b"stat", b"state ", b"rows"])
    def test_what_was_wrapped_opens_only_with_the_same_context(self, context: bytes) -> None:
        store = self.opened()
        master = store.new_master()
        blob = store.wrap(master, SECRET, CONTEXT)

        with pytest.raises(KeyUnavailable):
            store.unwrap(master, blob, context)

    def test_masters_are_different_keys_under_different_names(self) -> None:
        store = self.opened()
        first, second = store.new_master(), store.new_master()
        blob = store.wrap(first, SECRET, CONTEXT)

        assert first != second
        with pytest.raises(KeyUnavailable):
            store.unwrap(second, blob, CONTEXT)

    def test_every_changed_byte_of_what_was_wrapped_is_refused(self) -> None:
        store = self.opened()
        master = store.new_master()
        blob = store.wrap(master, SECRET, CONTEXT)

        for place in range(len(blob)):
            with pytest.raises(KeyUnavailable):
                store.unwrap(master, blob[:place] + bytes([blob[place] ^ 0x01]) + blob[place + 1 :], CONTEXT)
            with pytest.raises(KeyUnavailable):
                store.unwrap(master, blob[:place], CONTEXT)
        with pytest.raises(KeyUnavailable):
            store.unwrap(master, blob + b"\x00", CONTEXT)

    def test_there_is_no_master_but_by_making_it(self) -> None:
        store = self.opened()
        master = store.new_master()
        blob = store.wrap(master, SECRET, CONTEXT)
        _ = store.public("ledger")

        for kid in ("never-made", "ledger"):
            with pytest.raises(KeyUnavailable):
                store.wrap(kid, SECRET, CONTEXT)
            with pytest.raises(KeyUnavailable):
                store.unwrap(kid, blob, CONTEXT)

    def test_what_a_destroyed_master_wrapped_is_noise(self) -> None:
        store = self.opened()
        master, other = store.new_master(), store.new_master()
        blobs = {kid: store.wrap(kid, SECRET, CONTEXT) for kid in (master, other)}

        store.destroy(master)

        for again in (store, self.opened()):
            with pytest.raises(KeyUnavailable):
                again.unwrap(master, blobs[master], CONTEXT)
            with pytest.raises(KeyUnavailable):
                again.wrap(master, SECRET, CONTEXT)
            assert again.unwrap(other, blobs[other], CONTEXT) == SECRET

    def test_a_destroyed_signing_key_does_not_come_back(self) -> None:
        store = self.opened()
        public = store.public("voice")

        store.destroy("voice")

        assert store.public("voice") != public
        assert self.opened().public("voice") == store.public("voice")

    def test_destroying_what_is_not_there_is_no_error(self) -> None:
        store = self.opened()
        master = store.new_master()

        store.destroy("never-made")
        store.destroy(master)
        store.destroy(master)


class TestFileKeyStore(KeyStoreContract):
    """The driver for a demonstration."""

    @pytest.fixture(autouse=True)
    def _own_folder(self, tmp_path: Path) -> None:
        self.folder = tmp_path / "hub" / "keys"
        self._opened = 0

    def opened(self) -> KeyStore:
        self._opened += 1
        return FileKeyStore(self.folder, Random(self._opened).randbytes, demo=True)

    def test_it_is_refused_when_this_is_no_demonstration(self) -> None:
        self.opened()

        with pytest.raises(FolderUnusable):
            FileKeyStore(self.folder, os.urandom, demo=False)

    def test_a_refusal_leaves_no_folder_behind(self) -> None:
        with pytest.raises(FolderUnusable):
            FileKeyStore(self.folder, os.urandom, demo=False)

        assert not self.folder.exists()

    def test_a_folder_that_holds_files_and_no_mark_is_refused_and_left_alone(self) -> None:
        self.folder.mkdir(parents=True)
        (self.folder / "master-real.key").write_bytes(SECRET)

        with pytest.raises(FolderUnusable) as refused:
            self.opened()

        assert [path.name for path in self.folder.iterdir()] == ["master-real.key"]
        assert SECRET.hex() not in str(refused.value)

    def test_an_empty_folder_is_taken_and_marked(self) -> None:
        self.folder.mkdir(parents=True)

        self.opened()

        assert "demonstration" in (self.folder / MARKER).read_text()

    def test_only_the_owner_may_read_keys(self) -> None:
        store = self.opened()
        store.new_master()
        store.sign("ledger", b"a checkpoint")

        assert self.folder.stat().st_mode & 0o777 == 0o700
        modes = {path.name: path.stat().st_mode & 0o777 for path in self.folder.iterdir()}
        assert len(modes) == 3
        assert set(modes.values()) == {0o600}

    def test_opening_it_warns_each_time(self, caplog: pytest.LogCaptureFixture) -> None:
        self.opened()
        self.opened()

        assert [record.levelname for record in caplog.records] == ["WARNING", "WARNING"]
        assert all("keys.in_files" in record.message for record in caplog.records)

    def test_no_file_of_a_destroyed_key_is_left(self) -> None:
        store = self.opened()
        master = store.new_master()
        store.sign("voice", b"receipt")

        store.destroy(master)
        store.destroy("voice")

        assert [path.name for path in self.folder.iterdir()] == [MARKER]

    @pytest.mark.parametrize(
        "kid",
        ["", ".", "..", "../state", "a/b", "/etc/passwd", "a\\b", "a.b", "a\x00b", "voice\n", "vöice", "k" * 65, " "],
    )
    def test_a_name_that_could_lead_out_of_the_folder_is_no_name(self, kid: str) -> None:
        store = self.opened()
        before = sorted(self.folder.parent.rglob("*"))

        for use in (
            lambda: store.sign(kid, b""),
            lambda: store.public(kid),
            lambda: store.wrap(kid, SECRET, CONTEXT),
            lambda: store.unwrap(kid, bytes(60), CONTEXT),
            lambda: store.destroy(kid),
        ):
            with pytest.raises(KeyUnavailable):
                use()
        assert sorted(self.folder.parent.rglob("*")) == before

    @pytest.mark.parametrize("size", [0, 16, 24, 31, 33])
    def test_a_damaged_key_file_is_refused_and_not_written_over(self, size: int) -> None:
        store = self.opened()
        master = store.new_master()
        store.sign("voice", b"receipt")
        files = [path for path in self.folder.iterdir() if path.suffix == ".key"]
        for path in files:
            path.write_bytes(path.read_bytes().ljust(size)[:size])

        again = self.opened()

        with pytest.raises(KeyUnavailable):
            again.wrap(master, SECRET, CONTEXT)
        with pytest.raises(KeyUnavailable):
            again.sign("voice", b"receipt")
        assert {len(path.read_bytes()) for path in files} == {size}


CREDENTIAL = bytes(range(100, 132))


class TestSealedFileKeyStore(KeyStoreContract):
    """The driver in earnest: each key sealed under the hub's credential."""

    @pytest.fixture(autouse=True)
    def _own_folder(self, tmp_path: Path) -> None:
        self.folder = tmp_path / "hub" / "keys"
        self._opened = 0

    def opened(self, credential: bytes = CREDENTIAL) -> KeyStore:
        self._opened += 1
        return FileKeyStore(self.folder, Random(self._opened).randbytes, demo=False, credential=credential)

    def test_no_key_can_be_read_from_the_folder(self) -> None:
        store = self.opened()
        master = store.new_master()
        store.sign("voice", b"receipt")
        blob = store.wrap(master, SECRET, CONTEXT)

        data = {path.name: path.read_bytes() for path in self.folder.iterdir()}
        assert set(map(len, data.values())) <= {60, len(data[SEALED])}
        for name in (f"master-{master}.key", "sign-voice.key"):
            for start in range(len(data[name]) - 32):
                assert data[name][start : start + 32] not in blob

    def test_another_credential_is_noticed_before_anything_is_written(self) -> None:
        self.opened()
        before = sorted(path.name for path in self.folder.iterdir())

        with pytest.raises(KeyUnavailable):
            self.opened(bytes(32))

        assert sorted(path.name for path in self.folder.iterdir()) == before

    def test_no_key_stands_in_for_another(self) -> None:
        store = self.opened()
        first, second = store.new_master(), store.new_master()
        (self.folder / f"master-{first}.key").write_bytes((self.folder / f"master-{second}.key").read_bytes())

        with pytest.raises(KeyUnavailable):
            self.opened().wrap(first, SECRET, CONTEXT)

    def test_every_byte_of_a_sealed_key_counts(self) -> None:
        master = self.opened().new_master()
        path = self.folder / f"master-{master}.key"
        data = path.read_bytes()
        for place in range(len(data)):
            path.write_bytes(data[:place] + bytes([data[place] ^ 1]) + data[place + 1 :])

            with pytest.raises(KeyUnavailable):
                self.opened().wrap(master, SECRET, CONTEXT)

    def test_keys_of_a_demonstration_and_sealed_ones_are_never_in_one_folder(self, tmp_path: Path) -> None:
        FileKeyStore(tmp_path / "demo", os.urandom, demo=True)
        self.opened()

        with pytest.raises(FolderUnusable):
            FileKeyStore(tmp_path / "demo", os.urandom, demo=False, credential=CREDENTIAL)
        with pytest.raises(FolderUnusable):
            FileKeyStore(self.folder, os.urandom, demo=True)

    def test_it_does_not_warn(self, caplog: pytest.LogCaptureFixture) -> None:
        self.opened()

        assert caplog.records == []


def test_a_credential_is_made_once_and_read_by_its_owner_alone(tmp_path: Path) -> None:
    path = tmp_path / "hub.key"
    make_credential(path, os.urandom)

    assert len(read_credential(path)) == 32
    assert path.stat().st_mode & 0o777 == 0o600
    with pytest.raises(FolderUnusable):
        make_credential(path, os.urandom)


def test_a_credential_that_others_may_read_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "hub.key"
    make_credential(path, os.urandom)
    path.chmod(0o644)

    with pytest.raises(KeyUnavailable, match="others"):
        read_credential(path)


@pytest.mark.parametrize("data", [b"", b"short", b"x" * 43, bytes(32), b"\xff" * 43])
def test_what_is_no_credential_is_refused(tmp_path: Path, data: bytes) -> None:
    path = tmp_path / "hub.key"
    path.write_bytes(data)
    path.chmod(0o600)

    with pytest.raises(KeyUnavailable):
        read_credential(path)


def test_a_credential_that_is_not_there_is_named(tmp_path: Path) -> None:
    with pytest.raises(KeyUnavailable, match="there is no credential"):
        read_credential(tmp_path / "hub.key")
