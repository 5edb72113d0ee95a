"""Kafka's jars: fetched once by Maven into the user's cache, and compared with what is pinned before each use.

What is wanted stands in `pom.xml`, and what must come of it in `jars.sha256`, one file a line as `sha256sum` writes it.
A file that is not named there is not loaded, wherever it lies.
"""

import fcntl
import hashlib
import os
import re
import shutil
import subprocess
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from broker.dev.programs import maven
from broker.errors import KafkaNotFetched
from broker.files import private_folder

POM = Path(__file__).with_name("pom.xml")
PINNED = {
    name: digest
    for digest, name in map(str.split, Path(__file__).with_name("jars.sha256").read_text("ascii").splitlines())
}
"""The files of a whole Kafka, and the SHA-256 of each in hexadecimal."""
_DIGEST = hashlib.sha256("".join(sorted(PINNED.values())).encode("ascii")).hexdigest()[:12]

VERSION = next(match[1] for name in PINNED if (match := re.fullmatch(r"kafka_2\.13-(.+)\.jar", name)))
"""Which Kafka."""

Progress = Callable[[int, int], None]
"""Called with how many files there are, and how many there will be; first with none."""


@dataclass(frozen=True, slots=True)
class Jars:
    """Kafka, whole and as it was pinned."""

    files: tuple[Path, ...]

    @property
    def classpath(self) -> str:
        """For `java -cp`."""
        return ":".join(map(str, self.files))


def cache_folder() -> Path:
    """Where what can be fetched again lies, outside of every tree (XDG Base Directory Specification)."""
    named = os.environ.get("XDG_CACHE_HOME", "")
    return (Path(named) if Path(named).is_absolute() else Path.home() / ".cache") / "tellwise"


def jars(cache: Path | None = None, *, said: Progress = lambda _done, _of: None) -> Jars:
    """Kafka's jars, fetched if they are not there.

    Args:
        cache: Where they lie; None for `cache_folder()`.
        said: Told how far the download is. Not called if nothing is fetched.

    Raises:
        ToolMissing: they must be fetched, and there is no Maven.
        KafkaNotFetched: Maven could not, or a file is not the one that is pinned.
        FolderUnusable: the cache cannot be made.
    """
    cache = private_folder(cache or cache_folder())
    folder = cache / f"kafka-{VERSION}-{_DIGEST}"
    with _alone(cache):
        if not folder.is_dir():
            _fetch(cache, folder, said)
        return _checked(folder)


def _fetch(cache: Path, folder: Path, said: Progress) -> None:
    """Make *folder*, whole or not at all."""
    program = maven()
    unfinished = Path(tempfile.mkdtemp(prefix="fetching-", dir=cache))
    log = cache / "maven.log"
    command = [program, "-B", "-C", "-f", POM, "dependency:copy-dependencies", f"-DoutputDirectory={unfinished}"]
    try:
        with (
            log.open("wb") as told,
            subprocess.Popen(  # noqa: S603 - ours, and the Maven that the user chose
                [str(each) for each in command],
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=subprocess.STDOUT,
            ) as process,
        ):
            said(0, len(PINNED))
            come: set[str] = set()
            for line in process.stdout or ():
                told.write(line)
                name = re.search(r"Downloaded .*/([^/ ]+\.jar) ", line.decode("utf-8", "replace"))
                if name and name[1] in PINNED and name[1] not in come:
                    come.add(name[1])
                    said(len(come), len(PINNED))
        if process.returncode != 0:
            raise KafkaNotFetched(f"Maven could not fetch Kafka {VERSION}; what it says stands in `{log}`")
        _checked(unfinished)
        said(len(PINNED), len(PINNED))
        unfinished.rename(folder)
    finally:
        shutil.rmtree(unfinished, ignore_errors=True)


def _checked(folder: Path) -> Jars:
    for name, pinned in PINNED.items():
        try:
            digest = hashlib.sha256((folder / name).read_bytes()).hexdigest()
        except OSError as error:
            raise KafkaNotFetched(f"`{folder}` lacks `{name}`") from error
        if digest != pinned:
            raise KafkaNotFetched(f"`{name}` in `{folder}` is not the file that is pinned")
    return Jars(tuple(folder / name for name in PINNED))


@contextmanager
def _alone(cache: Path) -> Iterator[None]:
    """One process fetches; another that wants the same waits for it."""
    with (cache / "fetching.lock").open("wb") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield
