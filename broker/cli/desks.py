"""`tellwise desk`: a desk's own folder, and the desks of a hub's directory."""

import asyncio
import json
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated

import typer

from broker.cli.ending import carefully
from schemas import DeskType

desks = typer.Typer(help="Desks: a new one, and those of a hub.", no_args_is_help=True)

_CONFIG = Annotated[Path, typer.Option("--config", help="The hub's settings.")]
_DEMO = Annotated[bool, typer.Option("--demo", help="The hub is a demonstration, with keys in clear.")]


@desks.command()
def new(
    folder: Annotated[Path, typer.Argument(help="The desk's own folder. Made if it is not there.")],
    name: Annotated[str, typer.Option(help="The desk's name: lower case, such as `northbury-housing`.")],
    hub: Annotated[str, typer.Option(help="The hub's address, as its operator spells it.")],
    role: Annotated[str, typer.Option(help="Whom others ring about what this desk says: a role, nobody's own name.")],
    telephone: Annotated[str, typer.Option(help="Their number.")],
) -> None:
    """Make a desk: its settings, its keys, which never leave the folder, and its card, for the hub's operator."""
    carefully(lambda: _new(folder, name, hub, role, telephone))


@desks.command()
def add(
    card: Annotated[Path, typer.Argument(help="The desk's card: `card.json` of its folder.")],
    config: _CONFIG,
    agency: Annotated[str, typer.Option(help="The agency that it is a unit of.")],
    desk_type: Annotated[DeskType, typer.Option("--type", help="What it is for.")],
    fingerprint: Annotated[str, typer.Option(help="What the desk read out to you. Asked for if it is not given.")] = "",
    patch: Annotated[
        list[str] | None,
        typer.Option(help="A district, county or force that it serves, by name or code; again for more."),
    ] = None,
    signed: Annotated[bool, typer.Option("--signed", help="Its agency signed the sharing protocol.")] = False,
    addressed_only: Annotated[
        bool, typer.Option("--addressed-only", help="It serves no area, and is found only where somebody names it.")
    ] = False,
    everywhere: Annotated[bool, typer.Option("--everywhere", help="It serves every area, such as a prison.")] = False,
    trust: Annotated[Path | None, typer.Option(help="Write there what the desk must know of this hub.")] = None,
    demo: _DEMO = False,
) -> None:
    """Enter a desk in the directory. The hub runs meanwhile."""
    carefully(
        lambda: _add(
            card, config, agency, desk_type, patch or [], (signed, addressed_only, everywhere), fingerprint, trust, demo
        )
    )


@desks.command("list")
def list_desks(
    config: _CONFIG,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON for a program to read, one desk a line.")] = False,
) -> None:
    """The desks of a hub."""
    carefully(lambda: _list(config, as_json=as_json))


@desks.command()
def revoke(
    name: Annotated[str, typer.Argument(help="The desk.")],
    config: _CONFIG,
    sure: Annotated[bool, typer.Option("--yes", help="Do not ask.")] = False,
    demo: _DEMO = False,
) -> None:
    """Let a desk neither publish nor receive any more. Its name is never given again."""
    if not sure:
        typer.confirm(f"Revoke `{name}`? It cannot be undone.", abort=True)
    carefully(lambda: _revoke(name, config, demo=demo))


def _new(folder: Path, name: str, hub: str, role: str, telephone: str) -> None:
    from broker.cli.settings_file import desk_settings_text
    from broker.cli.telling import say
    from broker.client.card import card_of, write_card
    from broker.client.keys import load_desk_keys
    from broker.errors import FolderUnusable
    from broker.files import private_folder, write_whole
    from broker.sealing.entropy import system_entropy
    from broker.settings import DeskSettings, check_settings

    given = {"desk": name, "hub_url": hub, "contact": {"role": role, "telephone": telephone}}
    settings = check_settings(given, DeskSettings, "options")
    private_folder(folder)
    path = folder / "desk.toml"
    if path.exists():
        raise FolderUnusable(f"`{path}` is there already")
    keys = load_desk_keys(folder / "keys.json", system_entropy)
    card = card_of(settings.desk, keys)
    write_whole(folder / "card.json", write_card(card, keys))
    write_whole(path, desk_settings_text(settings.desk, settings.hub_url, role, telephone).encode())
    say(f"Desk `{name}`, its keys and its settings: {folder}")
    say(f"Give the hub's operator {folder / 'card.json'}, and read this out to them on the telephone:", 2)
    say(card.fingerprint, 4)
    say(f"They give you trust.json: put it into {folder}.", 2)


