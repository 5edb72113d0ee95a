"""The table of the fault table: each of the seven steps, broken twice. Reading it down is reading the design.

`test_fault_table.py` here plays it on one file, and the one of the same name in tests/kafka on a Kafka.
"""

from dataclasses import dataclass

ONE_WRITE = "a turn is written to the file at once, by its commit"
ONE_PROCESS = "the file is read where the answer is made, and nothing lies between"

ONE_LANE = "a file has one lane, and what is said comes to it at once"


@dataclass(frozen=True, slots=True)
class Fault:
    """One way to break one step, and how the story must end all the same."""

    step: str
    took_effect: bool
    letters: int
    """Letters about the move in the inbox of social care."""
    effects: int
    """Letters about the move that social care have."""
    repeats: int = 0
    """How often the hub is given what it has already."""
    not_in_a_file: str = ""
    """Why one file has no such step; empty: both engines have it."""

    def __str__(self) -> str:
        return f"{self.step}, {'reply' if self.took_effect else 'effect'} lost"


FAULTS = (
    # 1. nothing was kept, so it is said anew
    Fault("compose", took_effect=False, letters=1, effects=1),
    Fault("compose", took_effect=True, letters=1, effects=1),
    # 2. sealed inside the outbox's transaction: what was sealed, and its number, go with it
    Fault("seal", took_effect=False, letters=1, effects=1),
    Fault("seal", took_effect=True, letters=1, effects=1),
    Fault("commit of the outbox", took_effect=False, letters=1, effects=1),
    Fault("commit of the outbox", took_effect=True, letters=1, effects=1),  # the mark says so; it is not said twice
    # 3. the same bytes go again, and the hub knows them by their id
    Fault("submit", took_effect=False, letters=1, effects=1),
    Fault("submit", took_effect=True, letters=1, effects=1, repeats=1),
    Fault("append to the input", took_effect=False, letters=1, effects=1),
    Fault("append to the input", took_effect=True, letters=1, effects=1, repeats=1),
    # of several lanes, it is passed on to the person's in a commit of its own
    Fault("commit of the door", took_effect=False, letters=1, effects=1, not_in_a_file=ONE_LANE),
    Fault("commit of the door", took_effect=True, letters=1, effects=1, not_in_a_file=ONE_LANE),
    # 3 to 5. accepted, decided and recorded in one commit: the committed position says whether it happened
    Fault("commit of the entries", took_effect=False, letters=1, effects=1),
    Fault("commit of the entries", took_effect=True, letters=1, effects=1),  # nothing is decided twice
    # what is written before the commit is no reader's, and the next owner takes it back
    Fault("records of the entries", took_effect=False, letters=1, effects=1, not_in_a_file=ONE_WRITE),
    Fault("records of the entries", took_effect=True, letters=1, effects=1, not_in_a_file=ONE_WRITE),
    # 6. until they have left they are among the pending letters, in the same commit
    Fault("commit of the letters", took_effect=False, letters=1, effects=1),
    Fault("commit of the letters", took_effect=True, letters=1, effects=1),
    Fault("records of the letters", took_effect=False, letters=1, effects=1, not_in_a_file=ONE_WRITE),
    Fault("records of the letters", took_effect=True, letters=1, effects=1, not_in_a_file=ONE_WRITE),
    # 7. reading takes nothing away; the place in the inbox is stored together with what stood there
    Fault("inbox read", took_effect=False, letters=1, effects=1),
    Fault("inbox read", took_effect=True, letters=1, effects=1),
    Fault("fetch of the inbox", took_effect=False, letters=1, effects=1, not_in_a_file=ONE_PROCESS),
    Fault("fetch of the inbox", took_effect=True, letters=1, effects=1, not_in_a_file=ONE_PROCESS),
    Fault("store at the desk", took_effect=False, letters=1, effects=1),  # read a second time
    Fault("store at the desk", took_effect=True, letters=1, effects=1),  # not read a second time
    # and back: an acknowledgement is a notification, and goes the way of every other
    Fault("commit of the acknowledgement", took_effect=False, letters=1, effects=1),
    Fault("commit of the acknowledgement", took_effect=True, letters=1, effects=1),
    Fault("submit of the acknowledgement", took_effect=False, letters=1, effects=1),
    Fault("submit of the acknowledgement", took_effect=True, letters=1, effects=1, repeats=1),
    Fault("commit of the acknowledgement's entry", took_effect=False, letters=1, effects=1),
    Fault("commit of the acknowledgement's entry", took_effect=True, letters=1, effects=1),
)
