"""What carries the rest: JSON and base64, the outer envelope, assertions, cards; and the hub's door as a whole."""

import base64
import binascii
import json
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from tempfile import mkdtemp
from typing import Any

from broker.assertions import Assertions, make_assertion
from broker.client.card import card_of, read_card, write_card
from broker.envelope import NotAnEvent, unwrap_items, unwrap_notification, wrap_items, wrap_notification
from broker.errors import CardRefused
from broker.numbered import Numbered, items_of, page_of
from broker.sealing.entropy import system_entropy
from broker.sealing.rejection import Reason, Rejected
from broker.sealing.signatures import Typ, sign
from schemas import Mailbox, NotStrict, SchemaRefused
from schemas.strict import (
    JSON_DEPTH_MAX,
    b64_decode,
    b64_encode,
    b64u_decode,
    b64u_encode,
    json_decode,
    json_encode,
)
from tests.faults.county import ONYX, case_opened, control, moved
from tests.faults.hostile_publisher import Words, sealed, words
from tests.faults.memory_county import origin
from tests.fuzz.material import READER, Material
from tests.fuzz.target import Target
from tests.personas import BLACKBURN, CONTROLS, POLICE, PRESTON

_START = 5
"""From where on items are asked for."""
_NUMBERS = [
    b"%d" % number for number in (0, 4, 5, 6, 7, 14, 2**31, 2**53 - 2, 2**53 - 1, 2**63 - 1, 2**63, 2**64, 10**400)
]
_HUB_URL = "https://hub.invented.example"


def targets(given: Material) -> Mapping[str, Target]:
    """By name."""
    mailbox = given.directory.desk(READER).mailbox
    now = given.county.clock.now()
    notifications = [wrap_notification(said, "AAAAAAAAAAAAAAAAAAAAAA", mailbox, now) for said in given.said]
    assertion = make_assertion(READER, _HUB_URL, given.desk_keys.signer, now, system_entropy)
    card = write_card(card_of(READER, given.desk_keys), given.desk_keys)
    return {
        "json": Target(_json, (NotStrict,), [*given.said, *given.entries[:9], b'[1.5,-0.0,1e3,"\\u00e9",null,true]']),
        "base64": Target(_base64, (NotStrict,), [b"", b"AA", b"AAA", b"AAAA", b"-_-_", b"+/+/", b"AA==", b"AAA="]),
        "notification_event": Target(unwrap_notification, (NotAnEvent,), notifications),
        "item_events": Target(
            _item_events(mailbox), (NotAnEvent,), [wrap_items(_apart(given.items), mailbox)], _NUMBERS
        ),
        "directory_page": Target(_directory_page, (NotStrict,), [json_encode(page_of(_apart(given.events)))], _NUMBERS),
        "assertion": Target(_assertion(given), (Rejected,), [assertion.encode()]),
        "assertion_said": Target(_assertion_said(given), (Rejected,), [b64u_decode(assertion.split(".")[1])]),
        "card": Target(_card(), (CardRefused,), [card]),
        "card_said": Target(_card_said(given), (CardRefused,), [card_of(READER, given.desk_keys).to_bytes()]),
        "door": Target(_door(given), (), [*given.said, *given.events, b"{}"]),
        "door_said": Target(_door_said(given), (NotStrict, SchemaRefused, Rejected), _plain(given)),
    }


def _apart(items: Sequence[bytes]) -> list[Numbered]:
    """With gaps between them, and what is no item behind them."""
    return [Numbered(7 * place, item) for place, item in enumerate([*items, b"no item"], start=1)]


def _item_events(mailbox: Mailbox) -> Callable[[bytes], None]:
    def decode(data: bytes) -> None:
        items = unwrap_items(data, _START)
        _check_numbers(items)
        assert unwrap_items(wrap_items(items, mailbox), _START) == items

    return decode


def _directory_page(data: bytes) -> None:
    page = json_decode(data)
    if not isinstance(page, dict):
        raise NotStrict
    items = items_of(page, _START)
    _check_numbers(items)
    assert page_of(items)["items"] == page["items"], "taken in another spelling"


def _check_numbers(items: Sequence[Numbered]) -> None:
    numbers = [item.number for item in items]
    assert all(type(number) is int for number in numbers)
    assert numbers == sorted(set(numbers)), "not ascending"
    assert not numbers or numbers[0] >= _START, "before the place that was asked for"
    assert not numbers or numbers[-1] < 2**53 - 1, "nobody could ask for the next"