def _add(
    card_file: Path,
    config: Path,
    agency: str,
    desk_type: DeskType,
    patch: Sequence[str],
    is_so: tuple[bool, bool, bool],
    fingerprint: str,
    trust_file: Path | None,
    demo: bool,
) -> None:
    from broker.app import hub_folder
    from broker.beside import registrar_beside
    from broker.cli.telling import say
    from broker.client import Trust
    from broker.client.card import read_card
    from broker.clock import SystemClock
    from broker.errors import NotRegistered
    from broker.sealing.entropy import system_entropy
    from broker.settings import HubSettings, beside, load_settings
    from schemas import AgencyId, UnknownArea, area_table

    settings = load_settings(config, HubSettings)
    card = read_card(card_file)
    signed, addressed_only, everywhere = is_so
    if sum((bool(patch), addressed_only, everywhere)) != 1:
        raise NotRegistered("say what it serves: --patch, or --everywhere, or --addressed-only, and one of them only")
    told = fingerprint or typer.prompt("The fingerprint that the desk read out to you")
    if "".join(told.split()).lower() != card.fingerprint.replace(" ", ""):
        raise NotRegistered(f"the card of `{card.desk}` has another fingerprint: it is not the one that the desk made")
    try:
        codes = [area_table().patch_code(place, desk_type) for place in patch]
    except UnknownArea as error:
        raise NotRegistered(f"as a patch of `{desk_type.value}`: {error}") from None
    trust = Trust.load(hub_folder(beside(config, settings.data)) / "trust.json")

    async def enter() -> None:
        async with registrar_beside(settings, config, SystemClock(), system_entropy, demo=demo) as registrar:
            await registrar.register(
                card,
                agency=AgencyId(agency),
                desk_type=desk_type,
                patch=codes,
                signed=signed,
                addressed_only=addressed_only,
            )

    asyncio.run(enter())
    if trust_file is not None:
        trust.save(trust_file)
        say(f"Give the desk {trust_file}.", 2)
    say(f"Desk `{card.desk}` is in the directory.")


def _list(config: Path, *, as_json: bool) -> None:
    from broker.beside import read_directory
    from broker.cli.telling import say
    from broker.settings import HubSettings, load_settings
    from schemas import area_table

    directory = read_directory(load_settings(config, HubSettings), config)
    everybody = [(desk, True) for desk in directory.desks.values()]
    everybody += [(desk, False) for desk, _ in directory.revoked.values()]
    for desk, is_live in sorted(everybody, key=lambda each: each[0].id):
        if as_json:
            entry = desk.entry.model_dump(mode="json", exclude={"signing", "sealing", "event"})
            print(json.dumps(entry | {"revoked": not is_live}, sort_keys=True))
            continue
        places = ", ".join(area_table().name_of(code) for code in sorted(desk.patch)) or (
            "where it is named" if desk.entry.addressed_only else "everywhere"
        )
        signed = "" if desk.entry.signed else "; protocol not signed"
        gone = "" if is_live else "; REVOKED"
        say(f"{desk.id}  {desk.desk_type.value} of {desk.agency}: {places}{signed}{gone}")


def _revoke(name: str, config: Path, *, demo: bool) -> None:
    from broker.beside import registrar_beside
    from broker.cli.telling import say
    from broker.clock import SystemClock
    from broker.sealing.entropy import system_entropy
    from broker.settings import HubSettings, load_settings
    from schemas import DeskId

    async def enter() -> None:
        settings = load_settings(config, HubSettings)
        async with registrar_beside(settings, config, SystemClock(), system_entropy, demo=demo) as registrar:
            await registrar.revoke(DeskId(name))

    asyncio.run(enter())
    say(f"Desk `{name}` neither publishes nor receives any more.")
