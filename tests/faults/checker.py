"""The shared checker: whether what a hub and its desks have stored can be the remains of an honest day.

It reads a data folder after any fault, from the outside and with the hub's own keys, and says what does not hold. The
numbers are those of the design's invariants:

I1  every submitted notification has exactly one outcome, accepted or refused, with its lines, its answer and its bytes
I2  no letter (notification, desk, part) is in effect twice, and each stands in the ledger where its proof says
I3  what a desk has in clear is what the policies open, asked afresh: see afresh.py
I4  each letter has one line of disclosure and each line one letter, as its decision allowed; the count of each desk's
    letters has no gap; `tellwise ledger verify` finds nothing
I5  the letters about one person lie in an inbox in the order in which they were said: see afresh.py
I6  after a consent is withdrawn, nobody is told what hangs on it: see afresh.py
I7  no canary stands in a file of the hub
"""

from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path
from typing import Any

from broker.app import hub_folder
from broker.cli.verify_folder import verify_folder
from broker.client import Sending
from broker.ledger.entries import Collection, Decision, Disclosure, EntryRejected, Refusal, Repeat, read_entry
from broker.ledger.proofs import parse_proof
from broker.sealing.letters import Item, ItemKind
from broker.sealing.rejection import Reason
from schemas import DeskId, NotificationId
from schemas.strict import b64u_encode
from tests.faults.afresh import Afresh
from tests.faults.canaries import canaries_under
from tests.faults.stored import Stored, Taken, leaf_of, notification_of, read_stored

Submitted = tuple[DeskId, NotificationId]
_Who = tuple[str, str]
"""A publisher, and its notification."""


@dataclass(frozen=True, slots=True)
class Fault:
    """Something that an honest hub leaves behind at no moment."""

    invariant: str
    what: str


def check(
    folder: Path, *, canaries: Iterable[str] = (), submitted: Iterable[Submitted] = (), settled: bool = True
) -> list[Fault]:
    """Check all invariants; nothing found is an empty list.

    Args:
        folder: The data folder. Nobody may be writing to it.
        canaries: Texts that must stand in no file of the hub.
        submitted: Notifications that are known to have been durable at the hub.
        settled: Whether the hub has dealt with all of its input, delivered all that it owed, and every desk has heard.
    """
    faults = check_stored(read_stored(folder), submitted=submitted, settled=settled)
    faults += [Fault("I4", f"{found.where}: {found.what}") for found in verify_folder(folder).findings]
    return faults + [Fault("I7", what) for what in canaries_under(hub_folder(folder), canaries)]


def check_stored(stored: Stored, *, submitted: Iterable[Submitted] = (), settled: bool = True) -> list[Fault]:
    """The same of what was read already, without the ledgers' own verification and without canaries."""
    faults = [Fault("I1", what) for what in (*_outcomes(stored), *_answers(stored), *_quarantined(stored))]
    faults += [Fault("I1", what) for what in (*_not_lost(stored, submitted), *_believed(stored))]
    faults += [Fault("I2", what) for what in (*_effects(stored), *_places(stored))]
    faults += [Fault("I4", what) for what in (*_disclosures(stored), *_counts(stored), *_allowed(stored))]
    faults += [Fault(invariant, what) for invariant, what in Afresh(stored).faults()]
    if settled:
        faults += [Fault("I1", what) for what in _unfinished(stored)]
    return faults


# --- I1 --------------------------------------------------------------------------------------------------------------


def _outcomes(stored: Stored) -> Iterator[str]:
    """Each record that the lane is done with has one line, and no notification is accepted twice."""
    accepted = Counter[_Who]((entry.actor, entry.id) for entry in stored.taken())
    repeated = Counter[_Who]((entry.actor, entry.id) for entry in stored.of(Repeat))
    refused = Counter(entry.raw for entry in stored.of(Refusal))
    records: dict[_Who | None, list[bytes]] = defaultdict(list)
    for record in stored.done:
        records[claims_of(record)].append(record)
    for who, bodies in records.items():
        first = sum(refused[_digest(body)] for body in set(bodies))
        if who is None:
            first += sum(stored.directory_events[body] for body in set(bodies))
        else:
            first += accepted[who]
        again = 0 if who is None else repeated[who]
        if first + again != len(bodies) or (again and not first):
            yield f"{len(bodies)} records of {who or 'nobody'}, {first} outcomes and {again} repeats in the ledger"
    for who, count in (accepted + _refused_for_good(stored)).items():
        if count > 1:
            yield f"notification {who} accepted or refused {count} times"
    heads = {_head_digest(record) for record in stored.done}
    for entry in stored.taken():
        if entry.head not in heads:
            yield f"notification ({entry.actor}, {entry.id}) accepted, and never submitted"
    decided = Counter((entry.iss, entry.id) for entry in stored.of(Decision))
    collected = Counter((entry.actor, entry.id) for entry in stored.of(Collection))
    for who in decided.keys() | collected.keys():
        if decided[who] != collected[who]:
            yield f"notification {who} accepted {collected[who]} times, and decided {decided[who]} times"


