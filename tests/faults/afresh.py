"""What a hub decided, decided afresh: from its input, its ledger and its directory, and from nothing that it believed.

The hub's input is read again in order. So it is known of each decision which case it was about, who had been told what
of a notification that it corrects, and which desks there were; and what the policies answer to that is asked again.

I3  what a desk has in clear is what the policies open; the detail record holds what was so; nobody is told what it said
I5  the letters about one person lie in an inbox in the order in which they were said
I6  consent is read as it was recorded last, and health details go to nobody but care providers unless it allows that
"""

from collections import Counter, defaultdict
from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import cache, lru_cache
from hashlib import sha256
from typing import Any

from broker.directory import Directory, read_event
from broker.errors import UnknownDesk
from broker.ledger.entries import Decision, Disclosure, Refusal
from broker.lifecycle.reach import candidates
from broker.sealing.compartments import Belonging, open_with, unwrap
from broker.sealing.jwe import open_key_package
from broker.sealing.notification import check_nothing_missing, release_extra
from broker.sealing.rejection import Rejected
from broker.state.cases import Case
from broker.state.told import Told, ToldDesk
from broker.state.vault import Person
from policies import Bundle, Candidate, Decided, Engine, Open, Statement, Withheld
from schemas import Consent, DeskId, DeskType, Facts, Label, PersonId, Said, area_table, kind_of
from schemas.kinds.case import CaseAssessed, CaseOpened, CaseTagged, ConsentRecorded, TeamChanged
from schemas.strict import b64u_encode
from tests.faults.stored import Stored, Taken, leaf_of, notification_of

_ABOUT_CONSENT = ("consent_patient", "caldicott_authority")
_Who = tuple[str, str]
_Faults = Iterator[tuple[str, str]]
"""Each as the invariant and what is wrong."""


@dataclass(frozen=True, slots=True)
class Statements:
    """What a notification says to the hub."""

    facts: Facts
    control: Said | None
    carried: frozenset[Label]


