"""For each file, the rows that could not be said: which, and why. No cell of them, since others may read this."""

import csv
import os
from pathlib import Path
from typing import TextIO

from broker.errors import FolderUnusable
from broker.files import UNFINISHED, sync_folder

_HEADER = ("line", "reason")


class Rejects:
    """The list that goes with one file. It is there whole, or not at all."""

    def __init__(self, path: Path) -> None:
        """Begin a list; nothing is written before the first row."""
        self._path, self._unfinished = path, path.with_name(path.name + UNFINISHED)
        self._file: TextIO | None = None
        self.count = 0

    def add(self, line: int, reason: str) -> None:
        """Note a row.

        Args:
            line: Where it begins, counted from 1; 0 for the file as a whole.
            reason: Names fields and columns, and holds nothing of a cell.

        Raises:
            FolderUnusable: it cannot be written.
        """
        try:
            if self._file is None:
                handle = os.open(self._unfinished, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
                self._file = os.fdopen(handle, "w", encoding="utf-8", newline="")
                csv.writer(self._file).writerow(_HEADER)
            csv.writer(self._file).writerow((line, reason))
        except OSError as error:
            raise FolderUnusable(f"cannot write `{self._path}`: {error.strerror}") from error
        self.count += 1

    def finish(self) -> None:
        """Make the list survive a power cut. Where no row was noted there is none.

        Raises:
            FolderUnusable: it cannot be written.
        """
        if self._file is None:
            return
        try:
            self._file.flush()
            os.fsync(self._file.fileno())
            self._file.close()
            self._unfinished.replace(self._path)
            sync_folder(self._path.parent)
        except OSError as error:
            raise FolderUnusable(f"cannot write `{self._path}`: {error.strerror}") from error

    def close(self) -> None:
        """Let go of what was not finished."""
        if self._file is not None:
            self._file.close()
