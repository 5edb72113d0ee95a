"""What is sealed and signed: notifications, letters, packages, receipts, and what they are made of."""

from collections.abc import Mapping
from typing import Any

from broker.client.opening import open_letter, open_package, open_receipt, prove
from broker.sealing.compartments import Belonging, Compartment, open_with, unwrap
from broker.sealing.head import Head
from broker.sealing.jwe import open_key_package
from broker.sealing.letters import Cover, Item, ItemKind, Letter
from broker.sealing.notification import SealedNotification, release_extra
from broker.sealing.packages import read_package, read_receipt
from broker.sealing.padding import pad, unpad
from broker.sealing.rejection import Rejected
from broker.sealing.signatures import Typ, sign
from schemas import Facts, Label, NotStrict, SchemaRefused, kind_of
from schemas.strict import b64u_decode, b64u_encode, json_decode, json_encode
from tests.faults.county import HUB
from tests.fuzz.material import READER, Material, members
from tests.fuzz.target import Target
from tests.personas import CONTROLS, everything

_FORM = (Rejected, NotStrict)


def targets(given: Material) -> Mapping[str, Target]:
    """By name."""
    letters = given.contents(ItemKind.LETTER)
    packages, receipts = given.contents(ItemKind.PACKAGE), given.contents(ItemKind.RECEIPT)
    identities = [letter["c"]["identity"] for letter in letters if "identity" in letter["c"]]
    facts = [json_encode(facts) for facts in members(given.records, "facts")]
    return {
        "sealed_notification": Target(_notification, (Rejected,), given.said),
        "head": Target(_head, (Rejected,), [head.encode() for head in members(given.said, "head")]),
        "head_fields": Target(
            lambda data: Head.parse(b64u_encode(data)),
            (Rejected,),
            [b64u_decode(x) for x in members(given.said, "head")],
        ),
        "compartment": Target(_compartment(given, letters[0]), _FORM, _written(identities)),
        "padding": Target(_padding, (Rejected,), [pad(b"{}"), pad(b"{" + b" " * 300 + b"}"), bytes(256)]),
        "key_package": Target(_key_package(given), _FORM, _written([_jwe(package) for package in packages])),
        "item": Target(_item(given), (Rejected,), given.items),
        "letter": Target(lambda data: Letter.from_json(json_decode(data)), _FORM, _written(letters)),
        "cover": Target(Cover.from_bytes, (SchemaRefused,), _covers(given)),
        "package": Target(lambda data: read_package(json_decode(data), given.hub.voice), _FORM, _written(packages)),
        "package_said": Target(_said(given, Typ.PACKAGE), (Rejected,), [_payload(package) for package in packages]),
        "receipt": Target(lambda data: read_receipt(json_decode(data), given.hub.voice), _FORM, _written(receipts)),
        "receipt_said": Target(_said(given, Typ.RECEIPT), (Rejected,), [_payload(receipt) for receipt in receipts]),
        "facts": Target(_facts, (SchemaRefused,), facts),
        "compartments_in_clear": Target(_in_clear, (SchemaRefused, NotStrict), _clear()),
    }


def _notification(data: bytes) -> None:
    found = SealedNotification.from_bytes(data)
    assert SealedNotification.from_bytes(found.to_bytes()) == found
    found.check_digests()


def _head(data: bytes) -> None:
    text = data.decode("utf-8", "surrogateescape")
    assert Head.parse(text).text == text


def _compartment(given: Material, letter: Any) -> Any:
    fields = Head.parse(letter["head"]).fields
    belonging = Belonging(fields.id, fields.iss, Label.IDENTITY.value)

    def decode(data: bytes) -> None:
        found = Compartment.from_json(json_decode(data))
        assert Compartment.from_json(found.to_json()) == found
        open_with(found, unwrap(found, belonging, given.keys.get(found.kid, bytes(32))), Label.IDENTITY)

    return decode


def _padding(data: bytes) -> None:
    assert pad(unpad(data)) == data


def _key_package(given: Material) -> Any:
    keys = given.desk_keys
    extra = release_extra(HUB, READER, keys.sealing_kid)
    return lambda data: open_key_package(json_decode(data), keys.sealing, extra)


def _item(given: Material) -> Any:
    keys, directory = given.desk_keys, given.directory

    def decode(data: bytes) -> None:
        item = Item.from_bytes(data)
        proven = prove(item, directory)
        match item.kind:
            case ItemKind.LETTER:
                open_letter(item, proven, READER, directory, given.keys)
            case ItemKind.PACKAGE:
                open_package(item, proven, READER, directory, keys.sealing, keys.sealing_kid)
            case ItemKind.RECEIPT:
                open_receipt(item, proven, READER, directory)

    return decode


def _said(given: Material, typ: Typ) -> Any:
    """The hub's own voice says whatever it is given."""
    voice = given.county.premises.keys.voice
    read = read_package if typ is Typ.PACKAGE else read_receipt

    def decode(data: bytes) -> None:
        payload = b64u_encode(data)
        read({"payload": payload, "sig": sign(payload, typ, voice)}, given.hub.voice)

    return decode


def _facts(data: bytes) -> None:
    found = Facts.from_bytes(data)
    assert Facts.from_bytes(found.to_bytes()) == found


def _in_clear(data: bytes) -> None:
    """Of the compartments whose names the input has, and of the control kinds."""
    value = json_decode(data)
    if not isinstance(value, dict):
        return
    for name, inside in value.items():
        model = kind_of(name).models[Label.CONTROL] if name in CONTROLS else _MODELS.get(name)
        if model is not None:
            found = model.from_bytes(json_encode(inside))
            assert model.from_bytes(found.to_bytes()) == found


_MODELS = {label.value: type(said) for label, said in everything().items()}


def _clear() -> list[bytes]:
    told = {label.value: said for label, said in everything().items()}
    one_by_one = [{name: said} for name, said in (told | CONTROLS).items()]
    return [json_encode({name: json_decode(said.to_bytes()) for name, said in one.items()}) for one in one_by_one]


def _covers(given: Material) -> list[bytes]:
    stored = given.county.desk(READER).store.letters()
    assert stored
    return [
        json_encode({name: value for name, value in letter.cover.items() if value is not None}) for letter in stored
    ]


def _written(values: list[Any]) -> list[bytes]:
    return [json_encode(value) for value in values]


def _payload(signed: Any) -> bytes:
    return b64u_decode(signed["payload"])


def _jwe(package: Any) -> Any:
    return json_decode(_payload(package))["jwe"]
