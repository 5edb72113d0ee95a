"""What control events change: the directory, the cases, what is known of a letter. They are delivered to nobody.

Directory events come in the lane's own input, in order with everything else, so that a decision depends on that input
alone.
"""

from hashlib import sha256
from typing import TypeVar

from broker.directory import Desk, DeskRegistered, DirectoryEvent, HubFounded, read_event
from broker.errors import StateUnreadable
from broker.ledger.entries import EpochBegun
from broker.lifecycle.accept import Accepted
from broker.lifecycle.between import claim, tell_doors
from broker.lifecycle.turn import Turn
from broker.ports import Table
from broker.sealing.jwe import KEY_BYTES, seal_key_package
from broker.sealing.letters import ItemKind
from broker.sealing.notification import release_extra
from broker.sealing.packages import EpochPackage, sign_said
from broker.sealing.rejection import Reason, Rejected
from broker.sealing.signatures import Typ, VerifyKey
from broker.state.cases import Case, put_case
from broker.state.delivery import Epoch, put_epoch
from broker.state.persons import link
from broker.state.told import put_told, told_of
from broker.topics import DIRECTORY, DOORS, INPUT
from schemas import DeskId, area_table
from schemas.kinds.case import CaseAssessed, CaseOpened, CaseTagged, ConsentRecorded, PersonLinked, TeamChanged
from schemas.kinds.letter import LetterAcknowledged, LetterReturned
from schemas.strict import b64u_encode, json_encode

_FIRST_EPOCH = 0
_T = TypeVar("_T")


def enter_event(data: bytes, key: VerifyKey, turn: Turn) -> None:
    """Apply a directory event. A desk that is registered gets its first key, sealed to it, as the first item of its
    inbox.

    The first lane writes it to the ledger, and passes it on to the other lanes and to the doors, each of which has it
    before anything that came later.

    Raises:
        Rejected: not signed by the directory key, or it does not fit what is there.
    """
    event = learn_event(data, key, turn)
    if not turn.premises.is_told:
        turn.enter_event(data)
        turn.sends.append((DIRECTORY, data))
        if not turn.premises.is_alone:
            lanes = range(len(turn.premises.lanes))
            turn.passed += [((topic, index), data) for topic in (INPUT, DOORS) for index in lanes][1:]
    if isinstance(event, DeskRegistered):
        _begin_epoch(turn.directory.desk(event.desk), turn)


def learn_event(data: bytes, key: VerifyKey, turn: Turn) -> DirectoryEvent:
    """Know of a directory event, and what is so after it.

    Raises:
        Rejected: as `enter_event`.
        StateUnreadable: one before it is missing here, or the hub has other lanes than we: somebody must look, since
            from here on nothing would be known of whoever is revoked.
    """
    event = read_event(data, key)
    if turn.premises.is_told and event.n > turn.directory.size:
        raise StateUnreadable("an event of the directory is missing in a lane")
    if isinstance(event, HubFounded) and event.lanes != turn.premises.lanes:
        raise StateUnreadable(f"this hub has {len(event.lanes)} lanes")
    directory = turn.directory.after(event)
    index = str(turn.directory.size)
    turn.rows.put(Table.DIRECTORY, turn.rows.vault.row_key(Table.DIRECTORY, index), data)
    turn.directory = directory
    return event


def apply_control(accepted: Accepted, granted: bool | None, turn: Turn) -> bool:
    """Change what a control notification says is changed.

    Args:
        accepted: What it says.
        granted: Whether another lane gave what it was asked for; None: it was not asked.
        turn: The turn.

    Returns:
        Whether it is done. If not, another lane is asked first.

    Raises:
        Rejected: it does not fit what is known.
    """
    match accepted.control:
        case CaseOpened() as opened:
            _open_case(accepted, opened, turn)
        case TeamChanged() as changed:
            _check_known(changed.add, turn)
            case_now = _case(accepted)
            team = tuple(desk for desk in case_now.team if desk not in changed.remove)
            _put(accepted, case_now.model_copy(update={"team": _joined(team, changed.add)}), turn)
        case CaseTagged() as tagged:
            case_now = _case(accepted)
            tags = tuple(tag for tag in case_now.tags if tag not in tagged.remove)
            _put(accepted, case_now.model_copy(update={"tags": _joined(tags, tagged.add)}), turn)
        case CaseAssessed() as assessed:
            update = {"risk": assessed.risk, "level": assessed.level}
            _put(accepted, _case(accepted).model_copy(update=update), turn)
        case ConsentRecorded(patient=patient, caldicott_authority=authority):
            update_consent = {"consent_patient": patient, "caldicott_authority": authority}
            _put(accepted, _case(accepted).model_copy(update=update_consent), turn)
        case PersonLinked(other=other):
            if granted is None and claim(accepted, other, turn):
                return False
            if granted is False:
                raise Rejected(Reason.STATE)
            link(turn.rows, accepted.person, other)
            tell_doors(accepted, other, turn)
        case LetterAcknowledged() | LetterReturned() as answered:
            _answer(accepted, answered, turn)
        case _:
            raise Rejected(Reason.KIND)
    return True


