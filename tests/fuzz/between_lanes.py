"""What the lanes of one hub say to one another."""

from collections.abc import Callable, Mapping

from broker.lifecycle.between import Answered, Astray, Claimed, Forwarded, Linked, Reused, Word, hear, say
from broker.sealing.entropy import system_entropy
from broker.sealing.rejection import Rejected
from broker.state.vault import Vault
from broker.topics import INPUT
from schemas import PersonId
from tests.faults.memory_county import origin
from tests.fuzz.material import Material
from tests.fuzz.target import Target

_HERE, _ELSEWHERE = (INPUT, 0), (INPUT, 1)
_HEAD_BYTES = 4
_LENGTHS = [size.to_bytes(_HEAD_BYTES, "big") for size in (0, 1, 2**31, 2**32 - 1)]


def targets(given: Material) -> Mapping[str, Target]:
    """By name."""
    vault = Vault(origin().keys, system_entropy)
    one, other = PersonId("1" * 64), PersonId("e" * 64)
    words: list[Word] = [
        Claimed.of(other=other, person=one, lane=1),
        *(Answered.of(granted=granted) for granted in (True, False)),
        *(Forwarded.of(), Reused.of(), Astray.of()),
        Linked.of(other=other, person=one, lane=1),
    ]
    about = given.said[0]
    said = [_joined(word.to_bytes(), about) for word in words]
    sealed = [say(word, about, place, vault) for word in words for place in (_HERE, _ELSEWHERE)]
    return {
        "word": Target(_word(vault, frozenset(sealed)), (Rejected,), sealed),
        "word_said": Target(_word_said(vault), (Rejected,), said, _LENGTHS),
    }


def _joined(head: bytes, about: bytes) -> bytes:
    return len(head).to_bytes(_HEAD_BYTES, "big") + head + about


def _word(vault: Vault, sealed: frozenset[bytes]) -> Callable[[bytes], None]:
    """Nothing is taken but what was said, to the byte."""

    def decode(data: bytes) -> None:
        hear(data, _HERE, vault)
        assert data in sealed, "taken, and nobody said it"

    return decode


def _word_said(vault: Vault) -> Callable[[bytes], None]:
    """Another lane says whatever it is given. What is taken is what is said again."""

    def decode(data: bytes) -> None:
        word, about = hear(b"lane " + vault.seal_for(_HERE, data), _HERE, vault)
        assert hear(say(word, about, _HERE, vault), _HERE, vault) == (word, about)

    return decode
