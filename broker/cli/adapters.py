"""`tellwise adapter`: let an agency's own system speak and listen."""

import asyncio
import signal
import sys
from importlib.metadata import entry_points
from pathlib import Path
from typing import Annotated

import typer

from broker.cli.ending import carefully

adapters = typer.Typer(help="Adapters: how an agency's own system speaks and listens.", no_args_is_help=True)


@adapters.command("list")
def list_adapters() -> None:
    """The adapters that are installed."""
    for point in sorted(entry_points(group="tellwise.adapters"), key=lambda each: each.name):
        print(point.name)


@adapters.command()
def run(
    name: Annotated[str, typer.Argument(help="The adapter: see `tellwise adapter list`.")],
    config: Annotated[Path, typer.Option("--config", help="The desk's settings: `desk.toml`.")],
) -> None:
    """Run an adapter, and the desk's talk with the hub beside it, until it is stopped. The log is on standard error."""
    carefully(lambda: asyncio.run(_run(name, config)))


async def _run(name: str, config: Path) -> None:
    from functools import partial

    from broker.cli.at_a_desk import desk_home, kafka_of, open_desk
    from broker.cli.watching import watched
    from broker.client.adapter import Work, find_adapter
    from broker.clock import SystemClock
    from broker.listening.by_kafka import InboxBroker
    from broker.listening.by_link import LinkBroker
    from broker.listening.exchange import run_adapter
    from broker.settings import DeskSettings, check_settings, load_settings

    settings = load_settings(config, DeskSettings)
    adapter = find_adapter(name)
    own = check_settings(settings.adapter.get(name, {}), adapter.settings, f"{config}, [adapter.{name}]")
    connection = kafka_of(settings, config) if settings.kafka is not None and settings.kafka.hears else None
    way = LinkBroker if connection is None else partial(InboxBroker, connection)
    stop = asyncio.Event()
    for which in (signal.SIGINT, signal.SIGTERM):
        asyncio.get_running_loop().add_signal_handler(which, stop.set)
    with watched(settings.telemetry, "tellwise-desk", settings.desk):
        async with open_desk(settings, config) as desk:
            work = Work(desk, desk_home(settings, config), SystemClock(), stop)
            await run_adapter(adapter, work, own, lambda: _say_at_work(settings.desk, name), way)


def _say_at_work(desk: str, name: str) -> None:
    print(f"tellwise: desk `{desk}` at work with adapter `{name}`", file=sys.stderr, flush=True)
