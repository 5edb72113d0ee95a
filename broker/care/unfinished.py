"""A folder that is there whole or not at all: it is filled under another name, and gets its own when all of it is on
the disk."""

import fcntl
import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from broker.errors import FolderUnusable
from broker.files import UNFINISHED, private_folder, sync_folder


def unfinished(folder: Path) -> Path:
    """What *folder* is called until it is finished; what is found under this name counts for nothing."""
    return folder.with_name(folder.name + UNFINISHED)


@contextmanager
def made_whole(folder: Path) -> Iterator[Path]:
    """A folder to fill, which becomes *folder* when the block ends; if it raises, nothing is left.

    What a process that died left behind is removed first.

    Args:
        folder: Not there yet, or empty.

    Raises:
        FolderUnusable: *folder* holds something, somebody else is filling it, or the disk does not let us.
    """
    filling = unfinished(folder)
    try:
        if folder.exists() and any(folder.iterdir()):
            raise FolderUnusable(f"`{folder}` is there already")
        private_folder(folder.parent)
        with _alone(filling):
            _empty(filling)
            try:
                yield filling
                _sync(filling)
                filling.replace(folder)
            except BaseException:
                shutil.rmtree(filling, ignore_errors=True)
                raise
            sync_folder(folder.parent)
    except OSError as error:
        raise FolderUnusable(f"cannot write `{folder}`: {error.strerror}") from error


@contextmanager
def _alone(filling: Path) -> Iterator[None]:
    """Two at once would fill one folder; the lock goes with the process."""
    private_folder(filling)
    descriptor = os.open(filling, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise FolderUnusable(f"somebody else is filling `{filling}`") from None
        yield
    finally:
        os.close(descriptor)


def _empty(filling: Path) -> None:
    for left in filling.iterdir():
        if left.is_dir() and not left.is_symlink():
            shutil.rmtree(left)
        else:
            left.unlink()


def _sync(filling: Path) -> None:
    for at, _, _ in os.walk(filling):
        sync_folder(Path(at))
