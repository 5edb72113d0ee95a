"""A hub with its HTTP edge on a loopback port, and desks that come to it that way: everything real but the clock."""

from collections.abc import AsyncIterator, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path

from broker.app import Tellwise, desk_folder, hub_folder, running
from broker.client import Desk, Trust
from broker.client.http_link import HttpLink
from broker.client.keys import DeskKeys, load_desk_keys
from broker.engines import OpenEngine
from broker.ports import Clock
from broker.sealing.entropy import system_entropy
from broker.service import edge_open
from broker.settings import Http
from schemas import DeskId
from tests.faults.county import HUB
from tests.personas import DESKS, DeskPersona
from tests.sayings import CONTACT


@dataclass
class Served:
    """A hub at work, and where it is."""

    tellwise: Tellwise
    url: str
    clock: Clock
    desks: dict[DeskId, Desk] = field(default_factory=dict)

    def keys(self, desk: DeskId) -> DeskKeys:
        """The keys of a desk."""
        return load_desk_keys(desk_folder(self.tellwise.folder, desk) / "keys.json", system_entropy)

    def link(self, desk: DeskId, clock: Clock | None = None) -> HttpLink:
        """A desk's way to the hub; close it."""
        return HttpLink(self.url, desk, self.keys(desk).signer, clock or self.clock, system_entropy)


@asynccontextmanager
async def served(
    folder: Path,
    clock: Clock,
    desks: Sequence[DeskPersona] = DESKS,
    *,
    http: Http | None = None,
    engine: OpenEngine | None = None,
) -> AsyncIterator[Served]:
    """Run the hub of *folder* and its edge, with these desks registered and open.

    Args:
        folder: The data folder.
        clock: Of the hub, its edge and the desks.
        desks: Who is here.
        http: How the edge is set; a free port by default.
        engine: What the hub stands on.
    """
    async with AsyncExitStack() as stack:
        tellwise = await stack.enter_async_context(running(folder, HUB, demo=True, clock=clock, engine=engine))
        for desk in desks:
            known = tellwise.directory.desks.keys() | tellwise.directory.revoked.keys()
            if desk.name not in known:
                await tellwise.register(
                    desk.name, agency=desk.agency, desk_type=desk.desk_type, patch=desk.patch, signed=desk.signed
                )
        url = await stack.enter_async_context(edge_open(tellwise, http or Http(port=0), folder, clock))
        here = Served(tellwise, url, clock)
        trust = Trust.load(hub_folder(folder) / "trust.json")
        for desk in desks:
            link = here.link(desk.name)
            stack.push_async_callback(link.close)
            home = desk_folder(folder, desk.name)
            here.desks[desk.name] = Desk(home, desk.name, CONTACT, trust, link, clock, system_entropy)
            stack.callback(here.desks[desk.name].close)
        yield here
