"""A desk's card: whoever made it has the key that it names, and people can compare what it says."""

from pathlib import Path

import pytest

from broker.client.card import card_of, read_card, write_card
from broker.client.keys import load_desk_keys
from broker.errors import CardRefused
from broker.sealing.entropy import system_entropy
from schemas import DeskId
from schemas.strict import json_decode, json_encode

NAME = DeskId("elm-ward-housing")


@pytest.fixture
def card_file(tmp_path: Path) -> Path:
    keys = load_desk_keys(tmp_path / "keys.json", system_entropy)
    path = tmp_path / "card.json"
    path.write_bytes(write_card(card_of(NAME, keys), keys))
    return path


def test_a_card_says_the_name_and_the_public_keys_and_no_others(card_file: Path, tmp_path: Path) -> None:
    keys = load_desk_keys(tmp_path / "keys.json", system_entropy)

    card = read_card(card_file)

    assert (card.desk, card.signing, card.sealing) == (NAME, keys.public_signing, keys.public_sealing)
    secrets = json_decode((tmp_path / "keys.json").read_bytes())
    assert not [name for name in ("signing", "sealing", "blinding") if secrets[name].encode() in card_file.read_bytes()]


def test_every_character_of_a_card_counts(card_file: Path) -> None:
    data = card_file.read_bytes()
    believed = []
    for place in range(0, len(data) - 1, 7):  # a sample, since each look costs a signature
        card_file.write_bytes(data[:place] + bytes([data[place] ^ 1]) + data[place + 1 :])
        try:
            believed.append((place, read_card(card_file)))
        except CardRefused:
            continue

    assert believed == []


def test_a_card_that_another_key_signed_is_refused(card_file: Path, tmp_path: Path) -> None:
    (tmp_path / "other").mkdir()
    other = load_desk_keys(tmp_path / "other" / "keys.json", system_entropy)
    theirs = json_decode(write_card(card_of(NAME, other), other))
    ours = json_decode(card_file.read_bytes())
    card_file.write_bytes(json_encode({"card": ours["card"], "sig": theirs["sig"]}))

    with pytest.raises(CardRefused):
        read_card(card_file)


def test_two_desks_have_two_fingerprints(card_file: Path, tmp_path: Path) -> None:
    (tmp_path / "other").mkdir()
    other = load_desk_keys(tmp_path / "other" / "keys.json", system_entropy)
    card = read_card(card_file)

    assert card.fingerprint != card_of(NAME, other).fingerprint
    assert card.fingerprint != card.model_copy(update={"desk": "oak-ward-housing"}).fingerprint
    assert len(card.fingerprint.replace(" ", "")) == 32


@pytest.mark.parametrize("data", [b"", b"{}", b"[]", b"not JSON", b'{"card":"","sig":{}}', b"x" * 20_000])
def test_what_is_no_card_is_refused(tmp_path: Path, data: bytes) -> None:
    (tmp_path / "card.json").write_bytes(data)

    with pytest.raises(CardRefused):
        read_card(tmp_path / "card.json")


def test_a_card_that_is_not_there_is_refused(tmp_path: Path) -> None:
    with pytest.raises(CardRefused):
        read_card(tmp_path / "card.json")
