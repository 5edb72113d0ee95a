"""`tellwise ledger`: whether it is as it was signed, what stands in it, and the proof of one line for somebody else.

All but `check` read a data folder, beside a running hub or without one. `check` needs the document and the trust file
that a desk is given, and nothing of the hub's.
"""

import json
import sys
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from broker.cli.ending import carefully

if TYPE_CHECKING:
    from broker.cli.ledger_folder import Listing, Shown
    from broker.ledger.exhibit import Checked

ledger = typer.Typer(help="The ledger: what was done, and the proof of it.", no_args_is_help=True)

_Data = Annotated[Path, typer.Option(help="The data folder.")]
_Log = Annotated[
    str | None,
    typer.Option("--log", help="The ledger's name; without it the hub's lane. `HUB/directory` is the other."),
]


@ledger.command()
def verify(
    data: _Data,
    detail_days: Annotated[
        int | None,
        typer.Option(
            "--detail-days", min=0, help="Details that are older may be gone: the hub's own `retention.detail_days`."
        ),
    ] = None,
) -> None:
    """Recompute everything, and compare it with every checkpoint that desks in the folder kept.

    Exit code 0: all is as it was signed. 1: it is not, and it is said where. 2: it cannot be read.
    """
    from broker.cli.telling import say_report
    from broker.cli.verify_folder import verify_folder
    from broker.clock import SystemClock

    before = None if detail_days is None else SystemClock().now() - timedelta(days=detail_days)
    if say_report(carefully(lambda: verify_folder(data, before))):
        raise typer.Exit(1)


@ledger.command()
def show(
    data: _Data,
    log: _Log = None,
    first: Annotated[int | None, typer.Option(min=0, help="Begin at this index. Without it: the newest.")] = None,
    count: Annotated[int, typer.Option(min=1, help="How many entries to show.")] = 20,
    filler: Annotated[bool, typer.Option("--filler", help="Show the fillers, too; else they are counted.")] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON for a program: an object a line.")] = False,
) -> None:
    """Tell what was done, newest last: when, what, by whom and to whom. It is not verified: see `verify`."""
    from broker.cli.ledger_folder import ledgers_of

    def look() -> "Listing":
        with ledgers_of(data) as folder:
            return folder.listing(log, first, count, filler=filler)

    listing = carefully(look)
    if as_json:
        for entry in listing.shown:
            print(json.dumps({"index": entry.index, "at": entry.at.isoformat(), "what": entry.what, **entry.names}))
        return
    _say(listing)


@ledger.command()
def prove(
    index: Annotated[int, typer.Argument(min=0, help="Where the entry stands, counted from 0; see `show`.")],
    data: _Data,
    log: _Log = None,
    out: Annotated[Path | None, typer.Option(help="Write the document here. Without it: to standard output.")] = None,
) -> None:
    """Write an entry and its proof as one document, which `check` checks without anything of this folder.

    The document shows whoever has it that entry, whole. Exit code 2: it is not signed yet, or not as it was signed.
    """
    from broker.cli.ledger_folder import ledgers_of
    from broker.files import write_whole

    def make() -> bytes:
        with ledgers_of(data) as folder:
            document = folder.exhibit(log, index)
        if out is not None:
            write_whole(out, document)
        return document

    document = carefully(make)
    if out is None:
        sys.stdout.write(document.decode("utf-8"))


@ledger.command()
def check(
    file: Annotated[Path, typer.Argument(help="A document that `prove` wrote.")],
    trust: Annotated[Path, typer.Option(help="The hub's trust file, as it gives it to each desk: `trust.json`.")],
) -> None:
    """Check what `prove` wrote, with nothing but the trust file.

    Exit code 0: the entry stands in the ledger that the hub signed. 1: that is not shown. 2: a file cannot be read.
    """
    from broker.cli.ledger_folder import shown
    from broker.cli.telling import say
    from broker.client import Trust
    from broker.errors import FolderUnusable, StateUnreadable
    from broker.files import read_whole
    from broker.ledger.exhibit import Exhibit
    from broker.ledger.merkle import ProofRejected

    def read() -> tuple[bytes, Trust]:
        document = read_whole(file)
        if document is None:
            raise FolderUnusable(f"no file `{file}`")
        return document, Trust.load(trust)

    document, vouched = carefully(read)
    try:
        checked = Exhibit.read(document).check(vouched.hub, vouched.key)
        is_event = checked.checkpoint.origin == f"{vouched.hub}/directory"
        entry = shown(checked.entry, checked.index, vouched.key if is_event else None)
    except (ProofRejected, StateUnreadable) as error:
        say(f"FOUND {file}: {error}", 2)
        say("not proved", 2)
        raise typer.Exit(1) from None
    _say_checked(checked, entry)


def _say(listing: "Listing") -> None:
    from broker.cli.telling import bold

    print(bold(f"{listing.log}: {listing.size} entries, {listing.signed} of them under the newest checkpoint"))
    for entry in listing.shown:
        print(f"  {_line(entry)}")
    if listing.fillers:
        print(f"  and {listing.fillers} fillers among them")


def _say_checked(checked: "Checked", entry: "Shown") -> None:
    from broker.cli.telling import bold, say

    size = checked.checkpoint.size
    print(bold(f"{checked.checkpoint.origin}: proved, under a checkpoint of {size} entries that the hub signed"))
    print(f"  {_line(entry)}")
    print(f"  signed with {checked.key.text()}")
    say("whether the hub shows everybody this ledger is not shown by it: for that, compare checkpoints", 2)


def _line(entry: "Shown") -> str:
    named = "  ".join(f"{name} {value}" for name, value in entry.names.items())
    line = f"{entry.index:>8}  {entry.at:%Y-%m-%d %H:%M:%S}Z  {entry.what:<16}  {named}"
    # A file that was altered could hold what a terminal obeys.
    return "".join(character if character.isprintable() else "?" for character in line).rstrip()