def _refused_for_good(stored: Stored) -> Counter[_Who]:
    """Refusals of what was signed, after which the same bytes are a repeat. What was spoilt on the way or came too
    early may come again, and what came under a used id is another notification."""
    for_good = {Reason.KIND, Reason.SCHEMA, Reason.PUBLISHER, Reason.PERSON, Reason.STATE, Reason.AREA, Reason.SIGNER}
    return Counter(
        (entry.actor, entry.id)
        for index, (_, entry) in stored.entries.items()
        if isinstance(entry, Refusal) and entry.actor and entry.id and stored.reason(index) in for_good
    )


def _answers(stored: Stored) -> Iterator[str]:
    """Each outcome is told to its publisher once, and nothing else is."""
    receipts = Counter((desk, item.entry) for desk, item in stored.items() if item.kind is ItemKind.RECEIPT)
    for data, entry in stored.entries.values():
        actor = entry.actor if isinstance(entry, Taken | Repeat | Refusal) else None
        if actor is not None and receipts.pop((DeskId(actor), data), 0) != 1:
            yield f"`{actor}` was not told once that its notification met with {entry.op}"
    for desk, _ in receipts:
        yield f"`{desk}` was told of an outcome that is not in the ledger, or not its own"


def _quarantined(stored: Stored) -> Iterator[str]:
    """What was refused lies in quarantine, byte for byte, and nothing else does."""
    refused = Counter(entry.raw for entry in stored.of(Refusal))
    kept = Counter(_digest(data) for data in stored.quarantine)
    if refused != kept:
        yield f"{refused.total()} refused, {kept.total()} in quarantine, {(refused & kept).total()} of them the same"


def _not_lost(stored: Stored, submitted: Iterable[Submitted]) -> Iterator[str]:
    known: set[object] = {(entry.actor, entry.id) for entry in stored.taken()}
    known |= {(entry.actor, entry.id) for entry in stored.of(Refusal)}
    known |= {who for record in stored.unread if (who := claims_of(record)) is not None}
    for who in dict.fromkeys(submitted):
        if who not in known:
            yield f"notification {who} was submitted, and is lost"


def _believed(stored: Stored) -> Iterator[str]:
    """What a desk believes of its own notifications is so."""
    accepted = {(entry.actor, entry.id) for entry in stored.taken()}
    refused = {(entry.actor, entry.id) for entry in stored.of(Refusal)} - accepted
    submitted = {claims_of(record) for record in (*stored.done, *stored.unread)}
    so: dict[Sending, set[Any]] = {Sending.ACCEPTED: accepted, Sending.REFUSED: refused, Sending.SENT: submitted}
    for desk, kept in stored.desks.items():
        for notification, state in kept.outbox:
            if state in so and (desk, notification) not in so[state]:
                yield f"`{desk}` believes that {notification} is {state}, and the hub's file does not say so"


def _unfinished(stored: Stored) -> Iterator[str]:
    if stored.unread:
        yield f"{len(stored.unread)} records that nobody has read"
    if stored.pending:
        yield f"{len(stored.pending)} items that have not left"
    for desk, kept in stored.desks.items():
        if desk not in stored.directory.desks:
            continue  # revoked, or never registered: nobody answers it
        for notification, state in kept.outbox:
            if state in (Sending.WAITING, Sending.SENT):
                yield f"`{desk}` has no answer to {notification}"
        held = {(notification, part) for notification, part, _ in kept.letters}
        if missing := {_letter(item) for item in stored.inboxes.get(desk, ()) if item.kind is ItemKind.LETTER} - held:
            yield f"`{desk}` has not heard {len(missing)} of its letters"


# --- I2 --------------------------------------------------------------------------------------------------------------


