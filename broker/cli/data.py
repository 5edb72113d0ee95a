"""`tellwise data`: a hub's data backed up and put back, looked through, and let go on."""

from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from broker.cli.ending import carefully

if TYPE_CHECKING:
    from broker.care.manifest import Manifest
    from broker.health import Finding

data = typer.Typer(help="The hub's data: backed up, put back, looked through.", no_args_is_help=True)

_CONFIG = Annotated[Path, typer.Option("--config", help="The hub's settings.")]
_DEMO = Annotated[bool, typer.Option("--demo", help="The hub is a demonstration, with keys in clear.")]


@data.command()
def backup(
    to: Annotated[Path, typer.Argument(help="The folder to make. It must not be there.")],
    config: _CONFIG,
    demo: _DEMO = False,
) -> None:
    """Copy the hub's data while it runs or not, and verify the copy. The credential is not in it: keep that elsewhere.

    Exit code 2: there is no backup, and it is said why.
    """
    carefully(lambda: _backup(to, config, demo=demo))


@data.command()
def restore(
    source: Annotated[Path, typer.Argument(metavar="FROM", help="A backup.")],
    config: _CONFIG,
) -> None:
    """Put a backup back where no hub is. The hub will do nothing before its desks have said what they have seen.

    Exit code 2: nothing was put back, and it is said why.
    """
    carefully(lambda: _restore(source, config))


@data.command("accept-restored")
def accept_restored(
    config: _CONFIG,
    sure: Annotated[bool, typer.Option("--yes", help="Do not ask.")] = False,
) -> None:
    """Let a restored hub go on though not every desk has said what it has seen.

    If one of them has seen more than the backup holds, there will be two histories, and that desk will refuse this one.
    """
    if not sure:
        typer.confirm(
            "Go on without the desks that have not spoken? What one of them has seen may be lost.", abort=True
        )
    carefully(lambda: _accept(config))


@data.command()
def check(
    config: _CONFIG,
    demo: _DEMO = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON for a program to read.")] = False,
) -> None:
    """Look through all of the hub's data: the file, the ledgers, every row of state, what waits to leave.

    Exit code 0: all is sound. 1: a problem was found, and its next step is named. 2: it could not be looked.
    """
    from broker.cli.doctor import say_findings

    if say_findings(carefully(lambda: _check(config, demo=demo)), as_json=as_json):
        raise typer.Exit(1)


def _check(config: Path, *, demo: bool) -> "list[Finding]":
    from broker.app import hub_folder, hub_keys
    from broker.care.soundness import inspect
    from broker.cli.verify_folder import kept_in
    from broker.client import Trust
    from broker.clock import SystemClock
    from broker.errors import FolderUnusable
    from broker.sealing.entropy import system_entropy
    from broker.sealing.keystore_file import read_credential
    from broker.settings import HubSettings, beside, load_settings

    settings = load_settings(config, HubSettings)
    folder = beside(config, settings.data)
    Trust.load(hub_folder(folder) / "trust.json")
    if not (hub_folder(folder) / "keyring.json").exists():  # never made in passing
        raise FolderUnusable(f"`{hub_folder(folder)}` holds no hub's keys")
    credential = None if demo else read_credential(beside(config, settings.credential))
    keys = hub_keys(folder, settings.hub, system_entropy, demo=demo, credential=credential)
    days = settings.retention.detail_days
    before = None if days is None else SystemClock().now() - timedelta(days=days)
    return inspect(hub_folder(folder), keys, kept_in(folder), before)


def _backup(to: Path, config: Path, *, demo: bool) -> None:
    from broker.app import hub_folder
    from broker.care.backup import back_up
    from broker.cli.telling import bold, say
    from broker.clock import SystemClock
    from broker.settings import HubSettings, beside, load_settings

    settings = load_settings(config, HubSettings)
    credential = None if demo else beside(config, settings.credential)
    home = hub_folder(beside(config, settings.data))
    manifest = back_up(
        home, to.absolute(), SystemClock().now(), credential=credential, detail_days=settings.retention.detail_days
    )
    say(bold(f"Backed up and verified: {to}"))
    _say(manifest)
    if demo:
        say("The keys in it lie in clear: never use it for a real person.", 2)
    else:
        say("The credential is not in it. Without it no key in the backup opens: keep it elsewhere.", 2)


def _restore(source: Path, config: Path) -> None:
    from broker.app import hub_folder
    from broker.care.restore import put_back
    from broker.cli.telling import bold, say
    from broker.clock import SystemClock
    from broker.settings import HubSettings, beside, load_settings

    settings = load_settings(config, HubSettings)
    home = hub_folder(beside(config, settings.data))
    manifest = put_back(
        source.absolute(), home, settings.hub, SystemClock().now(), detail_days=settings.retention.detail_days
    )
    say(bold(f"Put back and verified: {home}"))
    _say(manifest)
    say(
        "Desks may have seen more than this. The hub takes in, decides and signs nothing before each of them has said"
        " what it kept, or you have said `tellwise data accept-restored`. Its log names those that it waits for.",
        2,
    )


def _accept(config: Path) -> None:
    from broker.app import hub_folder
    from broker.care import standing
    from broker.cli.telling import say
    from broker.clock import SystemClock
    from broker.errors import FolderUnusable
    from broker.settings import HubSettings, beside, load_settings

    settings = load_settings(config, HubSettings)
    home = hub_folder(beside(config, settings.data))
    if (home / standing.AHEAD).exists():
        raise FolderUnusable(f"`{settings.hub}` has lost what a desk has seen: put back a newer backup")
    if standing.accept_restored(home, SystemClock()):
        say(f"`{settings.hub}` goes on. When and by which backup is kept in {home / standing.ACCEPTED}.")
    else:
        say(f"`{settings.hub}` was not waiting.")


def _say(manifest: "Manifest") -> None:
    from broker.cli.telling import say

    size = sum(file.size for file in manifest.files)
    say(f"made at {manifest.made_at:%Y-%m-%d %H:%M:%S}Z: {len(manifest.files)} files, {size // 2**10} KiB", 2)
    for ledger in manifest.ledgers:
        say(f"{ledger.log}: {ledger.size} entries", 2)
