"""What is fuzzed: a decoder, what it may raise, and real bytes to begin with; and what counts as a finding.

A decoder may take an input, or refuse it with an error of its own that quotes nothing of it. Anything else is a
finding: another error, an assertion of what must hold of everything that is taken, an answer that takes longer than a
second of the processor and what so many bytes take, or 200 MB of memory, or an error that holds the name of somebody
in the seeds.
"""

import time
import traceback
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path

from tests.fuzz.memory import begin_kb, most_kb
from tests.personas import CANARIES

INPUT_S_MAX = 1.0
BYTE_S_MAX = 1e-5
"""For each byte of the input on top: two hundred thousand empty lines are so many lines."""
INPUT_KB_MAX = 200 * 1_024


@dataclass(frozen=True, slots=True)
class Target:
    """A decoder and what belongs to it."""

    decode: Callable[[bytes], object]
    """Takes an input apart, and asserts what must hold of what it takes."""
    refusals: tuple[type[Exception], ...]
    """What it may raise. Empty: it takes everything."""
    seeds: Sequence[bytes]
    words: Sequence[bytes] = ()


@dataclass(frozen=True, slots=True)
class Finding:
    """An input that a decoder did not deal with as it must. Shows nothing of the input."""

    what: str
    data: bytes

    def keep(self, name: str, folder: Path) -> Path:
        """Write the input, as hexadecimal digits, to a file that is not part of the tree."""
        folder.mkdir(exist_ok=True)
        (folder / ".gitignore").write_text("*\n", encoding="ascii")
        path = folder / f"{name}-{sha256(self.data).hexdigest()[:16]}.hex"
        path.write_text(self.data.hex() + "\n", encoding="ascii")
        return path


def examine(target: Target, data: bytes) -> Finding | None:
    """Give one input to a decoder; None if it dealt with it as it must."""
    began_kb, began_s = begin_kb(), time.process_time()
    try:
        target.decode(data)
    except target.refusals as error:
        if _quotes_somebody(error):
            return Finding(f"{type(error).__name__} that quotes what was given, {_where(error)}", data)
    except Exception as error:  # noqa: BLE001 - whatever it is: that is what is looked for
        return Finding(f"{type(error).__name__} {_where(error)}", data)
    took_s, took_kb = time.process_time() - began_s, most_kb() - began_kb
    if took_kb > INPUT_KB_MAX:  # first: so much memory may take its time, too
        return Finding(f"took {took_kb // 1_024} MB for {len(data)} bytes", data)
    if took_s > INPUT_S_MAX + len(data) * BYTE_S_MAX:
        return Finding(f"took {took_s:.1f} s for {len(data)} bytes", data)
    return None


def _where(error: BaseException) -> str:
    frames = traceback.extract_tb(error.__traceback__)
    return "raised nowhere" if not frames else f"raised in {Path(frames[-1].filename).name}:{frames[-1].lineno}"


def _quotes_somebody(error: BaseException) -> bool:
    """Whether the error, or one that would be shown with it, names somebody."""
    return any(canary in str(shown) for shown in _shown(error) for canary in CANARIES)


def _shown(error: BaseException) -> Iterator[BaseException]:
    while True:
        yield error
        before = error.__cause__ or (None if error.__suppress_context__ else error.__context__)
        if before is None:
            return
        error = before