def _json(data: bytes) -> None:
    """Ours must agree with Python's own, made strict."""
    so: Any = _NOT_SO
    try:
        so = json.loads(data.decode("utf-8"), object_pairs_hook=_once, parse_constant=_refused, parse_float=_finite)
        json.dumps(so, ensure_ascii=False).encode("utf-8")  # a lone surrogate
        if _depth(so) > JSON_DEPTH_MAX:
            so = _NOT_SO
    except (ValueError, RecursionError):
        so = _NOT_SO
    try:
        found = json_decode(data)
    except NotStrict:
        assert so is _NOT_SO, "refused, and it is strict JSON"
        raise
    assert so is not _NOT_SO, "taken, and it is not strict JSON"
    assert repr(found) == repr(so), "taken for another value"
    assert repr(json_decode(json_encode(found))) == repr(_sorted(found))


_NOT_SO = object()


def _once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    if len(dict(pairs)) != len(pairs):
        raise ValueError
    return dict(pairs)


def _refused(_name: str) -> None:
    raise ValueError


def _finite(digits: str) -> float:
    if float(digits) in (float("inf"), float("-inf")):
        raise ValueError
    return float(digits)


def _depth(value: Any) -> int:
    match value:
        case dict():
            return 1 + max(map(_depth, value.values()), default=0)
        case list():
            return 1 + max(map(_depth, value), default=0)
    return 0


def _sorted(value: Any) -> Any:
    match value:
        case dict():
            return {name: _sorted(value[name]) for name in sorted(value)}
        case list():
            return [_sorted(item) for item in value]
    return value


def _base64(data: bytes) -> None:
    """Ours must agree with Python's own, made strict: the one spelling of some bytes, and nothing else."""
    text = data.decode("utf-8", "surrogateescape")
    taken = 0
    for decode, encode, alphabet, padded in (
        (b64u_decode, b64u_encode, b"-_", False),
        (b64_decode, b64_encode, b"+/", True),
    ):
        so = _plainly(text, alphabet, padded)
        try:
            found = decode(text)
        except NotStrict:
            assert so is None, "refused, and it is strict base64"
            continue
        taken += 1
        assert found == so, "taken, and it is not strict base64, or of other bytes"
        assert encode(found) == text
    if not taken:
        raise NotStrict


def _plainly(text: str, alphabet: bytes, padded: bool) -> bytes | None:
    try:
        raw = text.encode("ascii")
        if not padded and b"=" in raw:
            return None
        whole = raw if padded else raw + b"=" * (-len(raw) % 4)
        data = base64.b64decode(whole, altchars=alphabet, validate=True)
    except (binascii.Error, ValueError):
        return None
    again = base64.b64encode(data, altchars=alphabet)
    return data if (again if padded else again.rstrip(b"=")) == raw else None


def _assertion(given: Material) -> Any:
    directory, now = given.directory, given.county.clock.now()
    return lambda data: Assertions(_HUB_URL).check(data.decode("utf-8", "surrogateescape"), directory, now)


def _assertion_said(given: Material) -> Any:
    """The desk signs whatever it is given."""
    check = _assertion(given)

    def decode(data: bytes) -> None:
        payload = b64u_encode(data)
        signed = sign(payload, Typ.ASSERTION, given.desk_keys.signer)
        check(f"{signed['protected']}.{payload}.{signed['signature']}".encode())

    return decode


def _card() -> Any:
    path = Path(mkdtemp()) / "desk.card"

    def decode(data: bytes) -> None:
        path.write_bytes(data)
        read_card(path)

    return decode


def _card_said(given: Material) -> Any:
    read = _card()

    def decode(data: bytes) -> None:
        payload = b64u_encode(data)
        read(json_encode({"card": payload, "sig": sign(payload, Typ.CARD, given.desk_keys.signer)}))

    return decode


def _door(given: Material) -> Any:
    """Whatever lies in the hub's input has an outcome, and none of them is our own fault."""

    def decode(data: bytes) -> None:
        planned = given.county.plan(data)
        assert [alarm.ids for alarm in planned.alarms if alarm.ids.get("reason") == Reason.INTERNAL] == []
        assert len(planned.batches) == 1

    return decode


def _door_said(given: Material) -> Any:
    """A desk of the directory seals whatever it is given: {"kind": …, and the plain text of each compartment}."""
    door, keys = _door(given), origin().desk_keys[POLICE.name]

    def decode(data: bytes) -> None:
        value = json_decode(data)
        if not isinstance(value, dict) or not all(isinstance(text, str) for text in value.values()):
            raise NotStrict
        said = {name: text.encode() for name, text in value.items()}
        kind = said.pop("kind", b"rso.address_changed").decode()
        door(json_encode(sealed(Words(kind, said, given.county.clock.now()), POLICE.name, keys, given.hub)))

    return decode


def _plain(given: Material) -> list[bytes]:
    drafts = [moved(ONYX, to=BLACKBURN, old=PRESTON), case_opened(ONYX), *(control(ONYX, kind) for kind in CONTROLS)]
    said = [words(draft, 9, given.county.clock.now()) for draft in drafts]
    return [json_encode({"kind": one.kind} | {name: data.decode() for name, data in one.plain.items()}) for one in said]