@dataclass
class Afresh:
    """A second reading of what a hub did."""

    stored: Stored
    cases: dict[bytes, Case] = field(default_factory=dict)
    """By the person's key, as they are where the reading has come to."""
    told: dict[tuple[bytes, str, str], Told] = field(default_factory=dict)
    """By person, publisher and notification."""
    allowed: dict[tuple[str, str], frozenset[Label]] = field(default_factory=dict)
    """By desk and notification: what it may have in clear."""

    def __post_init__(self) -> None:
        self._directories = directories(self.stored)

    def faults(self) -> _Faults:
        """What does not hold."""
        lines = {(entry.iss, entry.id): index for index, (_, entry) in self._lines(Decision)}
        letters = defaultdict(list)
        for entry in self.stored.of(Disclosure):
            letters[entry.decision].append(entry)
        place: dict[_Who, int] = {}
        for position, taken in sorted(self._accepted(), key=lambda found: found[0]):
            place[taken.actor, taken.id] = position
            said = said_to_the_hub(self.stored, self.stored.done[position])
            person = self._person(taken)
            if said is None or person is None:
                yield "I3", f"notification ({taken.actor}, {taken.id}) was accepted, and cannot be opened"
                continue
            if said.control is not None:
                self._apply(taken, person, said.control)
            index = lines.get((taken.actor, taken.id))
            if index is not None:
                yield from self._decided(taken, person, said, index, letters)
        yield from self._in_clear()
        yield from self._in_order(place)

    def _lines(self, kind: type[Any]) -> Iterator[tuple[int, tuple[bytes, Any]]]:
        return (line for line in self.stored.entries.items() if isinstance(line[1][1], kind))

    # --- which record of the input was the one that was accepted ---

    def _accepted(self) -> Iterator[tuple[int, Taken]]:
        copies: dict[str, list[int]] = defaultdict(list)
        for position, record in enumerate(self.stored.done):
            if (notification := notification_of(record)) is not None:
                copies[b64u_encode(sha256(notification.head.text.encode("ascii")).digest())].append(position)
        refusals: dict[str, list[Refusal]] = defaultdict(list)
        for refusal in self.stored.of(Refusal):
            refusals[refusal.raw].append(refusal)
        for taken in self.stored.taken():
            found = copies[taken.head]
            if len({self.stored.done[position] for position in found}) > 1:  # some were spoilt on the way
                found = [at for at in found if said_to_the_hub(self.stored, self.stored.done[at]) is not None]
            raws = {b64u_encode(sha256(self.stored.done[position]).digest()) for position in found}
            early = sum(self._came_too_early(taken, refusal) for raw in raws for refusal in refusals[raw])
            if early < len(found):
                yield found[early], taken

    def _came_too_early(self, taken: Taken, refusal: Refusal) -> bool:
        """Whether these very bytes were refused before they were accepted, and not after they had expired, or their
        desk was revoked."""
        _, until = self.stored.directory.revoked.get(taken.actor, (None, refusal.dir))
        return refusal.ts <= taken.ts and refusal.dir <= min(until, taken.dir)

    def _person(self, taken: Taken) -> bytes | None:
        for key in self.stored.person_keys:
            if Person(PersonId(""), key).reference(taken.salt) == taken.person:
                return key
        return None

    # --- what was so ---

    def _apply(self, taken: Taken, person: bytes, control: Said) -> None:
        case = self.cases.get(person)
        match control:
            case CaseOpened():
                said = control.model_dump()
                self.cases[person] = Case.of(
                    **said | {"team": _once(taken.actor, *control.team), "tags": _once(*control.tags)}
                )
            case TeamChanged() if case is not None:
                stay = (desk for desk in case.team if desk not in control.remove)
                self.cases[person] = case.model_copy(update={"team": _once(*stay, *control.add)})
            case CaseTagged() if case is not None:
                kept = (tag for tag in case.tags if tag not in control.remove)
                self.cases[person] = case.model_copy(update={"tags": _once(*kept, *control.add)})
            case CaseAssessed() if case is not None:
                self.cases[person] = case.model_copy(update={"risk": control.risk, "level": control.level})
            case ConsentRecorded() if case is not None:
                consent = {"consent_patient": control.patient, "caldicott_authority": control.caldicott_authority}
                self.cases[person] = case.model_copy(update=consent)

    def _decided(
        self, taken: Taken, person: bytes, said: Statements, index: int, letters: dict[str, list[Disclosure]]
    ) -> _Faults:
        data, entry = self.stored.entries[index]
        record = self.stored.record(index)
        if not isinstance(entry, Decision) or record is None:
            return  # said under I4
        who = f"notification ({taken.actor}, {taken.id})"
        case, facts = self.cases.get(person), said.facts
        for invariant, name in _differences(record, case, said):
            yield invariant, f"{who} was decided upon another `{name}` than there was"
        directory = self._directories[entry.dir]
        original = None if facts.corrects is None else self.told.get((person, taken.actor, facts.corrects))
        asked = candidates(facts, DeskId(taken.actor), case, original, directory)
        if [_asked(candidate) for candidate in asked] != [{**desk, "outcomes": None} for desk in record["desks"]]:
            yield "I3", f"{who} was decided about other desks, or for other reasons, than it should have been"
        granted = _granted(_statement(taken, case, said), asked, original)
        if {desk: sorted(labels) for desk, labels in granted.items()} != record["told"]:
            yield "I3", f"{who}: the policies open otherwise than was decided"
        if entry.policy != engine().bundle.digest:
            yield "I3", f"{who} was decided by other policies than are at hand"
        self.allowed |= {(desk, taken.id): labels for desk, labels in granted.items()}
        if granted:
            desks = tuple(ToldDesk.of(desk=desk, labels=tuple(sorted(labels))) for desk, labels in granted.items())
            self.told[person, taken.actor, taken.id] = Told.of(publisher=taken.actor, desks=desks)
        for letter in letters[leaf_of(data)]:
            yield from self._letter(letter, case, directory)

    def _letter(self, letter: Disclosure, case: Case | None, directory: Directory) -> _Faults:
        if letter.to == letter.iss:
            yield "I3", f"`{letter.to}` is told what it said itself"
        if not self.allowed.get((letter.to, letter.id), frozenset()).issuperset(letter.cmp):
            yield "I3", f"`{letter.to}` is told more of {letter.id} than the policies open"
        if Label.HEALTH not in letter.cmp or _allows_health(case):
            return
        try:
            desk = directory.signer(letter.to, letter.dir)
        except UnknownDesk:
            yield "I3", f"`{letter.to}` is told of {letter.id}, and is no desk"
            return
        if desk.desk_type is not DeskType.NHS_PROVIDER:
            yield "I6", f"`{letter.to}` is told of the health in {letter.id}, and no consent to that stands"

    def _in_clear(self) -> _Faults:
        for desk, kept in self.stored.desks.items():
            for (notification, _), labels in kept.opened.items():
                if not self.allowed.get((desk, notification), frozenset()).issuperset(labels):
                    yield "I3", f"`{desk}` has more of {notification} in clear than the policies open"

    def _in_order(self, place: dict[_Who, int]) -> _Faults:
        persons = {
            (entry.actor, entry.id): self._person(entry)
            for entry in self.stored.taken()
            if (entry.actor, entry.id) in place
        }
        by_entry = {data: entry for data, entry in self.stored.entries.values() if isinstance(entry, Disclosure)}
        last: Counter[tuple[str, bytes | None]] = Counter()
        for desk, item in self.stored.letters():
            entry = by_entry.get(item.entry)
            if entry is None or (entry.iss, entry.id) not in place:
                continue  # said under I4
            who = (entry.iss, entry.id)
            if last[desk, persons[who]] > place[who]:
                yield "I5", f"`{desk}` is told of {entry.id} after something about the same person that was said later"
            last[desk, persons[who]] = place[who]


