"""The `tellwise` command.

Exit codes: 0 all is well; 1 something was found; 2 it could not be done, and the next step is named.
"""

from pathlib import Path
from typing import Annotated

import typer

from broker.cli.adapters import adapters
from broker.cli.areas import areas
from broker.cli.data import data
from broker.cli.desks import desks
from broker.cli.dev import dev
from broker.cli.doctor import doctor
from broker.cli.ending import carefully
from broker.cli.kafka import kafka
from broker.cli.ledger import ledger

app = typer.Typer(
    help="Agencies that protect the public tell each other what each is allowed to know, and can later prove it.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,  # its tracebacks show local variables, and those may be somebody's name
)
app.add_typer(desks, name="desk")
app.add_typer(adapters, name="adapter")
app.add_typer(ledger, name="ledger")
app.add_typer(areas, name="areas")
app.add_typer(data, name="data")
app.add_typer(kafka, name="kafka")
app.add_typer(dev, name="dev")
app.command()(doctor)

_HUB = Annotated[Path, typer.Option("--config", help="The hub's settings: `tellwise.toml`.")]
_DESK = Annotated[Path, typer.Option("--config", help="The desk's settings: `desk.toml`.")]
_ENGINE = Annotated[
    str, typer.Option(help="`embedded`; or `kafka`: on topics of its own, which are removed in the end.")
]
_SPARE = Annotated[
    str | None, typer.Option(help="`HOST:PORT` of that Kafka, in plain text. Else: the one of `tellwise dev kafka up`.")
]
_JSON = Annotated[bool, typer.Option("--json", help="Print JSON for a program to read.")]


@app.command()
def new(
    folder: Annotated[Path, typer.Argument(help="The hub's folder. Made if it is not there.")],
    name: Annotated[str, typer.Option(help="The hub's name, for ever, such as `hub.northbury.example`.")],
) -> None:
    """Make a hub: its settings, each with what it is for, and the credential under which its keys are kept."""
    from broker.cli.hub import new_hub

    carefully(lambda: new_hub(folder, name))


@app.command()
def run(
    config: _HUB,
    demo_keys: Annotated[
        bool, typer.Option("--demo", help="Keys in clear, this machine only: for a demonstration.")
    ] = False,
    until_end: Annotated[bool, typer.Option("--until-end", help="Stop also when standard input ends.")] = False,
    engine: Annotated[
        str, typer.Option(help="`embedded`: one file on this machine. `kafka`: started N times, they share the work.")
    ] = "embedded",
    allow_unsafe_topics: Annotated[
        bool, typer.Option("--allow-unsafe-topics", help="Start on topics of which a node's end takes records along.")
    ] = False,
    port: Annotated[int | None, typer.Option(help="Instead of `http.port`, for several on one machine.")] = None,
    as_json: _JSON = False,
) -> None:
    """Run a hub and its HTTP edge until it is stopped. Its log is on standard error."""
    from broker.cli.hub import EngineName, Running, run_hub

    if engine not in set(EngineName):
        raise typer.BadParameter("`embedded` or `kafka`", param_hint="--engine")
    how = Running(demo_keys, as_json, until_end, EngineName(engine), allow_unsafe_topics, port)
    carefully(lambda: run_hub(config, how))


@app.command()
def export(
    to: Annotated[Path, typer.Argument(help="The folder to make. It must not be there.")],
    config: _HUB,
    demo: Annotated[bool, typer.Option("--demo", help="The hub is a demonstration, with keys in clear.")] = False,
) -> None:
    """Take the data out of a hub that stands still, to go on on Kafka. No hub starts on its folder any more."""
    from broker.cli.moving import export as take_out

    carefully(lambda: take_out(to, config, demo=demo))


@app.command("import")
def import_(
    source: Annotated[Path, typer.Argument(metavar="FROM", help="What `tellwise export` made.")],
    config: _HUB,
    certificate: Annotated[Path | None, typer.Option(help="PEM: an administrator's, instead of the hub's own.")] = None,
    private_key: Annotated[Path | None, typer.Option(help="PEM: the key of that certificate.")] = None,
    allow_unsafe_topics: Annotated[
        bool, typer.Option("--allow-unsafe-topics", help="Topics of which a node's end takes records along will do.")
    ] = False,
) -> None:
    """Put it on the Kafka of a hub's settings, record by record. If it breaks off, the same again goes on from there.

    Exit code 2: not all of it is there, and it is said why.
    """
    from broker.cli.moving import import_ as put_in

    carefully(lambda: put_in(source, config, (certificate, private_key), allow_unsafe_topics=allow_unsafe_topics))


