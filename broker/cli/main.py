"""The `tellwise` command.

Exit codes: 0 all is well; 1 something was found; 2 it could not be done, and the next step is named.
"""

import sys
from collections.abc import Callable
from pathlib import Path
from typing import Annotated, TypeVar

import typer

from broker.cli.areas import areas
from broker.errors import TellwiseError

_T = TypeVar("_T")

app = typer.Typer(
    help="Agencies that protect the public tell each other what each is allowed to know, and can later prove it.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,  # its tracebacks show local variables, and those may be somebody's name
)
ledger = typer.Typer(help="The ledger: what was done, and the proof of it.", no_args_is_help=True)
app.add_typer(ledger, name="ledger")
app.add_typer(areas, name="areas")


@app.command()
def demo(
    once: Annotated[bool, typer.Option("--once", help="Play the story, verify it, and end.")] = False,
    data: Annotated[Path | None, typer.Option(help="Keep the data in this folder. Else it is thrown away.")] = None,
) -> None:
    """Watch a notification find its way: a hub and ten desks on this machine, with synthetic people."""
    from broker.cli.demo import play

    _carefully(lambda: play(data, once=once))


@app.command()
def bench(
    seconds: Annotated[float, typer.Option(help="How long to measure.", min=1, max=600)] = 5.0,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON for a program to read.")] = False,
) -> None:
    """Measure the whole path on this machine, against the cryptography that it cannot do without, in the same run."""
    from broker.bench import measure
    from broker.cli.telling import say_figures

    say_figures(_carefully(lambda: measure(seconds)), as_json=as_json)


@app.command()
def rehearse(
    files: Annotated[list[Path], typer.Argument(help="Stories in YAML; see broker/rehearsal/README.md.")],
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON for a program to read.")] = False,
) -> None:
    """Play written stories through the real broker, and report every difference from what they expect.

    Exit code 0: no difference. 1: differences. 2: a file cannot be read, and it is said which key of which event.
    """
    from broker.cli.rehearsing import play_all

    if _carefully(lambda: play_all(files, as_json=as_json)):
        raise typer.Exit(1)


@ledger.command()
def verify(data: Annotated[Path, typer.Option(help="The data folder.")]) -> None:
    """Recompute everything, and compare it with every checkpoint that desks in the folder kept.

    Exit code 0: all is as it was signed. 1: it is not, and it is said where. 2: it cannot be read.
    """
    from broker.cli.telling import say_report
    from broker.cli.verify_folder import verify_folder

    if say_report(_carefully(lambda: verify_folder(data))):
        raise typer.Exit(1)


def _carefully(do: Callable[[], _T]) -> _T:
    try:
        return do()
    except TellwiseError as error:
        print(f"tellwise: {error}\n          {error.next_step}", file=sys.stderr)
        raise typer.Exit(2) from None
    except KeyboardInterrupt:
        raise typer.Exit(130) from None


if __name__ == "__main__":
    app()