# --- asking again ---


@cache
def engine() -> Engine:
    """The policies at hand."""
    return Engine(Bundle.load())


def directories(stored: Stored) -> list[Directory]:
    """The directory at each size that it had."""
    found = [Directory()]
    for event in stored.directory_events:
        found.append(found[-1].after(read_event(event, stored.keys.directory_key)))
    return found


def said_to_the_hub(stored: Stored, record: bytes) -> Statements | None:
    """What a notification says to the hub; None if it was spoilt on the way."""
    notification = notification_of(record)
    if notification is None:
        return None
    fields = notification.head.fields
    hub, keys = stored.directory.hub.entry.hub, stored.keys
    try:
        publisher = stored.directory.signer(fields.iss, 0)
        notification.head.check_signature(notification.sig, publisher.verify_key)
        extra = release_extra(hub, fields.iss, keys.release_kid)
        message_key = open_key_package(notification.mk, keys.release, extra)
        check_nothing_missing(notification.head, notification.compartments.values(), message_key)
        opened = {
            label: (sealed, unwrap(sealed, Belonging(fields.id, fields.iss, label.value), message_key))
            for label, sealed in notification.compartments.items()
        }
        facts = Facts.from_bytes(open_with(*opened[Label.FACTS], Label.FACTS))
        control = None
        if Label.CONTROL in opened:
            model = kind_of(fields.kind).models[Label.CONTROL]
            control = model.from_bytes(open_with(*opened[Label.CONTROL], Label.CONTROL))
    except (Rejected, UnknownDesk, ValueError, KeyError):
        return None
    return Statements(facts, control, frozenset(opened) - {Label.FACTS})


@lru_cache(maxsize=4_096)
def _decide(statement: Statement, asked: tuple[Candidate, ...]) -> Decided:
    return engine().decide(statement, asked)  # pure, so what was answered once is so


def _granted(statement: Statement, asked: list[Candidate], original: Told | None) -> dict[DeskId, frozenset[Label]]:
    """What each desk may have. *original* is of a correction alone, which goes by what was told before."""
    decided = _decide(statement, tuple(asked))
    granted = {}
    for desk, outcomes in decided.outcomes.items():
        opened = {label for label, outcome in outcomes.items() if isinstance(outcome, Open)}
        if not opened:
            continue
        if Label.CORRECTION in statement.carried:
            guarded = {label for label, found in outcomes.items() if isinstance(found, Withheld) and found.policy_ids}
            had = original.to(desk) if original is not None else None
            opened = {Label.CORRECTION} | ((set() if had is None else set(had.labels)) - guarded) & statement.carried
        granted[desk] = frozenset(opened | {Label.CONTACT})
    return granted


def _statement(taken: Taken, case: Case | None, said: Statements) -> Statement:
    facts = said.facts
    return Statement(
        kind=taken.kind,
        source=taken.agency,
        carried=said.carried,
        tags=frozenset((*facts.flags, *(case.tags if case else ()))),
        risk=case.risk if case else None,
        level=case.level if case else None,
        other_authority=area_table().other_authority(facts.area, facts.area_old),
        risk_rises=facts.risk_rises,
        consent_patient=case.consent_patient if case else Consent.NOT_SOUGHT,
        caldicott_authority=bool(case and case.caldicott_authority),
    )


def _differences(record: dict[str, Any], case: Case | None, said: Statements) -> _Faults:
    """Where a detail record is not of what was so; differences in consent are told apart."""
    if record["facts"] != said.facts.model_dump(mode="json", exclude_none=True):
        yield "I3", "facts"
    if record["carried"] != sorted(said.carried):
        yield "I3", "carried"
    found, so = record.get("case") or {}, case.model_dump(mode="json") if case else {}
    for name in sorted(found.keys() | so.keys()):
        if found.get(name) != so.get(name):
            yield "I6" if name in _ABOUT_CONSENT else "I3", f"case.{name}"


def _asked(candidate: Candidate) -> dict[str, Any]:
    """As a detail record has it, without what was answered."""
    reach = candidate.reach
    return {
        "desk": candidate.desk,
        "agency": candidate.agency,
        "type": candidate.desk_type.value,
        "signed": candidate.signed,
        "suspended": candidate.suspended,
        "reach": [name for name in reach.__dataclass_fields__ if getattr(reach, name)],
        "outcomes": None,
    }


def _allows_health(case: Case | None) -> bool:
    return case is not None and (case.consent_patient is Consent.GIVEN or case.caldicott_authority)


def _once(*items: Any) -> tuple[Any, ...]:
    return tuple(dict.fromkeys(items))
