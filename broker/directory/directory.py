"""The directory as it stands after so many events: the same value at the hub and at every desk that read the same
events."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from functools import cached_property

from broker.directory.events import DeskRegistered, DeskRevoked, DirectoryEvent, HubFounded, PolicyActivated
from broker.errors import UnknownDesk
from broker.ledger.checkpoint import CheckpointRejected, VerifierKey
from broker.sealing.hpke import PublicKey
from broker.sealing.rejection import Reason, Rejected
from broker.sealing.signatures import VerifyKey
from schemas import AgencyId, AreaCode, DeskId, DeskType, Mailbox, area_table
from schemas.strict import NotStrict, b64u_decode


@dataclass(frozen=True)
class Desk:
    """One desk as the directory has it."""

    entry: DeskRegistered

    @cached_property
    def id(self) -> DeskId:
        """Its name."""
        return self.entry.desk

    @cached_property
    def agency(self) -> AgencyId:
        """The agency that it is a unit of."""
        return self.entry.agency

    @cached_property
    def desk_type(self) -> DeskType:
        """What it is for."""
        return self.entry.desk_type

    @cached_property
    def mailbox(self) -> Mailbox:
        """The random name of its inbox and outbox."""
        return self.entry.mailbox

    @cached_property
    def patch(self) -> frozenset[AreaCode]:
        """The areas that it serves."""
        return frozenset(self.entry.patch)

    @cached_property
    def verify_key(self) -> VerifyKey:
        """The key that its signatures are checked with."""
        return VerifyKey.load(self.entry.signing.kid, self.entry.signing.alg, b64u_decode(self.entry.signing.pub))

    @cached_property
    def sealing_key(self) -> PublicKey:
        """The key that its key packages are sealed to."""
        return PublicKey(b64u_decode(self.entry.sealing.pub))


@dataclass(frozen=True)
class Hub:
    """The hub as the directory has it."""

    entry: HubFounded

    @cached_property
    def ledger_key(self) -> VerifierKey:
        """The key that its checkpoints are checked with."""
        return VerifierKey.parse(self.entry.ledger)

    @cached_property
    def voice(self) -> VerifyKey:
        """The key that its packages and receipts are checked with."""
        return VerifyKey.load(self.entry.voice.kid, self.entry.voice.alg, b64u_decode(self.entry.voice.pub))

    @cached_property
    def release_key(self) -> PublicKey:
        """The key that publishers seal message keys to."""
        return PublicKey(b64u_decode(self.entry.release.pub))


@dataclass(frozen=True)
class Directory:
    """An immutable snapshot. `after` gives the next one."""

    size: int = 0
    """How many events it holds: what a ledger entry names as `dir`."""
    founded: Hub | None = None
    policy: str | None = None
    """Digest of the policy bundle in force; None: nothing may be decided."""
    desks: dict[DeskId, Desk] = field(default_factory=dict)
    """Those that may publish and receive now."""
    revoked: dict[DeskId, tuple[Desk, int]] = field(default_factory=dict)
    """Those that may no longer, each with the size of the directory up to which it could."""
    by_area: dict[AreaCode, tuple[DeskId, ...]] = field(default_factory=dict)
    names: frozenset[str] = frozenset()
    """Mailboxes and key ids in use; none is ever given twice."""
    unpatched: tuple[DeskId, ...] = ()
    """Desks that serve no area, and so all of them."""

    @property
    def hub(self) -> Hub:
        """The hub.

        Raises:
            Rejected: the directory is empty, so nothing can be checked.
        """
        if self.founded is None:
            raise Rejected(Reason.SIGNER)
        return self.founded

    def desk(self, name: DeskId) -> Desk:
        """The desk of this name.

        Raises:
            UnknownDesk: there is none.
        """
        try:
            return self.desks[name]
        except KeyError:
            raise UnknownDesk(name) from None

    def signer(self, name: DeskId, size: int) -> Desk:
        """The desk of this name, if it could publish while the directory had *size* events.

        Whoever holds a letter asks this: what a desk said before it was revoked stays said.

        Raises:
            UnknownDesk: there was none, or it was revoked by then.
        """
        desk, until = self.revoked.get(name, (None, 0))
        return desk if desk is not None and size <= until else self.desk(name)

    def after(self, event: DirectoryEvent) -> "Directory":
        """The directory after one more event.

        Raises:
            Rejected: the event does not fit: a second founding, a desk, mailbox or key that is there already, a key
                that is none, an area that does not exist, a desk that is not there to be revoked.
        """
        if event.n != self.size:  # said before, or in another place
            raise Rejected(Reason.REPLAY)
        match event:
            case HubFounded():
                if self.size:
                    raise Rejected(Reason.STATE)
                hub = Hub(event)
                with _loading():
                    _ = (hub.voice, hub.release_key, hub.ledger_key)
                return replace(self, size=1, founded=hub)
            case PolicyActivated():
                self._check_founded()
                return replace(self, size=self.size + 1, policy=event.digest)
            case DeskRegistered():
                self._check_founded()
                return self._with_desk(event)
            case DeskRevoked():
                return self._without_desk(event)

    def _with_desk(self, event: DeskRegistered) -> "Directory":
        if event.desk in self.desks or event.desk in self.revoked or len(set(event.patch)) != len(event.patch):
            raise Rejected(Reason.STATE)
        names = frozenset({event.mailbox, event.signing.kid, event.sealing.kid})
        if not self.names.isdisjoint(names) or len(names) != 3:
            raise Rejected(Reason.STATE)
        if not area_table().known.issuperset(event.patch):
            raise Rejected(Reason.AREA)
        desk = Desk(event)
        with _loading():
            _ = (desk.verify_key, desk.sealing_key)
        by_area = dict(self.by_area)
        for code in event.patch:
            by_area[code] = (*by_area.get(code, ()), desk.id)
        return replace(
            self,
            size=self.size + 1,
            desks={**self.desks, desk.id: desk},
            by_area=by_area,
            names=self.names | names,
            unpatched=self.unpatched if event.patch or event.addressed_only else (*self.unpatched, desk.id),
        )

    def _without_desk(self, event: DeskRevoked) -> "Directory":
        desk = self.desks.get(event.desk)
        if desk is None:
            raise Rejected(Reason.STATE)
        left = {code: tuple(name for name in names if name != desk.id) for code, names in self.by_area.items()}
        return replace(
            self,
            size=self.size + 1,
            desks={name: other for name, other in self.desks.items() if name != desk.id},
            revoked={**self.revoked, desk.id: (desk, self.size)},
            by_area={code: names for code, names in left.items() if names},
            unpatched=tuple(name for name in self.unpatched if name != desk.id),
        )

    def _check_founded(self) -> None:
        if self.founded is None:
            raise Rejected(Reason.STATE)


@contextmanager
def _loading() -> Iterator[None]:
    # Keys are loaded once here, so that one that is none is refused when it is entered and not when it is needed.
    try:
        yield
    except (NotStrict, CheckpointRejected) as error:
        raise Rejected(Reason.KEY) from error
