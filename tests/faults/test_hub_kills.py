"""`kill -9` at random moments of a loaded hub, again and again: nothing accepted is lost, nothing has a second effect,
the ledger has no gap, and nobody's name stands in any file that the hub wrote.

The hub and its desks are a process of their own (hub_under_load.py) that publishes, hears and acknowledges without a
pause on real files. The moments are drawn from a seed: after so many notifications of this life, and a few milliseconds
more; in some rounds while the new hub is still taking over from the dead one. Desks send again what they do not know to
be at the hub; that is their job, and a second copy must have no effect.

SIGKILL says nothing about the disk's honesty: see tests/units/test_embedded_disk.py.
"""

import random
import subprocess
import sys
import time
from dataclasses import dataclass, field
from pathlib import Path
from signal import SIGKILL
from threading import Timer

from broker.app import hub_folder
from broker.ledger.entries import Acknowledgement, Alteration, Disclosure, Refusal, Repeat
from schemas import DeskId, NotificationId
from tests.faults.canaries import canaries_in
from tests.faults.checker import Submitted, check
from tests.faults.stored import Stored, read_stored
from tests.faults.summary import Summary
from tests.personas import CANARIES, PEOPLE

ROOT = Path(__file__).parents[2]
KILLS, SEED = 10, 20260302
TAKING_OVER_EACH = 5
"""Which of the kills is one before the new hub has taken over."""
HANGS_AFTER_S = 30
"""A hub that is neither up nor done by then never will be; it is ended, and the test fails."""


@dataclass
class Lives:
    """What the hub's many short lives have said."""

    submitted: list[Submitted] = field(default_factory=list)
    owing: int = 0
    """Kills at which something was accepted and had not left for its desks yet, or was durable and not decided."""
    log: bytes = b""

    def hear(self, line: bytes) -> bytes:
        word, *rest = line.split()
        if word == b"said":
            desk, notification = rest
            self.submitted.append((DeskId(desk.decode()), NotificationId(notification.decode())))
        return word


def live(folder: Path, lives: Lives, seed: int, *, moment: tuple[int, float] | None) -> None:
    """Run the hub, until it is killed or has nothing left to do.

    Args:
        folder: The data folder.
        lives: Where to note what it says.
        seed: For what it does.
        moment: When to kill it: how many notifications after it is up (-1: when it begins), and how many seconds later.
    """
    end = "end" if moment is None else "load"
    command = [sys.executable, "-m", "tests.faults.hub_under_load", str(folder), str(seed), end]
    with subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.PIPE) as process:
        assert process.stdout is not None
        assert process.stderr is not None
        watchdog = Timer(HANGS_AFTER_S, process.terminate)
        watchdog.start()
        left = -1
        for line in process.stdout:
            word = lives.hear(line)
            if moment is not None:
                left = moment[0] if word == b"up" else left - (word == b"said")
                if left == 0 or (word == b"begun" and moment[0] < 0):
                    time.sleep(moment[1])  # the moment itself, and not a wait for anything
                    process.kill()
        watchdog.cancel()
        lives.log += process.stderr.read()
        assert process.wait() == (0 if moment is None else -SIGKILL), lives.log.decode()


def soak(kills: int, seed: int, folder: Path) -> Summary:
    """Kill a loaded hub so many times, at moments drawn from *seed*, in an empty *folder*."""
    data, lives, chance, failures = folder / "data", Lives(), random.Random(seed), list[str]()
    for round_ in range(kills):
        while_taking_over = round_ % TAKING_OVER_EACH == TAKING_OVER_EACH - 1
        moment = (
            (-1, chance.uniform(0, 0.04)) if while_taking_over else (chance.randrange(1, 25), chance.uniform(0, 0.02))
        )
        live(data, lives, seed + round_, moment=moment)
        at_rest = read_stored(data)
        lives.owing += bool(at_rest.pending or at_rest.unread)
        names = [text for persona in PEOPLE for text in (persona.family, persona.street)]
        found = [
            *check(data, submitted=lives.submitted, settled=False),
            *canaries_in(hub_folder(data).joinpath("hub.db-wal").read_bytes(), names),
        ]
        failures += [f"after kill {round_ + 1} (seed {seed}): {fault}" for fault in found]
    live(data, lives, seed + kills, moment=None)
    found = [*check(data, canaries=CANARIES, submitted=lives.submitted), *canaries_in(lives.log, CANARIES)]
    failures += [f"at the end (seed {seed}): {fault}" for fault in found]
    if lives.owing <= kills * 2 // 3:
        failures.append(f"something was owed at {lives.owing} of {kills} kills only (seed {seed})")
    if not is_a_working_day(read_stored(data), lives, kills):
        failures.append(f"too little happened for the rest to mean anything (seed {seed})")
    of_them = ((lives.owing, "of them while something was owed"),)
    return Summary("kills at any moment", kills, tuple(failures), of_them)


def is_a_working_day(stored: Stored, lives: Lives, kills: int) -> bool:
    """Whether enough of everything happened for the rest to mean anything."""
    counts = [len(stored.of(kind)) for kind in (Disclosure, Acknowledgement, Alteration, Refusal, Repeat)]
    return len(lives.submitted) > 10 * kills and min(counts) > kills


def test_nothing_is_lost_doubled_or_shown_when_a_loaded_hub_is_killed_again_and_again(tmp_path: Path) -> None:
    summary = soak(KILLS, SEED, tmp_path)

    assert summary.failures == ()
    assert summary.done == KILLS