@app.command()
def publish(
    file: Annotated[Path, typer.Argument(help="JSON, one notification a line; `-` for standard input.")],
    config: _DESK,
    as_json: _JSON = False,
) -> None:
    """Say what a file says. What is said lies in the desk's outbox first, and goes until the hub has it."""
    from broker.cli.speaking import publish as say_it

    carefully(lambda: say_it(config, file, as_json=as_json))


@app.command()
def inbox(
    config: _DESK,
    everything: Annotated[bool, typer.Option("--all", help="Also letters that were answered.")] = False,
    wait_s: Annotated[int, typer.Option("--wait", help="Seconds to wait for something to come.", min=0, max=120)] = 0,
    as_json: _JSON = False,
) -> None:
    """Hear what there is, and show the letters that nobody has acknowledged yet."""
    from broker.cli.speaking import show_inbox

    carefully(lambda: show_inbox(config, everything=everything, wait_s=wait_s, as_json=as_json))


@app.command()
def ack(
    letter: Annotated[str, typer.Argument(help="The letter's id.")],
    config: _DESK,
    by: Annotated[str, typer.Option(help="Who read it, as the agency knows them; leaves the desk blinded.")],
    part: Annotated[int, typer.Option(help="Which part of it.", min=1)] = 1,
    back: Annotated[bool, typer.Option("--return", help="Give it back: it is not for this desk.")] = False,
    as_json: _JSON = False,
) -> None:
    """A person has read a letter: tell the hub."""
    from broker.cli.speaking import answer

    carefully(lambda: answer(config, letter, part, by, back=back, as_json=as_json))


@app.command()
def demo(
    once: Annotated[bool, typer.Option("--once", help="Play the story, verify it, and end.")] = False,
    data: Annotated[Path | None, typer.Option(help="Keep the data in this folder. Else it is thrown away.")] = None,
) -> None:
    """Watch a notification find its way: a hub and ten desks on this machine, with synthetic people."""
    from broker.cli.demo import play

    carefully(lambda: play(data, once=once))


@app.command()
def bench(
    seconds: Annotated[float, typer.Option(help="How long to measure each thing.", min=1, max=600)] = 5.0,
    growth: Annotated[bool, typer.Option(help="Also with large ledgers and many desks; takes a minute or two.")] = True,
    profile: Annotated[bool, typer.Option("--profile", help="Tell where the time goes instead.")] = False,
    engine: _ENGINE = "embedded",
    kafka: _SPARE = None,
    as_json: _JSON = False,
) -> None:
    """Measure the whole path on this machine, against the cryptography that it cannot do without, in the same run.

    On Kafka, against what only passes records on, and for many inboxes; growth is of the embedded engine alone.
    """
    from broker.cli.benching import measure_and_say, measure_on_kafka_and_say, profile_and_say
    from broker.cli.spare_kafka import spare_kafka

    connection = carefully(lambda: spare_kafka(engine, kafka))
    if connection is not None and profile:
        raise typer.BadParameter("only with `--engine embedded`", param_hint="--profile")
    if connection is not None:
        carefully(lambda: measure_on_kafka_and_say(connection, seconds, as_json=as_json))
    elif profile:
        carefully(lambda: profile_and_say(seconds, as_json=as_json))
    else:
        carefully(lambda: measure_and_say(seconds, growth=growth, as_json=as_json))


@app.command()
def rehearse(
    files: Annotated[list[Path], typer.Argument(help="Stories in YAML; see broker/rehearsal/README.md.")],
    engine: _ENGINE = "embedded",
    kafka: _SPARE = None,
    as_json: _JSON = False,
) -> None:
    """Play written stories through the real broker, and report every difference from what they expect.

    Exit code 0: no difference. 1: differences. 2: a file cannot be read, and it is said which key of which event.
    """
    from broker.cli.rehearsing import play_all

    if carefully(lambda: play_all(files, engine, kafka, as_json=as_json)):
        raise typer.Exit(1)


if __name__ == "__main__":
    app()
