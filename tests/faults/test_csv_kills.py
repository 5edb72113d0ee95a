"""A thousand rows of a force's extract, thirty-seven of them bad, while adapter and hub are killed again and again.

Real processes over HTTP: what is killed is killed by -9, and started again on what it left behind.
"""

import csv
import random
import shutil
import sqlite3
from collections import Counter
from collections.abc import Iterator
from contextlib import closing, suppress
from pathlib import Path
from subprocess import DEVNULL, Popen

import pytest

from broker.client.store import Sending
from broker.ledger.entries import Collection, Refusal, read_entry
from broker.transport.ledger_file import LedgerFile
from tests.processes import ROOT, TELLWISE, environment, free_port, tellwise, until

ROWS, BAD, KILLS = 1_000, 37, 8
_STATES = "SELECT state, count(*) FROM outbox GROUP BY state"
EXAMPLES = ROOT / "agency_adapters" / "examples"


def extract(path: Path, chance: random.Random) -> set[int]:
    """Write the extract; return the lines of the rows that cannot be said."""
    with (EXAMPLES / "register_changes.csv").open(encoding="utf-8", newline="") as example:
        header, row, *_ = list(csv.reader(example))
    bad = set(chance.sample(range(2, ROWS + 2), BAD))
    spoil: Iterator[tuple[str, str]] = iter(
        [("DOB", "31/02/1901"), ("NEW_DISTRICT", "Atlantis"), ("STATE", "?"), ("PNC_ID", ""), ("MOVED_ON", "soon")]
        * BAD
    )
    with path.with_suffix(".part").open("w", encoding="utf-8", newline="") as file:
        written = csv.writer(file)
        written.writerow(header)
        for line in range(2, ROWS + 2):
            cells = dict(zip(header, row, strict=True)) | {"PNC_ID": f"99/{line:07}A"}
            if line in bad:
                column, value = next(spoil)
                cells[column] = value
            written.writerow(cells[name] for name in header)
    path.with_suffix(".part").rename(path)
    return bad


class Town:
    """A hub and two desks as processes, each killed and started again at will."""

    def __init__(self, folder: Path) -> None:
        self.folder, self.port = folder, free_port()
        self._live: dict[str, Popen[bytes]] = {}
        tellwise("new", "hub", "--name", "hub.invented.example", cwd=folder)
        settings = folder / "hub" / "tellwise.toml"
        text = settings.read_text().replace("# port = 8400", f"port = {self.port}")
        # Nothing is turned away for a while: what stands between a row and the hub is the killing alone.
        settings.write_text(text.replace("# requests_per_s = 50", "requests_per_s = 5000"))
        self.start("hub", "run", "--config", "hub/tellwise.toml", ready="is at work")
        for name, desk_type, patch in (
            ("police", "police", "Lancashire"),
            ("children", "children_social_care", "Blackpool"),
        ):
            self._register(name, desk_type, patch)
        shutil.copy(EXAMPLES / "register_changes.toml", folder / "police")
        with (folder / "police" / "desk.toml").open("a", encoding="utf-8") as desk:
            desk.write('\n[adapter.csv_drop]\nmapping = "register_changes.toml"\nsettle_ms = 0\nlook_ms = 50\n')

    def _register(self, name: str, desk_type: str, patch: str) -> None:
        url = f"http://127.0.0.1:{self.port}"
        made = tellwise(
            *(
                "desk",
                "new",
                name,
                "--name",
                f"invented-{name}",
                "--hub",
                url,
                "--role",
                "duty",
                "--telephone",
                "01632 960001",
            ),
            cwd=self.folder,
        ).stdout
        fingerprint = next(line for line in made.splitlines() if line.startswith("    "))
        tellwise(
            *("desk", "add", f"{name}/card.json", "--config", "hub/tellwise.toml", "--agency", f"invented-{name}"),
            *("--type", desk_type, "--patch", patch, "--signed", "--trust", f"{name}/trust.json"),
            cwd=self.folder,
            keyboard=fingerprint + "\n",
        )

    def start(self, name: str, *arguments: str, ready: str) -> None:
        """Start a process, and wait until it says that it is ready."""
        log = self.folder / f"{name}.log"
        start = log.stat().st_size if log.exists() else 0
        with log.open("ab") as told:
            self._live[name] = Popen(
                [*TELLWISE, *arguments], cwd=self.folder, env=environment(), stdin=DEVNULL, stdout=told, stderr=told
            )
        until(lambda: ready.encode() in log.read_bytes()[start:])

    def start_adapter(self) -> None:
        self.start(
            "adapter", "adapter", "run", "csv_drop", "--config", "police/desk.toml", ready="at work with adapter"
        )

    def start_hub(self) -> None:
        self.start("hub", "run", "--config", "hub/tellwise.toml", ready="is at work")

    def kill(self, name: str) -> None:
        """-9."""
        self._live[name].kill()
        self._live[name].wait()

    def end(self) -> None:
        for process in self._live.values():
            with suppress(ProcessLookupError):
                process.kill()
            process.wait()

    def outbox(self) -> Counter[Sending]:
        """How many notifications of the police stand where."""
        # Counted where it lies: to read all of it so often would take time from those whose work is waited for.
        with closing(sqlite3.connect(self.folder / "police" / "desk.db")) as file:
            return Counter({Sending(state): count for state, count in file.execute(_STATES)})


@pytest.fixture
def town(tmp_path: Path) -> Iterator[Town]:
    here = Town(tmp_path)
    try:
        yield here
    finally:
        here.end()


def test_no_row_is_lost_or_said_twice_while_adapter_and_hub_are_killed(town: Town) -> None:
    chance = random.Random(4)
    town.start_adapter()
    bad = extract(town.folder / "police" / "in" / "moves.csv", chance)
    for kill in range(KILLS):
        said = sum(town.outbox().values())
        step = chance.randrange(40, 110)
        until(lambda said=said, step=step: sum(town.outbox().values()) >= min(said + step, ROWS - BAD))  # type: ignore[misc]
        if kill % 2:
            town.kill("hub")
            town.start_hub()
        else:
            town.kill("adapter")
            town.start_adapter()
    until((town.folder / "police" / "done" / "moves.csv").exists)
    until(lambda: town.outbox()[Sending.ACCEPTED] == ROWS - BAD)
    town.end()

    assert town.outbox() == {Sending.ACCEPTED: ROWS - BAD}
    with (town.folder / "police" / "rejects" / "moves.csv.rejects.csv").open(encoding="utf-8", newline="") as file:
        rejected = list(csv.DictReader(file))
    assert {int(row["line"]) for row in rejected} == bad
    assert all(row["reason"] for row in rejected)
    accepted, refused = entries(town.folder)
    assert len(accepted) == len(set(accepted)) == ROWS - BAD
    assert refused == 0
    assert tellwise("ledger", "verify", "--data", "hub/data", cwd=town.folder).stdout.endswith("as it was signed\n")


def entries(folder: Path) -> tuple[list[str], int]:
    """The ids that the hub's ledger has as taken in, and how much it refused."""
    with LedgerFile(folder / "hub" / "data" / "hub" / "hub.db") as ledgers:
        lines = [read_entry(data) for _, data in ledgers.entries("hub.invented.example/lane-0")]
    accepted = [str(line.id) for line in lines if isinstance(line, Collection)]
    return accepted, sum(isinstance(line, Refusal) for line in lines)
