"""`kill -9` at random moments of a loaded hub, thirty times: nothing accepted is lost, nothing has a second effect, the
ledger has no gap, and nobody's name stands in any file that the hub wrote.

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
from tests.personas import CANARIES, PEOPLE

ROOT = Path(__file__).parents[2]
KILLS = 30
SEED = 20260302
HANGS_AFTER_S = 30
"""A hub that is neither up nor done by then never will be; it is ended, and the test fails."""


@dataclass
class Lives:
    """What the hub's many short lives have said."""

    submitted: list[Submitted] = field(default_factory=list)
    owing: int = 0
    """Kills at which something was accepted and had not left for its desks yet, or was durable and not decided."""
    half_way: int = 0
    """Kills before the new hub had taken over."""
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


def test_nothing_is_lost_doubled_or_shown_when_a_loaded_hub_is_killed_thirty_times(tmp_path: Path) -> None:
    folder, lives, chance = tmp_path / "data", Lives(), random.Random(SEED)
    for round_ in range(KILLS):
        while_taking_over = round_ > 0 and chance.random() < 0.2
        moment = (
            (-1, chance.uniform(0, 0.04)) if while_taking_over else (chance.randrange(1, 25), chance.uniform(0, 0.02))
        )
        live(folder, lives, round_, moment=moment)

        at_rest = read_stored(folder)
        lives.half_way += while_taking_over
        lives.owing += bool(at_rest.pending or at_rest.unread)
        assert check(folder, submitted=lives.submitted, settled=False) == [], f"after kill {round_ + 1}"
        names = [text for persona in PEOPLE for text in (persona.family, persona.street)]
        assert canaries_in(hub_folder(folder).joinpath("hub.db-wal").read_bytes(), names) == []
    live(folder, lives, KILLS, moment=None)

    assert check(folder, canaries=CANARIES, submitted=lives.submitted) == []
    assert canaries_in(lives.log, CANARIES) == []
    assert lives.owing > KILLS * 2 // 3
    assert lives.half_way > 2
    assert is_a_working_day(read_stored(folder), lives)


def is_a_working_day(stored: Stored, lives: Lives) -> bool:
    """Whether enough of everything happened for the rest to mean anything."""
    counts = [len(stored.of(kind)) for kind in (Disclosure, Acknowledgement, Alteration, Refusal, Repeat)]
    return len(lives.submitted) > 10 * KILLS and min(counts) > KILLS
