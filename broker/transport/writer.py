"""The one writer of a file: a thread that commits whatever waits, together, and says so to everyone who waits for it.

A lone caller is never made to wait for company. Company comes by itself: what arrives while one group is being synced
is the next group.
"""

import asyncio
from collections import defaultdict, deque
from collections.abc import Callable, Iterable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from threading import Condition, Thread
from typing import Any, Protocol, TypeVar

import apsw

from broker.errors import OutcomeUnknown
from broker.ports import Partition
from broker.transport.database import folder_unusable, is_fault_of_the_folder

GROUP_WRITES_MAX = 2_000
GROUP_BYTES_MAX = 16 * 2**20
"""One larger write is still a group of its own."""

T = TypeVar("T")
T_co = TypeVar("T_co", covariant=True)


class Write(Protocol[T_co]):
    """A change of the file as a value: it can be applied again when its group was undone."""

    @property
    def size_bytes(self) -> int:
        """About how much the commit has to write."""

    @property
    def partitions(self) -> Iterable[Partition]:
        """Where records are added."""

    def apply(self, connection: apsw.Connection) -> T_co:
        """Do it. What it raises undoes it alone, and goes to its caller."""


@dataclass(eq=False, slots=True)
class _Waiting:
    """A write, who waits for it, and what became of it the last time that it was tried."""

    write: Write[Any]
    loop: asyncio.AbstractEventLoop
    future: asyncio.Future[Any]
    result: Any = None
    error: Exception | None = None

    def settle(self) -> None:
        """In the caller's loop."""
        if self.future.done():  # the caller was cancelled
            return
        if self.error is None:
            self.future.set_result(self.result)
        else:
            self.future.set_exception(self.error)


class Writer:
    """The thread, its queue and its connection, which is nobody else's."""

    def __init__(
        self, connection: apsw.Connection, path: Path, committed: Callable[[Iterable[Partition]], None]
    ) -> None:
        """Start the thread.

        Args:
            connection: From `open_database`; the writer closes it.
            path: For what is said about a fault.
            committed: Told after each commit where there are new records. Called in the writer's thread.
        """
        self._connection = connection
        self._path = path
        self._committed = committed
        self._changed = Condition()
        self._queue: deque[_Waiting] = deque()
        self._is_closing = False
        self._thread = Thread(target=self._run, name=f"writer of {path.name}", daemon=True)
        self._thread.start()

    async def commit(self, write: Write[T]) -> T:
        """Do it, and return when it survives a power cut.

        It goes on when the caller is cancelled, and all of it or nothing happens.

        Raises:
            FolderUnusable: it did not happen, the disk or the file does not let us.
            OutcomeUnknown: the disk failed so late that it may come to light after a restart.
            RuntimeError: the writer is closed.
        """
        loop = asyncio.get_running_loop()
        future: asyncio.Future[T] = loop.create_future()
        waiting = _Waiting(write, loop, future)
        with self._changed:
            if self._is_closing:
                raise RuntimeError(f"`{self._path}` is closed")
            self._queue.append(waiting)
            self._changed.notify()
        return await future

    def finish(self) -> None:
        """Commit what is queued, and take nothing more. Blocks."""
        with self._changed:
            self._is_closing = True
            self._changed.notify()
        self._thread.join()

    def close(self) -> None:
        """Finish, and let go of the file. Blocks; closing again does nothing."""
        self.finish()
        # What cannot be moved into the main file now stays in the WAL, as durable as before.
        with suppress(apsw.Error):
            self._connection.wal_checkpoint(mode=apsw.SQLITE_CHECKPOINT_TRUNCATE)
        with suppress(apsw.FullError, apsw.IOError, apsw.ReadOnlyError):  # it tries the same once more
            self._connection.close()

    def _run(self) -> None:
        while group := self._next_group():
            try:
                self._commit(group)
            except Exception as error:  # noqa: BLE001 - whatever it is, nobody is left waiting
                self._leave_unknown(group, error)
            _tell(group)
            self._committed({partition for waiting in group for partition in waiting.write.partitions})

    def _next_group(self) -> Sequence[_Waiting]:
        """Everything that waits, up to the limits; empty when the writer is to end."""
        group: list[_Waiting] = []
        size_bytes = 0
        with self._changed:
            self._changed.wait_for(lambda: self._queue or self._is_closing)
            while self._queue and len(group) < GROUP_WRITES_MAX:
                size_bytes += self._queue[0].write.size_bytes
                if group and size_bytes > GROUP_BYTES_MAX:
                    break
                group.append(self._queue.popleft())
        return group

    def _commit(self, group: Sequence[_Waiting]) -> None:
        """Commit the group, or each of its writes alone if it is undone as a whole. Afterwards each has its answer."""
        try:
            self._connection.execute("BEGIN IMMEDIATE")
        except apsw.Error as error:
            self._fail(group, error)
            return
        is_committing = False
        try:
            # What undoes a lone write undoes its group. A savepoint would copy each page that it changes.
            apply = self._apply if len(group) == 1 else self._apply_apart
            for waiting in group:
                apply(waiting)
            is_committing = True
            self._connection.execute("COMMIT")
        except Exception as error:  # noqa: BLE001 - whatever it is, it is this caller's, and the neighbours go on
            if self._connection.in_transaction:
                self._connection.execute("ROLLBACK")
            elif is_committing and not isinstance(error, apsw.FullError):
                # The commit may stand in the WAL, whole but not synced. Nobody sees it now, the next commit overwrites
                # it, and a restart before that would find it. With a full disk its last frame was never written.
                self._leave_unknown(group, error)
                return
            if len(group) == 1:
                self._fail(group, error)
            else:
                for waiting in group:
                    self._commit([waiting])

    def _apply(self, waiting: _Waiting) -> None:
        waiting.result, waiting.error = waiting.write.apply(self._connection), None

    def _apply_apart(self, waiting: _Waiting) -> None:
        """What it raises undoes it alone."""
        self._connection.execute("SAVEPOINT one")
        try:
            self._apply(waiting)
        except Exception as error:
            if not self._connection.in_transaction:
                raise  # a full disk, say: SQLite took everything back that was done since BEGIN
            self._connection.execute("ROLLBACK TO one")
            self._fail([waiting], error)
        self._connection.execute("RELEASE one")

    def _fail(self, group: Sequence[_Waiting], error: Exception) -> None:
        for waiting in group:
            waiting.error = error
            if is_fault_of_the_folder(error):
                waiting.error = folder_unusable(self._path, error)
                waiting.error.__cause__ = error

    def _leave_unknown(self, group: Sequence[_Waiting], error: Exception) -> None:
        for waiting in group:
            waiting.error = OutcomeUnknown(f"the commit to `{self._path}` failed: {error}")
            waiting.error.__cause__ = error


def _tell(group: Iterable[_Waiting]) -> None:
    """Hand the answers over, with one call for each event loop."""
    by_loop: defaultdict[asyncio.AbstractEventLoop, list[_Waiting]] = defaultdict(list)
    for waiting in group:
        by_loop[waiting.loop].append(waiting)
    for loop, ours in by_loop.items():
        with suppress(RuntimeError):  # a closed loop: nobody waits there any more
            loop.call_soon_threadsafe(_settle_all, ours)


def _settle_all(group: Iterable[_Waiting]) -> None:
    for waiting in group:
        waiting.settle()
