"""Who enters events into the directory: founds the hub, registers desks and revokes them, puts policies in force.

Each event is checked against the directory as it stands before it is signed, so that what is entered is taken; the lane
checks it again.
"""

import asyncio
from collections.abc import Awaitable, Callable, Sequence

from broker.client.card import DeskCard
from broker.directory import (
    DeskRegistered,
    DeskRevoked,
    Directory,
    DirectoryEvent,
    HubFounded,
    PolicyActivated,
    SealingKey,
    SigningKey,
    sealing_key,
    sign_event,
    signing_key,
)
from broker.errors import FolderUnusable, KeyUnavailable, NotRegistered
from broker.lifecycle import Premises
from broker.ports import Clock
from broker.sealing.entropy import Entropy
from broker.sealing.rejection import Rejected
from broker.sealing.signatures import Algorithm, Signer
from schemas import AgencyId, AreaCode, DeskId, DeskType, Mailbox, SchemaRefused
from schemas.strict import b64u_encode


class Registrar:
    """The directory's pen. One event at a time, since each says its number."""

    def __init__(
        self,
        directory: Callable[[], Awaitable[Directory]],
        enter: Callable[[bytes], Awaitable[None]],
        signer: Signer,
        clock: Clock,
        entropy: Entropy,
        make_room: Callable[[Mailbox], Awaitable[None]] | None = None,
    ) -> None:
        """Join the parts.

        Args:
            directory: As it stands.
            enter: Hands a signed event to the lane, and returns when it is taken.
            signer: The directory key.
            clock: The time.
            entropy: Makes mailboxes.
            make_room: Makes what a desk needs of the engine below, as `Engine.make_room`; None: it needs nothing.
        """
        self._directory, self._enter, self._signer = directory, enter, signer
        self._clock, self._entropy, self._make_room = clock, entropy, make_room
        self._entering = asyncio.Lock()

    async def register(
        self,
        card: DeskCard,
        *,
        agency: AgencyId,
        desk_type: DeskType,
        patch: Sequence[AreaCode],
        signed: bool,
        addressed_only: bool = False,
    ) -> None:
        """Enter a desk, with the public halves of its keys.

        Raises:
            NotRegistered: the name is taken, an area does not exist, or a field is wrong. Nothing is entered.
        """
        await self._enter_checked(
            f"desk `{card.desk}` cannot be registered",
            "the name or a key is taken, or an area does not exist",
            lambda n: DeskRegistered.of(
                n=n,
                at=self._clock.now(),
                desk=card.desk,
                agency=agency,
                desk_type=desk_type,
                patch=tuple(patch),
                signed=signed,
                mailbox=b64u_encode(self._entropy(16)),
                signing=card.signing,
                sealing=card.sealing,
                addressed_only=addressed_only,
            ),
        )

    async def revoke(self, desk: DeskId) -> None:
        """Let a desk neither publish nor receive from now on.

        Raises:
            NotRegistered: there is no such desk. Nothing is entered.
        """
        await self._enter_checked(
            f"desk `{desk}` cannot be revoked",
            "there is no such desk",
            lambda n: DeskRevoked.of(n=n, at=self._clock.now(), desk=desk),
        )

    async def found(self, premises: Premises) -> None:
        """Enter the hub itself and the policies at hand, where the directory does not have them yet.

        Raises:
            KeyUnavailable: the hub was founded with other keys than those at hand; nobody would believe what they sign.
        """
        keys, digest = premises.keys, premises.policies.bundle.digest
        voice, release = await self.check_keys(premises)
        standing = await self._directory()
        if standing.founded is None:
            await self._enter_checked(
                "the hub cannot be founded",
                "the directory is not empty",
                lambda n: HubFounded.of(
                    n=n,
                    at=self._clock.now(),
                    hub=premises.hub,
                    lanes=premises.lanes,
                    ledger=keys.ledger.text(),
                    voice=voice,
                    release=release,
                ),
            )
        if standing.policy != digest:
            await self._enter_checked(
                "the policies cannot be put in force",
                "the hub is not founded",
                lambda n: PolicyActivated.of(n=n, at=self._clock.now(), digest=digest),
            )

    async def check_keys(self, premises: Premises) -> tuple[SigningKey, SealingKey]:
        """The keys by which the hub speaks, and to which is sealed; checked against the directory, if it has them.

        Raises:
            KeyUnavailable: it was founded with others; nobody would believe what these sign.
            FolderUnusable: it was founded with other lanes; a person's would be looked for where they are not.
        """
        keys = premises.keys
        try:
            voice = signing_key(keys.voice.kid, Algorithm.ED25519, keys.store.public("voice"))
            release = sealing_key(keys.release_kid, keys.release.public_bytes)
        except SchemaRefused as error:
            raise KeyUnavailable("a key of this hub has a name that no key has") from error
        founded = (await self._directory()).founded
        if founded is not None:
            entry = founded.entry
            if (entry.ledger, entry.voice, entry.release) != (keys.ledger.text(), voice, release):
                raise KeyUnavailable("the keys of this hub are not those that its directory names")
            if entry.lanes != premises.lanes:
                raise FolderUnusable(f"this hub was founded with {len(entry.lanes)} lanes")
        return voice, release

    async def _enter_checked(self, what: str, otherwise: str, make: Callable[[int], DirectoryEvent]) -> None:
        async with self._entering:
            standing = await self._directory()
            try:
                event = make(standing.size)
                standing.after(event)
            except SchemaRefused as error:
                raise NotRegistered(f"{what}: {error}") from None
            except Rejected:
                raise NotRegistered(f"{what}: {otherwise}") from None
            if self._make_room is not None and isinstance(event, DeskRegistered):
                await self._make_room(event.mailbox)  # first: a lane that cannot write to an inbox stands still
            await self._enter(sign_event(event, self._signer))
