"""What the hub writes without a look at each field is what it would write with one."""

from dataclasses import replace
from datetime import UTC, datetime
from typing import Any, cast

import pytest

from broker.ledger import entries
from broker.sealing.compartments import Belonging, seal
from broker.sealing.entropy import system_entropy
from broker.sealing.head import Head as HeadOfLetter
from broker.sealing.letters import Cover, Duty, ItemKind, Letter, Letters, Obligation, item_bytes
from broker.sealing.packages import Outcome, Receipt
from broker.state.told import Told, ToldDesk
from schemas import Label, Purpose, Said, Urgency
from schemas.said import Form
from schemas.strict import b64u_encode, json_decode, json_encode

AT = datetime(2026, 3, 2, 9, 30, 5, 123_456, tzinfo=UTC)
ID, DIGEST = b64u_encode(bytes(16)), b64u_encode(bytes(32))
LINE: dict[str, Any] = {"salt": ID, "ts": AT, "dir": 7}
TAKEN: dict[str, Any] = LINE | {
    "actor": "elm-police",
    "agency": "elm",
    "id": ID,
    "kind": "rso.address_changed",
    "head": DIGEST,
    "person": DIGEST,
}
OBLIGATION = Obligation.of(duty=Duty.RETAIN, value="case")
VALUES: list[tuple[type[Said], dict[str, Any]]] = [
    (entries.Filler, LINE),
    (entries.Filler, LINE | {"ts": AT.replace(microsecond=0)}),
    (entries.Collection, TAKEN),
    (entries.Alteration, TAKEN),
    (entries.Acknowledgement, TAKEN | {"letter": ID, "part": 1}),
    (entries.Return, TAKEN | {"letter": ID, "part": 2}),
    (entries.Repeat, LINE | {"actor": "elm-police", "id": ID}),
    (entries.Refusal, LINE | {"raw": DIGEST, "detail": DIGEST, "actor": None, "id": None}),
    (entries.Refusal, LINE | {"raw": DIGEST, "detail": DIGEST, "actor": "elm-police", "id": ID}),
    (
        entries.Decision,
        LINE
        | {"id": ID, "iss": "elm-police", "kind": "rso.address_changed", "policy": "sha256:" + "a" * 64}
        | {"person": DIGEST, "detail": DIGEST},
    ),
    (
        entries.Disclosure,
        LINE
        | {"to": "elm-housing", "n": 3, "id": ID, "part": 1, "iss": "elm-police", "kind": "rso.address_changed"}
        | {
            "cmp": {Label.STATUS: DIGEST, Label.CONTACT: DIGEST},
            "cover": DIGEST,
            "kid": ID,
            "purpose": Purpose.SAFEGUARDING,
        }
        | {"policy": "sha256:" + "a" * 64, "decision": DIGEST, "person": DIGEST},
    ),
    (entries.EpochBegun, LINE | {"to": "elm-housing", "kid": ID, "epoch": 0, "nbf": 1, "package": DIGEST}),
    (
        Cover,
        {"letter": ID, "desk": "elm-housing", "part": 1, "lane": "hub/lane-0", "n": 1, "person": ID}
        | {"urgency": Urgency.RECORD, "acknowledge_by": None, "obligations": (OBLIGATION,), "reasons": ("Because é.",)}
        | {"corrects": None, "traceparent": None},
    ),
    (
        Cover,
        {"letter": ID, "desk": "elm-housing", "part": 1, "lane": "hub/lane-0", "n": 1, "person": ID}
        | {"urgency": Urgency.PRIORITY, "acknowledge_by": AT, "obligations": (), "reasons": ("Because.",)}
        | {"corrects": ID, "traceparent": f"00-{'a' * 32}-{'b' * 16}-01"},
    ),
    (Receipt, {"v": 1, "hub": "hub.example", "to": "elm-police", "id": ID, "outcome": Outcome.ACCEPTED}),
    (Told, {"publisher": "elm-police", "desks": (ToldDesk.of(desk="elm-housing", labels=(Label.STATUS,)),)}),
]


@pytest.mark.parametrize(
    ("model", "fields"), VALUES, ids=[f"{place}-{model.__name__}" for place, (model, _) in enumerate(VALUES)]
)
def test_what_is_written_is_what_a_checked_value_writes(model: type[Said], fields: dict[str, Any]) -> None:
    written = model.write(**fields)

    assert written == model.of(**fields).to_bytes()
    assert model.from_bytes(written) == model.of(**fields)


