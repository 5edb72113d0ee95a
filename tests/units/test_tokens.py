"""Who is logged in: for a while, with the keys that it logged in with, and only as long as the directory has it."""

from dataclasses import replace
from datetime import timedelta

import pytest

from broker.api.access import Tokens
from broker.api.problems import UNAUTHENTICATED, Problem
from broker.directory import Desk, DeskRegistered, Directory, sealing_key, signing_key
from broker.sealing.entropy import system_entropy
from broker.sealing.hpke import PUBLIC_BYTES
from broker.sealing.signatures import Algorithm
from schemas.strict import b64u_decode, b64u_encode
from tests.contracts.clock import MovedClock
from tests.personas import POLICE, PROBATION, DeskPersona

LIFE_S = 300
NOW = MovedClock().now()


def registered(desk: DeskPersona, kid: str | None = None) -> Desk:
    """A desk of the directory, with keys of its own."""
    public = b64u_decode("11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo")  # RFC 8037, appendix A.2
    return Desk(
        DeskRegistered.of(
            n=2,
            at=NOW,
            desk=desk.name,
            agency=desk.agency,
            desk_type=desk.desk_type,
            patch=desk.patch,
            signed=True,
            mailbox=b64u_encode(system_entropy(16)),
            signing=signing_key(kid or b64u_encode(system_entropy(16)), Algorithm.ED25519, public),
            sealing=sealing_key(b64u_encode(system_entropy(16)), system_entropy(PUBLIC_BYTES)),
        )
    )


HERE = registered(POLICE)
DIRECTORY = Directory(size=4, desks={POLICE.name: HERE, PROBATION.name: registered(PROBATION)})


def nobody(tokens: Tokens, token: str, *, directory: Directory = DIRECTORY, seconds: float = 0) -> None:
    with pytest.raises(Problem) as refused:
        tokens.desk(token, directory, NOW + timedelta(seconds=seconds))
    assert refused.value.kind is UNAUTHENTICATED


@pytest.mark.parametrize("seconds", [0, 1, LIFE_S - 1])
def test_a_token_is_good_for_as_long_as_it_was_said(seconds: float) -> None:
    tokens = Tokens(LIFE_S, system_entropy)
    token = tokens.issue(HERE, NOW)

    assert tokens.desk(token, DIRECTORY, NOW + timedelta(seconds=seconds)) is HERE


@pytest.mark.parametrize("seconds", [LIFE_S, LIFE_S + 1, 10**6])
def test_and_no_longer(seconds: float) -> None:
    tokens = Tokens(LIFE_S, system_entropy)

    nobody(tokens, tokens.issue(HERE, NOW), seconds=seconds)


def test_a_token_has_32_bytes_of_chance_and_no_two_are_alike() -> None:
    tokens = Tokens(LIFE_S, system_entropy)

    issued = [tokens.issue(HERE, NOW) for _ in range(100)]

    assert {len(b64u_decode(token)) for token in issued} == {32}
    assert len(set(issued)) == 100


def test_what_is_almost_a_token_is_none() -> None:
    tokens = Tokens(LIFE_S, system_entropy)
    token = tokens.issue(HERE, NOW)

    for almost in ("", token[:-1], token + "A", token.swapcase(), " " + token, "é", "\ud800", "A" * 100_000):
        nobody(tokens, almost)


def test_a_token_of_a_desk_that_is_revoked_is_none() -> None:
    tokens = Tokens(LIFE_S, system_entropy)
    token = tokens.issue(HERE, NOW)

    nobody(tokens, token, directory=Directory(size=5, desks={}, revoked={POLICE.name: (HERE, 4)}))


def test_a_token_of_a_desk_with_other_keys_since_is_none() -> None:
    tokens = Tokens(LIFE_S, system_entropy)
    token = tokens.issue(HERE, NOW)

    nobody(tokens, token, directory=replace(DIRECTORY, desks={POLICE.name: registered(POLICE)}))


def test_the_directory_says_what_a_desk_is_now_and_the_token_only_who() -> None:
    tokens, since = Tokens(LIFE_S, system_entropy), registered(POLICE, HERE.verify_key.kid)
    token = tokens.issue(HERE, NOW)

    assert tokens.desk(token, replace(DIRECTORY, desks={POLICE.name: since}), NOW) is since


def test_tokens_that_are_over_are_forgotten_and_others_are_not() -> None:
    tokens = Tokens(LIFE_S, system_entropy)
    first = tokens.issue(HERE, NOW)
    later = NOW + timedelta(seconds=LIFE_S - 1)
    second = tokens.issue(DIRECTORY.desks[PROBATION.name], later)

    tokens.issue(HERE, NOW + timedelta(seconds=LIFE_S))

    assert tokens.desk(second, DIRECTORY, NOW + timedelta(seconds=LIFE_S)).id == PROBATION.name
    nobody(tokens, first)  # not even if the clock went back


def test_a_restart_logs_everybody_out() -> None:
    token = Tokens(LIFE_S, system_entropy).issue(HERE, NOW)

    nobody(Tokens(LIFE_S, system_entropy), token)
