"""What lanes say to one another is taken as it was said, to the byte, and where it was said."""

import pytest

from broker.lifecycle.between import Forwarded, hear, is_word, say
from broker.sealing.entropy import system_entropy
from broker.sealing.rejection import Rejected
from broker.state.vault import Vault
from broker.topics import DOORS, INPUT
from tests.faults.memory_county import origin

HERE = INPUT, 0


@pytest.fixture(scope="module")
def vault() -> Vault:
    return Vault(origin().keys, system_entropy)


def test_a_word_is_heard_as_it_was_said(vault: Vault) -> None:
    said = say(Forwarded.of(), b"Dana moves", HERE, vault)

    assert is_word(said)
    assert hear(said, HERE, vault) == (Forwarded.of(), b"Dana moves")


def test_no_byte_of_it_may_be_another(vault: Vault) -> None:
    said = say(Forwarded.of(), b"Dana moves", HERE, vault)

    for at in range(len(said)):
        altered = bytearray(said)
        altered[at] ^= 1
        with pytest.raises(Rejected):
            hear(bytes(altered), HERE, vault)


@pytest.mark.parametrize("there", [(INPUT, 1), (DOORS, 0)])
def test_what_was_said_to_another_is_not_heard(vault: Vault, there: tuple[str, int]) -> None:
    with pytest.raises(Rejected):
        hear(say(Forwarded.of(), b"Dana moves", there, vault), HERE, vault)