def test_a_value_inside_another_is_written_as_it_would_be_checked() -> None:
    desk: dict[str, Any] = {"desk": "elm-housing", "labels": (Label.CONTACT, Label.STATUS), "acknowledged": (1,)}

    written = Told.write(publisher="elm-police", desks=[ToldDesk.as_written(**desk)])

    assert written == Told.of(publisher="elm-police", desks=(ToldDesk.of(**desk),)).to_bytes()


def test_every_kind_of_entry_is_among_them() -> None:
    kinds = {model for model, _ in VALUES}

    assert {
        kind for kind in vars(entries).values() if isinstance(kind, type) and "op" in getattr(kind, "model_fields", {})
    } <= kinds


@pytest.mark.parametrize("fields", [LINE | {"more": 1}, {"salt": ID, "ts": AT}, {}])
def test_a_field_too_many_or_too_few_is_noticed(fields: dict[str, Any]) -> None:
    with pytest.raises(TypeError, match="Filler"):
        entries.Filler.write(**fields)


@pytest.mark.parametrize(
    ("model", "fields"), VALUES, ids=[f"{place}-{model.__name__}" for place, (model, _) in enumerate(VALUES)]
)
def test_a_form_with_its_holes_filled_is_what_is_written_at_once(model: type[Said], fields: dict[str, Any]) -> None:
    filled = {name: value for name, value in fields.items() if type(value) in (str, int)}
    rest = {name: value for name, value in fields.items() if name not in filled}

    form = Form(model, filled, **rest)

    assert form.write(**filled) == form.write(**filled) == model.write(**fields)


@pytest.mark.parametrize("hole", ["more", "ts"])
def test_a_hole_that_is_no_field_or_is_given_twice_is_noticed(hole: str) -> None:
    with pytest.raises(TypeError):
        Form(entries.Filler, ("salt", hole), ts=AT, dir=7)


def test_a_hole_that_is_left_is_noticed() -> None:
    form = Form(entries.Filler, ("salt", "dir"), ts=AT)

    with pytest.raises(TypeError):
        form.write(salt=ID)


def test_a_hole_that_is_none_is_noticed() -> None:
    form = Form(entries.Filler, ("salt",), ts=AT, dir=7)

    with pytest.raises(TypeError):
        form.write(salt=ID, op="collection")


def test_what_fills_a_hole_stays_in_it() -> None:
    form = Form(entries.Repeat, ("salt", "actor"), ts=AT, dir=7, id=ID)

    written = form.write(salt=ID, actor='elm","op":"filler')

    assert json_decode(written)["actor"] == 'elm","op":"filler'
    assert json_decode(written)["op"] == "repeat"


def test_a_letter_is_written_piece_by_piece_as_it_is_written_whole() -> None:
    key = system_entropy(32)
    sealed = {
        label: seal(label.encode(), Belonging(ID, "elm-police", label), key, "mk", system_entropy)
        for label in (Label.STATUS, Label.CONTACT, Label.ADDRESS)
    }
    cover = seal(b"a cover", Belonging(ID, "hub.example", Label.COVER), key, ID, system_entropy)

    class Head:
        text = "aGVhZA"

    head, sig = cast(HeadOfLetter, Head()), {"protected": "cA", "signature": "c2ln"}
    letters = Letters(head, sig, sealed)

    for labels in ([Label.STATUS, Label.ADDRESS], [Label.STATUS], [*sealed], list[Label]()):
        keys = {label: b64u_encode(system_entropy(40)) for label in labels}
        released = {label: replace(sealed[label], kid=ID, encrypted_key=keys[label]) for label in labels}
        whole = json_encode(Letter(head, sig, cover, released).to_json())
        assert b"".join(letters.write(keys, ID, cover)) == whole
    for one in sealed.values():
        assert one.to_bytes() == json_encode(one.to_json())


@pytest.mark.parametrize("kind", ItemKind)
def test_an_item_is_written_from_its_parts_as_it_is_written_whole(kind: ItemKind) -> None:
    content, proof = {"b": ["é", 1], "a": None}, "c2sp.org/tlog-proof@v1\nindex 3\n\nhub/lane-0\n\n— hub a+/=\n"

    written = item_bytes(kind, [json_encode(content)], b"an entry", proof)

    assert written == json_encode({kind.value: content, "entry": b64u_encode(b"an entry"), "proof": proof})


@pytest.mark.parametrize("kid", ["mk", "a-b_c", 'a"b', "a\\b", "a\nb", "é", "", " ", "\x7f", "x"])
def test_a_key_id_of_any_spelling_is_written_as_json_has_it(kid: str) -> None:
    sealed = seal(b"a text", Belonging(ID, "elm-police", Label.STATUS), system_entropy(32), kid, system_entropy)

    assert sealed.to_bytes() == json_encode(sealed.to_json())