def _open_case(accepted: Accepted, opened: CaseOpened, turn: Turn) -> None:
    if accepted.case is not None:
        raise Rejected(Reason.STATE)
    _check_known(opened.team, turn)
    if not set(area_table().in_force).issuperset(opened.forces):
        raise Rejected(Reason.AREA)
    case = Case.of(
        team=_joined((accepted.signed.publisher.id,), opened.team),
        tags=_joined((), opened.tags),
        risk=opened.risk,
        level=opened.level,
        category=opened.category,
        forces=opened.forces,
    )
    _put(accepted, case, turn)


def _answer(accepted: Accepted, answered: LetterAcknowledged | LetterReturned, turn: Turn) -> None:
    """What a person of a desk says of a letter: read, or not for us. Each once a part."""
    desk = accepted.signed.publisher.id
    told = told_of(turn.rows, accepted.person, answered.letter)
    held = None if told is None else told.to(desk)
    if told is None or held is None or answered.part > held.parts:
        raise Rejected(Reason.STATE)
    name = "acknowledged" if isinstance(answered, LetterAcknowledged) else "returned"
    parts = getattr(held, name)
    if answered.part in parts:
        raise Rejected(Reason.STATE)
    noted = held.model_copy(update={name: (*parts, answered.part)})
    desks = tuple(noted if other.desk == desk else other for other in told.desks)
    put_told(turn.rows, accepted.person, answered.letter, told.model_copy(update={"desks": desks}).to_bytes())


def _case(accepted: Accepted) -> Case:
    if accepted.case is None:
        raise Rejected(Reason.STATE)
    return accepted.case


def _put(accepted: Accepted, case: Case, turn: Turn) -> None:
    put_case(turn.rows, accepted.person, case)


def _check_known(desks: tuple[DeskId, ...], turn: Turn) -> None:
    if any(desk not in turn.directory.desks for desk in desks):
        raise Rejected(Reason.SIGNER)


def _joined(first: tuple[_T, ...], second: tuple[_T, ...]) -> tuple[_T, ...]:
    return tuple(dict.fromkeys((*first, *second)))


def _begin_epoch(desk: Desk, turn: Turn) -> None:
    premises = turn.premises
    secret = premises.entropy(KEY_BYTES)
    kid = b64u_encode(premises.entropy(16))
    sealing = desk.entry.sealing
    extra = release_extra(premises.hub, desk.id, sealing.kid)
    package = EpochPackage.of(
        v=1,
        hub=premises.hub,
        lane=premises.lane,
        to=desk.id,
        kid=kid,
        epoch=_FIRST_EPOCH,
        nbf=int(turn.now.timestamp()),
        jwe=seal_key_package(secret, desk.sealing_key, sealing.kid, extra, premises.entropy),
    )
    signed = sign_said(package, Typ.PACKAGE, premises.keys.voice)
    entry = EpochBegun.write(
        **turn.line(),
        to=desk.id,
        kid=kid,
        epoch=_FIRST_EPOCH,
        nbf=package.nbf,
        package=b64u_encode(sha256(signed["payload"].encode("ascii")).digest()),
    )
    put_epoch(turn.rows, desk.id, Epoch.made(kid, _FIRST_EPOCH, secret))
    turn.enter(entry, item=(ItemKind.PACKAGE, desk.mailbox, (json_encode(signed),)))
