"""What can be said in a history, and what can become of it on the way."""

from collections.abc import Collection
from dataclasses import dataclass
from typing import Any

from hypothesis import strategies as st

from broker.client import Draft, compose
from broker.sealing.notification import SealedNotification
from schemas import CATALOGUE, AreaCode, DeskId, Kind, Label, PersonKey, PersonScheme, Purpose, Tag
from schemas.kinds.kind import Need
from schemas.strict import json_decode, json_encode
from tests.faults.memory_county import EVERYBODY
from tests.personas import BLACKBURN, CHORLEY, PEOPLE, PRESTON, Persona, compartments

TOLD = tuple(
    kind for kind in CATALOGUE.values() if not kind.control and kind.publishers & {desk.desk_type for desk in EVERYBODY}
)
"""Every kind that one of these desks may publish, and that some desk may be told of."""

ANY = st.integers(0, 9_999)
"""Chooses one of something that is not known before the step is made."""

PERSONS = st.integers(0, len(PEOPLE) - 1)
AREAS = st.sampled_from((BLACKBURN, PRESTON, CHORLEY))
DESKS = st.sampled_from([desk.name for desk in EVERYBODY])
SOME_DESKS = st.lists(DESKS, max_size=2, unique=True)
TAGS = st.lists(st.sampled_from((Tag.CHILD_RELATED, Tag.HOUSING_CASE, Tag.VIOLENT_RECORD)), max_size=2, unique=True)
EXTRAS = st.frozensets(st.sampled_from((Label.HEALTH, Label.IDENTITY, Label.RISK_SUMMARY, Label.STATUS, Label.ADDRESS)))
WAYS_TO_SPOIL = st.sampled_from(("key", "signature", "compartment", "tag", "spaces"))


def draft_of(
    kind: Kind,
    persona: Persona,
    area: AreaCode = BLACKBURN,
    area_old: AreaCode = PRESTON,
    extras: Collection[Label] = (),
    *,
    by_crn: bool = False,
    has_area: bool = True,
    **facts: Any,
) -> Draft:
    """A notification of a kind: what it must carry, what it must fill, and *extras*."""
    labels = {*kind.required, *kind.fields, *extras}
    person = PersonKey(scheme=PersonScheme.CRN, identifier=persona.crn) if by_crn else persona.key
    if kind.area is Need.REQUIRED or (kind.area is Need.ALLOWED and has_area):
        facts["area"] = area
    if kind.area_old is Need.REQUIRED:
        facts["area_old"] = area_old
    said = compartments(*sorted(labels), district=area, person=persona.key)
    return compose(kind.name, person, Purpose.PUBLIC_PROTECTION, said, **facts)


@dataclass(frozen=True, slots=True)
class Saying:
    """Something that a desk says to be told to others."""

    kind: str
    who: int
    """Chooses the desk, mostly among those that may say it."""
    persona: int
    """Counts `PEOPLE` from 0."""
    area: AreaCode
    area_old: AreaCode
    extras: frozenset[Label]
    flags: tuple[Tag, ...]
    addressed: tuple[DeskId, ...]
    attendees: tuple[DeskId, ...]
    ways: frozenset[str]
    """`later`: it waits in the outbox; `by_crn`: the person is named so; `rises`; `nowhere`: no area if it need not."""


SAYINGS = st.lists(
    st.builds(
        Saying,
        kind=st.sampled_from([kind.name for kind in TOLD]),
        who=ANY,
        persona=PERSONS,
        area=AREAS,
        area_old=AREAS,
        extras=EXTRAS,
        flags=TAGS.map(tuple),
        addressed=SOME_DESKS.map(tuple),
        attendees=SOME_DESKS.map(tuple),
        ways=st.frozensets(st.sampled_from(("later", "by_crn", "rises", "nowhere")), max_size=2),
    ),
    min_size=1,
    max_size=3,
)


def spoilt(said: bytes, way: str) -> bytes:
    """A notification that is not as its publisher made it, in one way."""
    if way == "spaces":
        return b" " + said
    value = json_decode(said)
    match way:
        case "key":
            value["mk"]["tag"] = _other(value["mk"]["tag"])
        case "signature":
            value["sig"]["signature"] = _other(value["sig"]["signature"])
        case "compartment":
            value["c"].popitem()
        case "tag":
            sealed = next(iter(value["c"].values()))
            sealed["tag"] = _other(sealed["tag"])
    assert SealedNotification.from_bytes(said).head.text == value["head"]
    return json_encode(value)


def _other(text: str) -> str:
    return ("B" if text[0] == "A" else "A") + text[1:]