def _effects(stored: Stored) -> Iterator[str]:
    handed = Counter((desk, *_letter(item)) for desk, item in stored.letters())
    effects = Counter(
        (desk, notification, part) for desk, kept in stored.desks.items() for notification, part, _ in kept.letters
    )
    for letter, count in handed.items():
        if count > 1:
            yield f"letter {letter} is {count} times in the inbox"
    for letter, count in effects.items():
        if count > 1:
            yield f"letter {letter} is {count} times in effect"
        if letter not in handed:
            yield f"letter {letter} is in effect, and never was in the inbox"
    for desk, kept in stored.desks.items():
        if kept.incidents:
            yield f"`{desk}` refused {len(kept.incidents)} items of its inbox"


def _places(stored: Stored) -> Iterator[str]:
    at = {index: data for index, (data, _) in stored.entries.items()}
    for desk, items in stored.inboxes.items():
        for number, item in enumerate(items):
            if at.get(index := parse_proof(item.proof).index) != item.entry:
                yield f"item {number} of `{desk}` proves an entry that does not stand at {index}"
    owed = {waiting.entry: waiting.index for waiting in stored.pending}
    for entry, index in owed.items():
        if at.get(index) != entry:
            yield f"an item is owed for an entry that does not stand at {index}"


# --- I4 --------------------------------------------------------------------------------------------------------------


def _disclosures(stored: Stored) -> Iterator[str]:
    lines = Counter(
        (DeskId(entry.to), data) for data, entry in stored.entries.values() if isinstance(entry, Disclosure)
    )
    letters = Counter((desk, item.entry) for desk, item in stored.letters())
    for desk, _ in lines - letters:
        yield f"a letter to `{desk}` is in the ledger, and in no inbox"
    for desk, _ in letters - lines:
        yield f"a letter to `{desk}` is in its inbox, and not in the ledger"
    for topic in stored.strangers:
        yield f"`{topic}` is nobody's inbox"


def _counts(stored: Stored) -> Iterator[str]:
    counted: dict[str, dict[tuple[str, int], int]] = defaultdict(dict)
    for entry in stored.of(Disclosure):
        counted[entry.to][entry.id, entry.part] = entry.n
    for desk, numbers in counted.items():
        if sorted(numbers.values()) != list(range(1, len(numbers) + 1)):
            yield f"the letters of `{desk}` are not counted from 1 without a gap"
    for desk, items in stored.inboxes.items():
        order = [counted[desk].get(_letter(item), 0) for item in items if item.kind is ItemKind.LETTER]
        if order != list(range(1, len(order) + 1)):
            yield f"the letters of `{desk}` do not lie in its inbox in the order of their count"
    for name, kept in stored.desks.items():
        if any(counted[name].get((notification, part)) != n for notification, part, n in kept.letters):
            yield f"`{name}` counts its letters otherwise than the ledger"


def _allowed(stored: Stored) -> Iterator[str]:
    """Each desk was told exactly what the decision's detail record opens, and each desk that it names was told."""
    told: dict[str, dict[str, frozenset[str]]] = defaultdict(dict)
    for entry in stored.of(Disclosure):
        if entry.to in told[entry.decision]:
            yield f"`{entry.to}` told twice by one decision"
        told[entry.decision][entry.to] = frozenset(label.value for label in entry.cmp)
    for index, (data, decision) in stored.entries.items():
        if isinstance(decision, Decision) and told.pop(leaf_of(data), {}) != stored.grants(index):
            yield f"notification ({decision.iss}, {decision.id}): told otherwise than was decided"
    for unknown in told:
        yield f"letters by a decision {unknown} that is not in the ledger"


# --- what a record or an item speaks of -------------------------------------------------------------------------------


def claims_of(record: bytes) -> _Who | None:
    """Whose it claims to be, and which; None if it is no notification."""
    notification = notification_of(record)
    return None if notification is None else (notification.head.fields.iss, notification.head.fields.id)


def _head_digest(record: bytes) -> str | None:
    notification = notification_of(record)
    return None if notification is None else _digest(notification.head.text.encode("ascii"))


def _letter(item: Item) -> tuple[str, int]:
    try:
        entry = read_entry(item.entry)
    except EntryRejected:
        return "", 0
    return (entry.id, entry.part) if isinstance(entry, Disclosure) else ("", 0)


def _digest(data: bytes) -> str:
    return b64u_encode(sha256(data).digest())
