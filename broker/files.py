"""Small files that must survive a power cut whole, and that nobody else may read: keys, trust, settings of a folder."""

import errno
import os
from pathlib import Path

from broker.errors import FolderUnusable

UNFINISHED = ".new"
"""What a file that was not finished is called; it counts for nothing."""


def private_folder(folder: Path) -> Path:
    """Make a folder that only its owner may enter, and each above it that is missing, if it is not there yet.

    Raises:
        FolderUnusable: it cannot be made.
    """
    try:
        for missing in reversed([each for each in (folder, *folder.parents) if not each.exists()]):
            missing.mkdir(mode=0o700, exist_ok=True)
        folder.mkdir(exist_ok=True)  # says so where there is something else of this name
    except OSError as error:
        raise FolderUnusable(f"cannot make `{folder}`: {error.strerror}") from error
    return folder


def write_whole(path: Path, data: bytes) -> None:
    """Write a file of mode 0600 so that after a power cut it is there whole or not at all.

    Raises:
        FolderUnusable: it cannot be written.
    """
    unfinished = path.with_name(path.name + UNFINISHED)
    try:
        handle = os.open(unfinished, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
        try:
            if os.write(handle, data) != len(data):
                raise OSError(errno.ENOSPC, "could not be written whole")
            os.fsync(handle)
        finally:
            os.close(handle)
        unfinished.replace(path)
        sync_folder(path.parent)
    except OSError as error:
        raise FolderUnusable(f"cannot write `{path}`: {error.strerror}") from error


def remove(path: Path) -> None:
    """Remove a file, if it is there, so that it stays removed after a power cut.

    Raises:
        FolderUnusable: it cannot be removed.
    """
    try:
        path.unlink(missing_ok=True)
        sync_folder(path.parent)
    except OSError as error:
        raise FolderUnusable(f"cannot remove `{path}`: {error.strerror}") from error


def read_whole(path: Path) -> bytes | None:
    """A small file's bytes; None if there is no such file.

    Raises:
        FolderUnusable: it is there and cannot be read.
    """
    try:
        return path.read_bytes()
    except FileNotFoundError:
        return None
    except OSError as error:
        raise FolderUnusable(f"cannot read `{path}`: {error.strerror}") from error


def sync_folder(folder: Path) -> None:
    """Make the folder's own list of files survive a power cut."""
    handle = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
