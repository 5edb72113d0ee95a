"""A desk that is revoked is nobody from then on, and was somebody before."""

from datetime import UTC, datetime

import pytest

from broker.directory import DeskRevoked, Directory, HubFounded, sealing_key, signing_key
from broker.errors import UnknownDesk
from broker.ledger.checkpoint import VerifierKey
from broker.sealing.hpke import PrivateKey
from broker.sealing.rejection import Reason, Rejected
from broker.sealing.signatures import Algorithm
from schemas import AreaCode, DeskId
from schemas.strict import b64u_decode
from tests.units.test_sealing_worked_example import desk_keys, kid, registered

AT = datetime(2026, 3, 2, 9, 30, tzinfo=UTC)
ELM, OAK = DeskId("elm-ward"), DeskId("oak-ward")


@pytest.fixture
def directory() -> Directory:
    """A hub and two desks."""
    keys = desk_keys(90)
    founded = HubFounded.of(
        n=0,
        at=AT,
        hub="hub.example",
        lanes=("hub.example/lane-0",),
        ledger=VerifierKey.of("hub.example", _public(92)).text(),
        voice=signing_key(kid(90), Algorithm.ED25519, _public(90)),
        release=sealing_key(kid(91), PrivateKey(bytes([91]) * 32).public_bytes),
    )
    assert keys.signer.kid == kid(90)
    found = Directory().after(founded)
    found = found.after(registered(ELM, desk_keys(10), 40, n=1))
    return found.after(registered(OAK, desk_keys(20), 41, n=2))


def _public(number: int) -> bytes:
    return b64u_decode(desk_keys(number).public_signing.pub)


def revoked(directory: Directory, desk: DeskId = ELM) -> Directory:
    return directory.after(DeskRevoked.of(n=directory.size, at=AT, desk=desk))


def test_a_revoked_desk_is_in_no_list_that_routes(directory: Directory) -> None:
    after = revoked(directory)

    assert list(after.desks) == [OAK]
    assert ELM not in after.unpatched
    assert not any(ELM in names for names in after.by_area.values())
    with pytest.raises(UnknownDesk):
        after.desk(ELM)


def test_what_it_said_before_stays_said_and_nothing_after(directory: Directory) -> None:
    after = revoked(directory)

    assert after.signer(ELM, directory.size).id == ELM
    with pytest.raises(UnknownDesk):
        after.signer(ELM, after.size)
    assert after.signer(OAK, after.size).id == OAK


def test_its_name_and_its_keys_are_never_given_again(directory: Directory) -> None:
    after = revoked(directory)
    for keys, mailbox in ((desk_keys(10), 50), (desk_keys(30), 50), (desk_keys(30), 40)):
        with pytest.raises(Rejected) as refused:
            after.after(registered(ELM, keys, mailbox, n=after.size))
        assert refused.value.reason is Reason.STATE
    with pytest.raises(Rejected):
        after.after(registered(DeskId("ash-ward"), desk_keys(10), 50, n=after.size))


def test_nobody_is_revoked_twice_and_no_stranger_at_all(directory: Directory) -> None:
    for desk in (ELM, DeskId("ash-ward")):
        with pytest.raises(Rejected) as refused:
            revoked(revoked(directory), desk)
        assert refused.value.reason is Reason.STATE


def test_the_directory_before_is_as_it_was(directory: Directory) -> None:
    revoked(directory)

    assert set(directory.desks) == {ELM, OAK}
    assert directory.revoked == {}
    assert AreaCode("E06000008") not in directory.by_area
